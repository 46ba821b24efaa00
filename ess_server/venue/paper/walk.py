"""A seeded price walk: demos live, and the same seed lives the same life."""

import random
from decimal import Decimal

from ess_server.venue.paper.books import Books

_STEP = Decimal("0.0001")
_WIDEST = 3


class Walk:
    """Moves every mark by at most three basis points per step."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a price walk, not a secret

    def step(self, books: Books) -> None:
        """Move every mark once, on the tick. Journal entries are left to marks that somebody set."""
        for symbol, instrument in books.market.instruments.items():
            move = 1 + _STEP * self._random.randint(-_WIDEST, _WIDEST)
            raw = books.market.mark(symbol) * move
            price = max(instrument.tick, (raw / instrument.tick).to_integral_value() * instrument.tick)
            books.set_mark(symbol, price, note=False)
