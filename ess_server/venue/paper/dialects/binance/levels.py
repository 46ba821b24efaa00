"""The order book of a symbol: the whole size stands at the touch, thin levels behind it."""

from decimal import Decimal

from ess_server.venue.paper.dialects.binance.text import fixed, plain
from ess_server.venue.paper.model import Instrument
from ess_server.venue.paper.quotes import Quote

MAX_LEVELS = 20

Levels = list[list[str]]


def levels(quote: Quote, instrument: Instrument, limit: int) -> tuple[Levels, Levels]:
    """Return bids and asks, the best first, each as price and size."""

    def side(touch: str, step: Decimal) -> Levels:
        # What a fault has printed may be no number: it stands alone.
        prices = [Decimal(touch) + step * n for n in range(1, min(limit, MAX_LEVELS))] if quote.true else []
        least = plain(instrument.min_quantity)
        return [[touch, quote.size], *([fixed(p, instrument.price_digits), least] for p in prices if p > 0)]

    return side(quote.bid, -instrument.tick), side(quote.ask, instrument.tick)
