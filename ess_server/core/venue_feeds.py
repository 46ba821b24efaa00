"""Market data that the venue process reads: which feeds, and the updates that it hands on."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum

from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_wire import LinkError, Message, PaperEndpoint

MOST_UPDATES = 100
"""Updates of one message, so that reading one takes about a millisecond."""
MAX_DIGITS = 24
"""Before and after the point of a price; a number beyond them is none, and would be dear to compute with."""
MAX_TEXT = 256
_PRICE_TEXT = 80


class FeedKind(Enum):
    """What a feed reads: the daily ticker with the last price, or the best bid and ask."""

    TICKER = "ticker"
    BOOK = "book"


class FeedSource(Enum):
    """How: asked for at an interval, or sent by the venue over a websocket."""

    REST = "rest"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFeed:
    """A feed of public data. ``exchange`` is a ccxt id, ``symbols`` are unified; ``poll`` counts for REST only."""

    name: str
    exchange: str
    symbols: tuple[str, ...]
    kind: FeedKind
    source: FeedSource
    poll: timedelta
    paper: PaperEndpoint | None = None


def feed_entry(feed: VenueFeed) -> Message:
    """Return a feed as it stands in the settings of the venue process."""
    paper = feed.paper
    return {
        "name": feed.name,
        "exchange": feed.exchange,
        "symbols": list(feed.symbols),
        "kind": feed.kind.value,
        "source": feed.source.value,
        "poll_s": feed.poll.total_seconds(),
        "paper": None if paper is None else {"host": paper.host, "port": paper.port, "ca_file": paper.ca_file},
    }


def read_feed_entry(entry: Message) -> VenueFeed:
    """Read a feed of the settings. Raises KeyError, TypeError or ValueError."""
    paper = entry["paper"]
    return VenueFeed(
        name=entry["name"],
        exchange=entry["exchange"],
        symbols=tuple(entry["symbols"]),
        kind=FeedKind(entry["kind"]),
        source=FeedSource(entry["source"]),
        poll=timedelta(seconds=entry["poll_s"]),
        paper=None if paper is None else PaperEndpoint(**paper),
    )


def read_price(text: str) -> Decimal:
    """Return the number that a venue printed: NaN and infinity are numbers here. Raises ValueError for anything else.

    A finite one has at most ``MAX_DIGITS`` digits on either side of the point.
    """
    try:
        price = Decimal(text) if len(text) <= _PRICE_TEXT else None
    except InvalidOperation:
        price = None
    if price is None or (price.is_finite() and not _within(price)):
        raise ValueError(f"{text[:40]!r} is no price")
    return price


def _within(price: Decimal) -> bool:
    return price.adjusted() < MAX_DIGITS and int(price.as_tuple().exponent) >= -MAX_DIGITS


def feed_message(feed: str, updates: Sequence[FeedUpdate]) -> Message:
    """Return up to ``MOST_UPDATES`` updates of one feed, in the order of their arrival."""
    return {"type": "feed", "feed": feed, "updates": [_row(u) for u in updates]}


def _row(update: FeedUpdate) -> list[object]:
    prices = [None if p is None else str(p) for p in (update.bid, update.ask, update.last)]
    stamps = [update.time.isoformat(), update.received, update.stamped]
    return [update.symbol, *prices, update.sequence, update.corrupt, update.detail, *stamps]


def read_feed(message: Message, known: Collection[str], uptime: float) -> tuple[FeedUpdate, ...]:
    """Read a ``feed`` message at ``uptime``, of one of the ``known`` feeds. Raises LinkError.

    Updates keep the uptime at which they reached the venue process, which has the same clock: what waited between
    the processes does not look fresh.
    """
    try:
        feed = _text(message["feed"])
        rows = _rows(message["updates"]) if feed in known else _unknown(feed)
        return tuple(_update(feed, row, uptime) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise LinkError(f"feed: {error!r}") from None


def _unknown(feed: str) -> list[list[object]]:
    raise ValueError(f"feed {feed!r} is not configured")


def _rows(rows: object) -> list[list[object]]:
    if not isinstance(rows, list) or len(rows) > MOST_UPDATES:
        raise ValueError("updates are no list, or too long a one")
    return rows


def _update(feed: str, row: list[object], uptime: float) -> FeedUpdate:
    symbol, bid, ask, last, sequence, corrupt, detail, time, received, stamped = row
    stamp = datetime.fromisoformat(_text(time))
    if stamp.tzinfo is None:
        raise ValueError("a time without a zone")
    if sequence is not None and (not isinstance(sequence, int) or isinstance(sequence, bool)):
        raise ValueError("a sequence number that is no number")
    if not (isinstance(corrupt, bool) and isinstance(stamped, bool)):
        raise TypeError("corrupt or stamped is neither true nor false")
    if not isinstance(received, float | int) or not math.isfinite(received):
        raise ValueError("an arrival that is no time")
    bid, ask, last = (None if p is None else read_price(_text(p)) for p in (bid, ask, last))
    return FeedUpdate(
        feed=feed,
        symbol=_text(symbol),
        bid=bid,
        ask=ask,
        last=last,
        sequence=sequence,
        corrupt=corrupt,
        detail=_text(detail),
        time=stamp,
        received=min(float(received), uptime),
        stamped=stamped,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("a text is none, or too long")
    return value
