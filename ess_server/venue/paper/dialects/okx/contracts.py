"""The books' instruments as OKX lists them. Sizes are contracts; one contract is ten of the books' steps.

So a contract is never one unit of the base currency by accident, and a lot is a tenth of a contract.
"""

from decimal import Decimal

from ess_server.venue.paper.dialects.okx.codes import OkxError
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import Instrument

INST_TYPE = "SWAP"
LOT = Decimal("0.1")
_SUFFIX = f"-{INST_TYPE}"


def inst_id(instrument: Instrument) -> str:
    """OKX's id of a contract."""
    return f"{instrument.base}-{instrument.quote}{_SUFFIX}"


def find(market: Market, name: str) -> Instrument:
    """Return the contract of an id. Raises OkxError 51001."""
    symbol = name.removesuffix(_SUFFIX).replace("-", "", 1)
    found = market.instruments.get(symbol)
    if found is None or inst_id(found) != name:
        raise OkxError("51001", "Instrument ID does not exist")
    return found


def contract_value(instrument: Instrument) -> Decimal:
    """Base units of one contract."""
    return instrument.step / LOT


def to_contracts(quantity: Decimal, instrument: Instrument) -> Decimal:
    """Turn base units into contracts."""
    return quantity / contract_value(instrument)


def to_base(size: Decimal, instrument: Instrument) -> Decimal:
    """Turn contracts into base units."""
    return size * contract_value(instrument)


def plain(value: Decimal) -> str:
    """Print exactly, without an exponent or zeros at the end."""
    return f"{value.normalize():f}" if value else "0"


def optional(value: Decimal | None) -> str:
    """Print a number that may not be there, as OKX does: as an empty text."""
    return "" if value is None else plain(value)
