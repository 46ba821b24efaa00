"""How much of its limit an evaluator used over time, in as many columns as a chart has: no peak is lost."""

from dataclasses import dataclass
from decimal import Decimal

COLUMNS = 1600


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lowest and highest share of the limit within one column; ``middle`` in microseconds since 1970."""

    middle: float
    low: float
    high: float


class Series:
    """Lowest and highest share in each of equal stretches of time."""

    def __init__(self, start: int, end: int, columns: int = COLUMNS) -> None:
        self._start = start
        self._span = max(end - start, 1)
        self._columns = columns
        self._low: list[Decimal | None] = [None] * (columns + 1)
        self._high: list[Decimal] = [Decimal(0)] * (columns + 1)

    @property
    def column(self) -> float:
        """Microseconds that one column covers."""
        return self._span / self._columns

    def add(self, micros: int, share: Decimal) -> None:
        """Take one reading."""
        column = (micros - self._start) * self._columns // self._span
        low = self._low[column]
        if low is None:
            self._low[column] = self._high[column] = share
        elif share < low:
            self._low[column] = share
        elif share > self._high[column]:
            self._high[column] = share

    def join(self, other: "Series") -> None:
        """Take every reading that another one of the same times and columns took."""
        for column, (low, high) in enumerate(zip(other._low, other._high, strict=True)):  # noqa: SLF001 - of the same class
            own = self._low[column]
            if low is not None:
                self._low[column] = low if own is None else min(own, low)
                self._high[column] = high if own is None else max(self._high[column], high)

    def fresh(self) -> "Series":
        """Return an empty one of the same times and columns."""
        return Series(self._start, self._start + self._span, self._columns)

    def stretches(self) -> list[Stretch]:
        """Return the columns in which something was read, oldest first."""
        return [
            Stretch(self._start + self.column * min(n + 0.5, self._columns), float(low), float(high))
            for n, (low, high) in enumerate(zip(self._low, self._high, strict=True))
            if low is not None
        ]
