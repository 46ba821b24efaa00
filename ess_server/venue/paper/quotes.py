"""Public prices as the venue tells them: those of the market, unless a scripted fault falsifies what is told.

The books know nothing of these faults: orders trade at the market's true prices.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from ess_server.venue.paper.market import Market

PRICES = ("bid", "ask", "last")
_CROSSED = Decimal("1.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What is told of a symbol; prices and sizes as they are printed, ``true`` unless a fault has touched them.

    ``number`` rises with every quote.
    """

    symbol: str
    bid: str
    ask: str
    last: str
    size: str
    time: datetime
    number: int
    true: bool = True


class FeedFaultKind(StrEnum):
    """What is wrong with what is told.

    FREEZE repeats the last quote to those who ask, and tells nothing to those who listen. CROSS puts the bid above
    the ask. PRICE prints ``value`` as ``price``, whatever it is. JUMP moves every price by ``percent``. CLOCK is off
    by ``shift``. NUMBER falls behind by ``back``; 0 repeats it.
    """

    FREEZE = "freeze"
    CROSS = "cross"
    PRICE = "price"
    JUMP = "jump"
    CLOCK = "clock"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFault:
    """One fault of the quotes of ``symbols`` (empty: all), for the next ``times`` quotes (None: until cleared)."""

    kind: FeedFaultKind
    symbols: tuple[str, ...] = ()
    times: int | None = None
    price: str = "bid"
    value: str = "NaN"
    percent: Decimal = field(default_factory=lambda: Decimal(50))
    shift: timedelta = timedelta(minutes=1)
    back: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for what no quote can show."""
        if self.price not in PRICES:
            raise ValueError(f"price must be one of {', '.join(PRICES)}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")


class Quotes:
    """Tells prices. ``quote`` is for those who ask, ``news`` for those who listen."""

    def __init__(self, market: Market, now: Callable[[], datetime]) -> None:
        self._market = market
        self._now = now
        self._faults: list[FeedFault] = []
        self._last: dict[str, Quote] = {}

    def add(self, fault: FeedFault) -> None:
        """Add a fault. Raises Refused for a symbol that is not listed."""
        for symbol in fault.symbols:
            self._market.instrument(symbol)
        self._faults.append(fault)

    def clear(self) -> None:
        """Tell the truth again."""
        self._faults.clear()

    def faults(self) -> tuple[FeedFault, ...]:
        """Return what is still to come; ``times`` is what is left of each."""
        return tuple(self._faults)

    def quote(self, symbol: str) -> Quote:
        """Return what is told of a symbol now. Raises Refused for one that is not listed."""
        faults = self._taken(symbol)
        last = self._last.get(symbol)
        if last is None or not any(f.kind is FeedFaultKind.FREEZE for f in faults):
            last = self._last[symbol] = self._true(symbol)
        for fault in faults:
            last = replace(_falsified(last, fault), true=False)
        return last

    def news(self, symbols: Iterable[str]) -> list[Quote]:
        """Return the quotes of those symbols that have not frozen."""
        frozen = [f for f in self._faults if f.kind is FeedFaultKind.FREEZE]
        return [self.quote(s) for s in symbols if not any(not f.symbols or s in f.symbols for f in frozen)]

    def _true(self, symbol: str) -> Quote:
        market, instrument, now = self._market, self._market.instrument(symbol), self._now()
        before = self._last.get(symbol)
        digits = instrument.price_digits
        return Quote(
            symbol=symbol,
            bid=f"{market.bid(symbol):.{digits}f}",
            ask=f"{market.ask(symbol):.{digits}f}",
            last=f"{market.mark(symbol):.{digits}f}",
            size=f"{market.available(symbol, instrument.max_market_quantity):.{instrument.quantity_digits}f}",
            time=now,
            number=before.number + 1 if before else int(now.timestamp()) * 1000,
        )

    def _taken(self, symbol: str) -> list[FeedFault]:
        found = [f for f in self._faults if not f.symbols or symbol in f.symbols]
        for fault in found:
            place = self._faults.index(fault)
            if fault.times is not None and fault.times > 1:
                self._faults[place] = replace(fault, times=fault.times - 1)
            elif fault.times is not None:
                del self._faults[place]
        return found


def _falsified(quote: Quote, fault: FeedFault) -> Quote:
    match fault.kind:
        case FeedFaultKind.CROSS:
            return replace(quote, bid=f"{Decimal(quote.ask) * _CROSSED:f}")
        case FeedFaultKind.PRICE:
            changes = {fault.price: fault.value}
            return replace(quote, **changes)  # type: ignore[arg-type] # its prices are texts
        case FeedFaultKind.JUMP:
            factor = 1 + fault.percent / 100
            bid, ask, last = (f"{Decimal(p) * factor:f}" for p in (quote.bid, quote.ask, quote.last))
            return replace(quote, bid=bid, ask=ask, last=last)
        case FeedFaultKind.CLOCK:
            return replace(quote, time=quote.time + fault.shift)
        case FeedFaultKind.NUMBER:
            return replace(quote, number=quote.number - 1 - fault.back)
    return quote
