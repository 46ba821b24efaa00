"""A feed that is asked for: at its interval, or as often as the request budget leaves room for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import ccxt.async_support as ccxt

from ess_server.core.errors import EssError
from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_feeds import FeedKind, VenueFeed, read_price
from ess_server.venue.budget import RequestBudget
from ess_server.venue.feed_exchange import ask, known_symbols, paid
from ess_server.venue.feed_quotes import QuoteReader
from ess_server.venue.strict import translate
from ess_server.venue.upkeep import Faults, bounded, jittered

AT_ONCE = 8
"""Requests of one feed under way at a time, where each symbol needs its own."""
_RETRY_FIRST, _RETRY_LAST = 0.5, 10.0

Tell = Callable[[FeedUpdate], None]


@dataclass(frozen=True, slots=True)
class Weights:
    """Request weight of one symbol, and of all of them in one request."""

    one: float = 1
    all: float = 1


WEIGHTS: Mapping[tuple[str, FeedKind], Weights] = MappingProxyType(
    {
        ("binanceusdm", FeedKind.BOOK): Weights(one=2, all=5),
        ("binanceusdm", FeedKind.TICKER): Weights(one=1, all=40),
    }
)
"""As the exchange publishes them; one for every request of the others."""


class RestFeed:
    """Asks for a feed for ever. A failure is a fault, never the end; what ccxt cannot read is a corrupt update."""

    def __init__(self, feed: VenueFeed, budget: RequestBudget, reader: QuoteReader, tell: Tell, faults: Faults) -> None:
        self._feed = feed
        self._budget = budget
        self._reader = reader
        self._tell = tell
        self._faults = faults
        self._weights = WEIGHTS.get((feed.exchange, feed.kind), Weights())
        self._exchange: Any = None

    async def run(self) -> None:
        """Ask until cancelled."""
        failures, what = 0, f"reading feed {self._feed.name}"
        try:
            while True:
                delay = self._feed.poll.total_seconds()
                try:
                    await self._round()
                except Exception as error:  # noqa: BLE001 - nothing a venue does may end the feed
                    self._faults.report("", what, translate(error))
                    delay = max(delay, min(_RETRY_LAST, _RETRY_FIRST * 2 ** min(failures, 10)))
                    failures += 1
                else:
                    failures = 0
                    self._faults.cleared("", what)
                await asyncio.sleep(jittered(delay))
        finally:
            if self._exchange is not None:
                await self._exchange.aclose()

    async def _round(self) -> None:
        if self._exchange is None:
            self._exchange = ask(self._feed, self._budget)
        symbols = await known_symbols(self._exchange, self._feed, self._faults)
        has, book = self._exchange.has, self._feed.kind is FeedKind.BOOK
        together, singly = ("fetchBidsAsks", "fetchOrderBook") if book else ("fetchTickers", "fetchTicker")
        cheaper = self._weights.one * len(symbols) < self._weights.all and has.get(singly) and not book
        if has.get(together) and not cheaper:
            await paid(self._budget, self._weights.one if len(symbols) == 1 else self._weights.all)
            for ticker in (await self._read(getattr(self._exchange, together), symbols) or {}).values():
                self._take(ticker)
            return
        for first in range(0, len(symbols), AT_ONCE):
            some = symbols[first : first + AT_ONCE]
            await paid(self._budget, self._weights.one * len(some))
            await _all_of([self._one(getattr(self._exchange, singly), symbol) for symbol in some])

    async def _one(self, singly: Callable[..., Awaitable[Any]], symbol: str) -> None:
        found = await self._read(singly, symbol)
        if found is not None:
            self._take(_touch(symbol, found) if "bids" in found else found)

    async def _read(self, method: Callable[..., Any], wanted: object) -> Any:  # noqa: ANN401 - ccxt's
        try:
            return await bounded(method(wanted))
        except (EssError, ccxt.BaseError, OSError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - a parser met what it did not expect: the venue sent nonsense
            self._tell(self._reader.unreadable(error))
            return None

    def _take(self, ticker: Mapping[str, Any]) -> None:
        update = self._reader.read(ticker)
        if update is not None:
            self._tell(update)


async def _all_of(calls: Sequence[Awaitable[None]]) -> None:
    """Await all, whatever becomes of each; raises for the first that failed."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _touch(symbol: str, book: Mapping[str, Any]) -> dict[str, Any]:
    """Return the best bid and ask; or, in place of either, a price in the book that is none."""
    bid, ask_ = _best(book["bids"], max), _best(book["asks"], min)
    return {"symbol": symbol, "bid": bid, "ask": ask_, "timestamp": book["timestamp"], "info": book}


def _best(rows: Sequence[Sequence[Any]], better: Callable[..., str]) -> str | None:
    prices = [str(row[0]) for row in rows]
    bad = next((p for p in prices if not _is_price(p)), None)
    return bad if bad is not None else better(prices, key=Decimal, default=None)


def _is_price(text: str) -> bool:
    try:
        price = read_price(text)
    except ValueError:
        return False
    return price.is_finite() and price > 0
