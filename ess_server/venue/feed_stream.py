"""A feed that is listened to: ccxt's websocket classes, connected again whenever a connection ends."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_feeds import FeedKind, VenueFeed
from ess_server.venue.budget import RequestBudget
from ess_server.venue.feed_exchange import NoSuchFeedError, hear, known_symbols
from ess_server.venue.feed_quotes import QuoteReader
from ess_server.venue.feed_rest import Tell
from ess_server.venue.strict import translate
from ess_server.venue.upkeep import Faults, jittered

SYMBOLS_OF_ONE = 100
"""Symbols of one subscription, and so of one connection; exchanges bound what one may carry."""
_RETRY_FIRST, _RETRY_LAST = 0.5, 10.0
_STABLE = 30.0
"""Seconds after which a connection that ends counts as the first that did."""


class StreamFeed:
    """Listens to a feed for ever. A connection that is open and silent is left alone: silence is for an evaluator.

    Every message is read, also those that nobody awaits in ccxt.
    """

    def __init__(self, feed: VenueFeed, budget: RequestBudget, reader: QuoteReader, tell: Tell, faults: Faults) -> None:
        self._feed = feed
        self._budget = budget
        self._reader = reader
        self._tell = tell
        self._faults = faults
        self._ended = asyncio.Event()
        self._exchange: Any = None

    def ticker(self, ticker: Mapping[str, Any]) -> None:
        """See ``Listener.ticker``."""
        update = self._reader.read(ticker)
        if update is not None:
            self._tell(update)

    def unreadable(self, error: Exception) -> None:
        """See ``Listener.unreadable``."""
        self._tell(self._reader.unreadable(error))

    def lost(self) -> None:
        """See ``Listener.lost``."""
        self._ended.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        failures, loop = 0, asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                try:
                    await _uncancelled(self._listen())
                except Exception as error:  # noqa: BLE001 - nothing a venue does may end the feed
                    self._faults.report("", f"listening to feed {self._feed.name}", translate(error))
                failures = 0 if loop.time() - began > _STABLE else failures + 1
                await asyncio.sleep(jittered(min(_RETRY_LAST, _RETRY_FIRST * 2 ** min(failures - 1, 10))))
        finally:
            if self._exchange is not None:
                await self._exchange.aclose()

    async def _listen(self) -> None:
        """Subscribe, and wait for a connection to end. Raises for that, and for what cannot be subscribed to."""
        if self._exchange is None:
            self._exchange = hear(self._feed, self._budget, self)
        symbols = await known_symbols(self._exchange, self._feed, self._faults)
        self._ended.clear()
        first_words = [asyncio.ensure_future(call) for call in self._calls(symbols)]
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await _all_or(ended, first_words)
            if not ended.done():
                self._faults.cleared("", f"listening to feed {self._feed.name}")
            await ended
        finally:
            for task in (*first_words, ended):
                task.cancel()
        raise VenueUnknownError("the connection has ended")

    def _calls(self, symbols: list[str]) -> list[Coroutine[Any, Any, object]]:
        has, book = self._exchange.has, self._feed.kind is FeedKind.BOOK
        together = "watchBidsAsks" if book else "watchTickers"
        if has.get(together):
            watch = getattr(self._exchange, together)
            return [watch(symbols[n : n + SYMBOLS_OF_ONE]) for n in range(0, len(symbols), SYMBOLS_OF_ONE)]
        if book and has.get("watchOrderBook"):
            return [self._follow(symbol) for symbol in symbols]
        if not book and has.get("watchTicker"):
            return [self._exchange.watch_ticker(symbol) for symbol in symbols]
        raise NoSuchFeedError(f'ccxt has no {together} of {self._feed.exchange}; write source = "rest"')

    async def _follow(self, symbol: str) -> None:
        """Tell the top of an order book that ccxt keeps, each time it hands it out."""
        while True:
            book = await self._exchange.watch_order_book(symbol)
            bid, ask = (book[side][0][0] if book[side] else None for side in ("bids", "asks"))
            self.ticker({"symbol": symbol, "bid": bid, "ask": ask, "timestamp": book["timestamp"]})


async def _all_or(ended: "asyncio.Future[Any]", calls: "Sequence[asyncio.Future[Any]]") -> None:
    """Wait until all calls have an answer or the connection has ended; raises what a call raises."""
    waiting: set[asyncio.Future[Any]] = set(calls)
    while waiting and not ended.done():
        done, waiting = await asyncio.wait({*waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
        waiting.discard(ended)
        for call in done - {ended}:
            call.result()


async def _uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Await; a cancellation that came from within ccxt is an error like others."""
    task = asyncio.current_task()
    assert task is not None
    try:
        await work
    except asyncio.CancelledError:
        if task.cancelling():
            raise
        raise VenueUnknownError("the connection was given up") from None
