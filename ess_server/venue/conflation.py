"""Updates on their way to the server: few enough for a pipe, and none left out that shows something wrong."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from ess_server.core.feeds import price_of, repeats, set_back_by, wrong_in_itself
from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_feeds import MOST_UPDATES, feed_message
from ess_server.core.venue_wire import Message
from ess_server.venue.pipe import Outbox

EVERY = 0.1
"""Seconds between two messages of a feed, unless there is more than one message's worth to say."""

_Numbered = tuple[int, FeedUpdate]


class Conflation:
    """What has arrived of a feed and waits to be handed on.

    Of each symbol it keeps, in the order of arrival and at most nine updates: the newest, the newest that was news, the
    lowest and the highest price, the last that was wrong in itself, and the last number and the longest step of the
    clock that ran back, each with the update before it. ``feeds.follow`` finds in them every kind of fault that it
    would have found in all of them, of a source that numbers all of its updates or none.
    """

    def __init__(self) -> None:
        self._symbols: dict[str, _Held] = {}
        self._waiting: dict[str, _Held] = {}
        self._count = 0

    def add(self, update: FeedUpdate) -> None:
        """Take an update."""
        self._count += 1
        held = self._symbols.get(update.symbol)
        if held is None:
            held = self._symbols[update.symbol] = _Held()
        held.add((self._count, update))
        self._waiting[update.symbol] = held

    def take(self, most: int = MOST_UPDATES) -> Sequence[FeedUpdate]:
        """Return what waits of the symbols that have waited longest, and forget it; at most ``most`` updates."""
        taken: list[FeedUpdate] = []
        while self._waiting:
            symbol = next(iter(self._waiting))
            updates = self._waiting[symbol].in_order()
            if len(taken) + len(updates) > most:
                break
            taken += updates
            self._waiting.pop(symbol).kept.clear()
        return taken

    def __bool__(self) -> bool:
        return bool(self._waiting)


class _Held:
    """One symbol: what waits by the reason why it is kept, and the last update that was sound."""

    __slots__ = ("kept", "sound")

    def __init__(self) -> None:
        self.kept: dict[str, _Numbered] = {}
        self.sound: _Numbered | None = None

    def add(self, one: _Numbered) -> None:
        self.kept["newest"] = one
        update = one[1]
        if wrong_in_itself(update):
            self.kept["wrong"] = one
            return
        if self.sound is not None:
            if repeats(update, self.sound[1]):
                return
            self._compare(self.sound, one)
        self.sound = self.kept["news"] = one
        self._range(one)

    def in_order(self) -> list[FeedUpdate]:
        return [update for _, update in sorted(dict(self.kept.values()).items())]

    def _compare(self, before: _Numbered, one: _Numbered) -> None:
        earlier, later = before[1], one[1]
        if later.sequence is not None and earlier.sequence is not None and later.sequence <= earlier.sequence:
            self.kept["number before"], self.kept["number"] = before, one
        back = set_back_by(earlier, later)
        if back > timedelta(0) and ("clock" not in self.kept or back >= self._longest()):
            self.kept["clock before"], self.kept["clock"] = before, one

    def _longest(self) -> timedelta:
        return self.kept["clock before"][1].time - self.kept["clock"][1].time

    def _range(self, one: _Numbered) -> None:
        price = price_of(one[1])
        if price is None:
            return
        low, high = (price_of(self.kept.get(name, one)[1]) for name in ("low", "high"))
        if low is None or price <= low:
            self.kept["low"] = one
        if high is None or price >= high:
            self.kept["high"] = one


class Outlet:
    """Hands on the updates of one feed: at once after a pause, else every ``EVERY`` seconds or as the server reads."""

    def __init__(self, feed: str, outbox: Outbox) -> None:
        self._feed = feed
        self._outbox = outbox
        self._held = Conflation()
        self._next = 0.0
        self._offered = False

    def __call__(self, update: FeedUpdate) -> None:
        """Take an update."""
        self._held.add(update)
        if not self._offered:
            self._offered = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(self._next, loop.time()), self._offer)

    def _offer(self) -> None:
        self._outbox.pull(f"feed {self._feed}", self._message)

    def _message(self) -> Message:
        message = feed_message(self._feed, self._held.take())
        self._next = asyncio.get_running_loop().time() + EVERY
        self._offered = bool(self._held)
        if self._offered:
            self._offer()
        return message
