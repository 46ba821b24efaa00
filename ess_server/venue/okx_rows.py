"""OKX replies, checked row by row. A reply that is not exactly what it should be is unknown, never empty."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import OpenOrder, Witness
from ess_server.venue.usdm_rows import (
    SizeRules,
    SymbolOf,
    decimal_of,
    price_of,
    rows_of,
    testify,
    text_of,
    told,
)

NET, LONG, SHORT = "net", "long", "short"
_MARGIN_MODES = ("cross", "isolated")
_CONTRACTS = ("SWAP", "FUTURES", "OPTION")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one contract is worth in base units, and what a market order may be, in contracts."""

    value: Decimal
    sizes: SizeRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One row of the positions: OKX keeps cross and isolated ones apart. ``size`` is in contracts, above zero."""

    instrument: str
    symbol: str
    long: bool
    size: Decimal
    margin_mode: str
    leg: str
    price: Decimal | None = None

    @property
    def hedged(self) -> bool:
        """Whether it is a leg of long/short mode."""
        return self.leg != NET


def data_of(reply: object, name: str) -> list[Mapping[str, Any]]:
    """Return the rows of a reply that succeeded as a whole. Raises VenueUnknownError."""
    if not isinstance(reply, Mapping) or reply.get("code") != "0":
        raise VenueUnknownError(f"{name}: the reply does not say that it succeeded")
    return rows_of(reply.get("data"), name)


def failures_of(reply: object, name: str) -> list[tuple[int, str]]:
    """Return code and message of each item that was refused. Raises VenueUnknownError."""
    if not isinstance(reply, Mapping) or reply.get("code") not in ("0", "1", "2"):
        raise VenueUnknownError(f"{name}: the reply does not tell what became of it")
    rows = rows_of(reply.get("data"), name)
    if not rows:
        raise VenueUnknownError(f"{name}: the reply names no order")
    codes = [(int(decimal_of(row, "sCode")), str(row.get("sMsg", ""))) for row in rows]
    return [(code, message) for code, message in codes if code]


def holdings(reply: object, symbol_of: SymbolOf) -> tuple[Holding, ...]:
    """Read the positions. Raises VenueUnknownError, also for a margin position of spot, which is not covered."""
    found = (_holding(row, symbol_of) for row in data_of(reply, "positions"))
    return tuple(h for h in found if h is not None)


def _holding(row: Mapping[str, Any], symbol_of: SymbolOf) -> Holding | None:
    leg, size, mode, id_ = (
        text_of(row, "posSide"),
        decimal_of(row, "pos"),
        text_of(row, "mgnMode"),
        text_of(row, "instId"),
    )
    if leg not in (NET, LONG, SHORT) or mode not in _MARGIN_MODES:
        raise VenueUnknownError(f"positions: unknown side {leg[:20]!r} or margin mode {mode[:20]!r}")
    if leg != NET and size < 0:
        raise VenueUnknownError(f"positions: the {leg} leg has a sign")
    if size == 0:
        return None
    if text_of(row, "instType") not in _CONTRACTS:
        raise VenueUnknownError(f"positions: {id_[:40]} is no contract, and only contracts can be closed")
    return Holding(
        instrument=id_,
        symbol=symbol_of(id_),
        long=size > 0 if leg == NET else leg == LONG,
        size=abs(size),
        margin_mode=mode,
        leg=leg,
        price=price_of(row, "markPx"),
    )


def open_orders(rows: list[Mapping[str, Any]], symbol_of: SymbolOf, *, conditional: bool) -> tuple[OpenOrder, ...]:
    """Read pending orders or pending conditional orders. Raises VenueUnknownError."""
    key, own = ("algoId", "algoClOrdId") if conditional else ("ordId", "clOrdId")
    return tuple(
        OpenOrder(
            id=text_of(row, key),
            symbol=symbol_of(text_of(row, "instId")),
            conditional=conditional,
            reduce_only=only_reduces(row),
            client_order_id=told(row, own),
        )
        for row in rows
    )


def only_reduces(row: Mapping[str, Any]) -> bool:
    """Whether the exchange will not let this order open anything. Raises VenueUnknownError."""
    side = text_of(row, "side")
    if row.get("reduceOnly") in ("true", True):
        return True
    return (row.get("posSide"), side) in ((LONG, "sell"), (SHORT, "buy"))


def equity(reply: object, currency: str) -> Decimal:
    """Read the equity in one currency, open positions included. Raises VenueUnknownError."""
    for account in data_of(reply, "balance"):
        for detail in rows_of(account.get("details"), "balance"):
            if detail.get("ccy") == currency:
                return decimal_of(detail, "eq")
    raise VenueUnknownError(f"balance: no {currency}")


def witness(reply: object) -> Witness:
    """Read what the account has reserved, in each currency and, where its mode tells, in all of them together.

    What positions hold is told with and without that of orders, depending on the mode, so that of orders is taken off;
    isolated positions have an equity of their own. Raises VenueUnknownError.
    """
    held: list[Decimal] = []
    ordered: list[Decimal] = []
    for account in data_of(reply, "balance"):
        totals = [(account, "ordFroz")]
        for row, key in totals + [(row, "ordFrozen") for row in rows_of(account.get("details"), "balance")]:
            frozen, initial, isolated = (_figure(row, name) for name in (key, "imr", "isoEq"))
            ordered += [] if frozen is None else [frozen]
            held += [] if initial is None else [max(initial - (frozen or 0), Decimal(0))]
            held += [] if not isolated else [isolated]
    return testify(held, ordered)


def _figure(row: Mapping[str, Any], key: str) -> Decimal | None:
    """Return a number, None where the account's mode does not tell it."""
    return None if row.get(key) in (None, "") else decimal_of(row, key)


def hedge_mode(reply: object) -> bool:
    """Read the position mode. Raises VenueUnknownError."""
    for row in data_of(reply, "account configuration"):
        mode = row.get("posMode")
        if mode in ("long_short_mode", "net_mode"):
            return bool(mode == "long_short_mode")
    raise VenueUnknownError("account configuration: no position mode")


def contract(info: object) -> Contract:
    """Read the exchange's row of an instrument. Raises VenueUnknownError."""
    if not isinstance(info, Mapping):
        raise VenueUnknownError("no such instrument")
    value, step = decimal_of(info, "ctVal"), decimal_of(info, "lotSz")
    minimum, maximum = decimal_of(info, "minSz"), decimal_of(info, "maxMktSz")
    if value <= 0 or step <= 0 or maximum < step:
        raise VenueUnknownError("the instrument's sizes make no sense")
    tick = price_of(info, "tickSz")
    return Contract(value=value, sizes=SizeRules(step=step, minimum=max(minimum, step), maximum=maximum, tick=tick))
