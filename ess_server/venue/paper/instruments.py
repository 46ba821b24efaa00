"""The contracts that a paper venue lists by default. Limits follow the shape of the real ones, not their values."""

from decimal import Decimal

from ess_server.venue.paper.model import Instrument

_COLUMNS = """
base mark tick step largest largest_market min_notional
BTC 60000 0.1 0.001 1000 120 100
ETH 3000 0.01 0.001 10000 2000 20
SOL 150 0.01 0.01 1000000 50000 5
BNB 600 0.01 0.01 100000 2000 5
XRP 0.6 0.0001 0.1 10000000 2000000 5
ADA 0.45 0.0001 1 20000000 3000000 5
DOGE 0.12 0.00001 1 50000000 30000000 5
AVAX 28 0.001 0.1 1000000 50000 5
LINK 14 0.001 0.01 1000000 30000 20
DOT 6 0.001 0.1 2000000 300000 5
LTC 80 0.01 0.001 100000 10000 20
BCH 400 0.01 0.001 50000 1000 20
TRX 0.13 0.00001 1 50000000 5000000 5
ATOM 7 0.001 0.01 1000000 100000 5
UNI 8 0.001 0.1 1000000 50000 5
ETC 25 0.001 0.01 500000 60000 20
FIL 4.5 0.001 0.1 1000000 80000 5
APT 7 0.001 0.1 1000000 50000 5
NEAR 5 0.001 0.1 2000000 100000 5
ARB 0.7 0.0001 0.1 10000000 500000 5
OP 1.5 0.0001 0.1 5000000 400000 5
INJ 20 0.001 0.1 500000 20000 5
SUI 1.8 0.0001 0.1 5000000 500000 5
AAVE 150 0.01 0.1 100000 5000 5
XLM 0.1 0.00001 1 50000000 2000000 5
"""


def default_instruments() -> tuple[Instrument, ...]:
    """Return 25 linear USDT perpetuals."""
    _, *rows = _COLUMNS.strip().splitlines()
    return tuple(_perpetual(row.split()) for row in rows)


def _perpetual(row: list[str]) -> Instrument:
    base = row[0]
    mark, tick, step, largest, largest_market, notional = (Decimal(cell) for cell in row[1:])
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        tick=tick,
        step=step,
        min_quantity=step,
        max_quantity=largest,
        max_market_quantity=largest_market,
        min_notional=notional,
        first_mark=mark,
    )
