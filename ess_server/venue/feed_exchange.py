"""Any exchange of ccxt, for public data: without keys, and with prices left as the venue printed them."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, Protocol

import aiohttp
import ccxt.async_support as ccxt

from ess_server.core.errors import EssError
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.venue_feeds import FeedSource, VenueFeed
from ess_server.venue.budget import Purpose, RequestBudget
from ess_server.venue.paper.pin import lent_session
from ess_server.venue.plans import PLANS
from ess_server.venue.strict import HTTP_TIMEOUT_MS, Strict, lent, translated
from ess_server.venue.upkeep import Faults, bounded

ASK_AGAIN_AFTER = 600.0
"""Seconds until a symbol that the exchange does not list causes another look at its list."""

MARKETS_WEIGHT = 1


class NoSuchFeedError(EssError):
    """The installed ccxt cannot read what the configuration asks for."""


class Listener(Protocol):
    """Who is told what a stream brings. Called in the event loop; must not raise."""

    def ticker(self, ticker: Mapping[str, Any]) -> None:
        """One ticker, as the venue printed it."""

    def unreadable(self, error: Exception) -> None:
        """A message that ccxt could not read."""

    def lost(self) -> None:
        """A connection has ended."""


class _Public(Strict):
    """Mixed into a class of ccxt.

    ``safe_ticker`` of ccxt takes a price of zero for none, fills gaps by arithmetic and fails on NaN: corrupt data
    would be mended or lost on the way.
    """

    listed_at = 0.0
    lent_session: aiohttp.ClientSession | None = None

    def safe_ticker(self, ticker: dict[str, Any], market: object = None) -> dict[str, Any]:
        """Return the ticker as it is."""
        del market
        return ticker

    async def aclose(self) -> None:
        """Close connections, lent ones too."""
        await self.close()  # type: ignore[attr-defined] # a class of ccxt comes next
        if self.lent_session is not None:
            await self.lent_session.close()


class _Asked(_Public):
    """An exchange that is asked. Its order books keep every level, in the venue's order and words."""

    def parse_order_book(  # noqa: PLR0917 - ccxt's
        self,
        orderbook: Mapping[Any, Any],
        symbol: str,
        timestamp: int | None = None,
        bidsKey: Any = "bids",  # noqa: ANN401, N803 - ccxt's
        asksKey: Any = "asks",  # noqa: ANN401, N803 - ccxt's
        priceKey: Any = 0,  # noqa: ANN401, N803 - ccxt's
        *_: object,
    ) -> dict[str, Any]:
        """Return the book with rows of one price each."""
        bids, asks = ([[row[priceKey]] for row in orderbook[key]] for key in (bidsKey, asksKey))
        return {"symbol": symbol, "bids": bids, "asks": asks, "timestamp": timestamp, "nonce": None, "info": None}


class _Heard(_Public):
    """An exchange that is listened to: whatever it parses goes to the listener, whoever awaits it."""

    listener: Listener

    def safe_ticker(self, ticker: dict[str, Any], market: object = None) -> dict[str, Any]:
        """Tell it, and return it as it is."""
        self.listener.ticker(ticker)
        return super().safe_ticker(ticker, market)

    def client(self, url: str) -> Any:  # noqa: ANN401 - ccxt's
        """Return the connection; a message that cannot be read neither ends it nor goes by unseen."""
        made = super().client(url)  # type: ignore[misc] # a class of ccxt comes next
        if "handle_message" not in vars(made):
            made.handle_message = partial(self._guarded, made.handle_message)
        return made

    def on_error(self, client: object, error: object) -> None:
        """A connection has failed."""
        super().on_error(client, error)  # type: ignore[misc] # as above
        self.listener.lost()

    def on_close(self, client: object, error: object) -> None:
        """A connection has ended."""
        super().on_close(client, error)  # type: ignore[misc] # as above
        self.listener.lost()

    def _guarded(self, handle: Callable[[object], None], message: object) -> None:
        try:
            handle(message)
        except Exception as error:  # noqa: BLE001 - parsers of other people raise anything
            self.listener.unreadable(error)


def ask(feed: VenueFeed, budget: RequestBudget) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Return the exchange of a REST feed. Raises NoSuchFeedError. Call it in the event loop."""
    return _opened(feed, budget, _Asked, ccxt)


def hear(feed: VenueFeed, budget: RequestBudget, listener: Listener) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Return the exchange of a stream feed. Raises NoSuchFeedError. Call it in the event loop."""
    from ccxt import pro  # noqa: PLC0415 - another 6 MB, for those who listen only

    exchange = _opened(feed, budget, _Heard, pro)
    exchange.listener = listener
    return exchange


async def paid(budget: RequestBudget, weight: float) -> None:
    """Wait until the budget pays for a request of this weight; whatever else reads comes first."""
    while True:
        try:
            budget.read(weight, Purpose.OBSERVING)
        except ReadBudgetError as error:
            await asyncio.sleep(error.delay.total_seconds())
        else:
            return


async def known_symbols(exchange: Any, feed: VenueFeed, faults: Faults) -> list[str]:  # noqa: ANN401 - ccxt is untyped
    """Return the symbols of a feed that its exchange lists, and report the others; its list is renewed now and then.

    Raises NoSuchFeedError if it lists none of them.
    """
    what, now = f"symbols of feed {feed.name}", time.monotonic()
    missing = [s for s in feed.symbols if s not in (exchange.markets or {})]
    if not exchange.markets or (missing and now - exchange.listed_at > ASK_AGAIN_AFTER):
        exchange.listed_at = now
        await paid(exchange.budget, MARKETS_WEIGHT)
        await bounded(translated(exchange.load_markets(reload=True)))
    known = [s for s in feed.symbols if s in exchange.markets]
    unknown = ", ".join(s for s in feed.symbols if s not in exchange.markets)
    if not unknown:
        faults.cleared("", what)
        return known
    error = NoSuchFeedError(f"{feed.exchange} does not list {unknown[:200]}")
    if not known:
        raise error
    faults.report("", what, error)
    return known


def _opened(feed: VenueFeed, budget: RequestBudget, mixed_in: type, library: ModuleType) -> Any:  # noqa: ANN401
    found = getattr(library, feed.exchange, None) if feed.exchange in library.exchanges else None
    if found is None:
        what = "websocket class" if feed.source is FeedSource.STREAM else "exchange"
        raise NoSuchFeedError(f"ccxt {ccxt.__version__} has no {what} {feed.exchange!r}")
    with lent_session(feed.paper) as session:
        exchange: Any = type(f"Feed_{feed.exchange}", (mixed_in, found), {})(_config(feed, session))
    exchange.budget, exchange.lent_session = budget, session
    return exchange


def _config(feed: VenueFeed, session: aiohttp.ClientSession | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        # Where the request budget knows the exchange's limits, ccxt's own pace would only add to it.
        "enableRateLimit": feed.exchange not in PLANS or not PLANS[feed.exchange].paces_feeds,
        "timeout": HTTP_TIMEOUT_MS,
        "timeout_on_exit": 0,
        "logger": logging.Logger("ccxt", logging.WARNING),  # noqa: LOG001 - outside the hierarchy
        "options": {"fetchCurrencies": False, "fetchMargins": False, "warnOnFetchOpenOrdersWithoutSymbol": False},
    }
    return config | lent(session)
