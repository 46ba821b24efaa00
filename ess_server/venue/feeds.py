"""The feeds of the venue process: one task each, with the outlet that its updates take."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ess_server.core.ports import Clock
from ess_server.core.venue_feeds import FeedSource, VenueFeed
from ess_server.venue.feed_quotes import QuoteReader
from ess_server.venue.feed_rest import RestFeed, Tell
from ess_server.venue.feed_stream import StreamFeed
from ess_server.venue.plans import Budgets
from ess_server.venue.upkeep import Faults


def import_streams(feeds: Sequence[VenueFeed]) -> None:
    """Import ccxt's websocket classes if a feed listens; it takes a while, so let a thread do it."""
    if any(feed.source is FeedSource.STREAM for feed in feeds):
        import ccxt.pro  # noqa: F401, PLC0415 - the import is the purpose


def readings_of(
    feeds: Sequence[VenueFeed], budgets: Budgets, clock: Clock, outlet: Callable[[str], Tell], faults: Faults
) -> list[Coroutine[Any, Any, None]]:
    """Return what reads each feed for ever. ``outlet`` gives what takes the updates of a feed of that name."""
    made = []
    for feed in feeds:
        kind = StreamFeed if feed.source is FeedSource.STREAM else RestFeed
        budget = budgets.of(feed.exchange, feed.paper)
        made.append(kind(feed, budget, QuoteReader(feed, clock), outlet(feed.name), faults).run())
    return made
