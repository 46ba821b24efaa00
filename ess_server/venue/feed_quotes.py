"""What ccxt has read of a venue's prices, made into updates: as the venue printed them, however wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ess_server.core.ports import Clock
from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_feeds import FeedKind, FeedSource, VenueFeed, read_price

WHOLE_FEED = ""
"""Symbol of an update that is about the feed and not about one of its symbols."""
NUMBERS: Mapping[str, str] = MappingProxyType(
    {"binance": "u", "binanceusdm": "u", "binancecoinm": "u", "binanceus": "u"}
)
"""Where a stream's update number stands in the raw message of the best bid and ask: those known to rise each time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DETAIL = 200
_PRICES = MappingProxyType({FeedKind.BOOK: ("bid", "ask"), FeedKind.TICKER: ("last",)})


class QuoteReader:
    """Makes updates of ccxt's tickers.

    A price that is NaN, zero or below stays what it is, for an evaluator to see; what is no number at all makes the
    update a corrupt one. Numbers are told of streams only: replies to requests come from many servers, which may
    overtake each other. A venue that tells no time is stamped on arrival, and what it repeats keeps its first stamp.
    """

    def __init__(self, feed: VenueFeed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._symbols = frozenset(feed.symbols)
        self._number = NUMBERS.get(feed.exchange) if feed.source is FeedSource.STREAM else None
        self._stamped: dict[str, tuple[object, datetime]] = {}

    def read(self, ticker: Mapping[str, Any]) -> FeedUpdate | None:
        """Return the update; None for a symbol that is not part of the feed."""
        symbol, wrong = ticker.get("symbol"), list[str]()
        if symbol not in self._symbols:
            return None
        assert isinstance(symbol, str)
        named = _PRICES[self._feed.kind]
        prices = {name: _price(ticker.get(name), name, wrong) for name in named}
        info = ticker.get("info")
        return FeedUpdate(
            feed=self._feed.name,
            symbol=symbol,
            bid=prices.get("bid"),
            ask=prices.get("ask"),
            last=prices.get("last"),
            sequence=self._sequence(info, wrong),
            time=self._time(symbol, ticker.get("timestamp"), [info, prices], wrong),
            corrupt=bool(wrong),
            detail="; ".join(wrong)[:_MAX_DETAIL],
            received=self._clock.uptime(),
            stamped=ticker.get("timestamp") is None,
        )

    def unreadable(self, error: Exception) -> FeedUpdate:
        """Return what is said of the whole feed when ccxt could not read what the venue sent."""
        return FeedUpdate(
            feed=self._feed.name,
            symbol=WHOLE_FEED,
            bid=None,
            ask=None,
            last=None,
            sequence=None,
            time=self._clock.now(),
            corrupt=True,
            detail=f"what the venue sent cannot be read: {type(error).__name__}: {error}"[:_MAX_DETAIL],
            received=self._clock.uptime(),
            stamped=True,
        )

    def _sequence(self, info: object, wrong: list[str]) -> int | None:
        number = info.get(self._number) if self._number is not None and isinstance(info, Mapping) else None
        if number is None:
            return None
        try:
            return int(number)
        except (TypeError, ValueError):
            wrong.append(f"update number {str(number)[:40]!r} is no number")
            return None

    def _time(self, symbol: str, stamp: object, content: object, wrong: list[str]) -> datetime:
        if stamp is None:
            known = self._stamped.get(symbol)
            if known is None or known[0] != content:
                known = self._stamped[symbol] = (content, self._clock.now())
            return known[1]
        try:
            return _EPOCH + timedelta(milliseconds=int(str(stamp)))
        except (ValueError, OverflowError):
            wrong.append(f"time {str(stamp)[:40]!r} is no time")
            return self._clock.now()


def _price(value: object, name: str, wrong: list[str]) -> Decimal | None:
    if value is None:
        return None
    try:
        return read_price(str(value))
    except ValueError as error:
        wrong.append(f"{name} {error}")
        return None
