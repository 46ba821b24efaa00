"""Component health and market data feeds as reported to the server, kept in memory."""

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

from ess_server.core.errors import CapacityError
from ess_server.core.feeds import FeedTrack, follow, is_suspect
from ess_server.core.host_figures import HostFigures
from ess_server.core.ports import Clock
from ess_server.core.readings import ComponentHealth, ComponentPoll, FeedUpdate

MAX_COMPONENTS = 1_000
MAX_FEEDS = 100
MAX_SYMBOLS = 10_000
"""Symbols per feed."""


class ReportedHealthMonitor:
    """A ``SystemHealthMonitor`` fed by reports and by pollers.

    The latest word is the one with the latest time, so that a report overtaken on its way hides no newer one; a time
    from the future counts as now, and when the clock has gone back the word that arrives counts. Raises
    CapacityError for a new component beyond ``MAX_COMPONENTS``, save one that is asked.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._components: dict[str, ComponentHealth] = {}
        self._polls: dict[str, ComponentPoll] = {}
        self._host: HostFigures | None = None

    def record(self, health: ComponentHealth) -> None:
        """Take the latest word on a component."""
        now = self._clock.now()
        if health.time > now:
            health = replace(health, time=now)
        with self._lock:
            known = self._components.get(health.component)
            is_new = known is None and health.component not in self._polls
            if is_new and len(self._components) >= MAX_COMPONENTS:
                raise CapacityError(f"component: {MAX_COMPONENTS} components are known already")
            if known is None or known.time > now or health.time >= known.time:
                self._components[health.component] = health

    def components(self) -> Mapping[str, ComponentHealth]:
        """Return the latest word on every component, by name."""
        with self._lock:
            return dict(self._components)

    def record_poll(self, poll: ComponentPoll) -> None:
        """Take how asking a component goes."""
        with self._lock:
            self._polls[poll.component] = poll

    def polls(self) -> Mapping[str, ComponentPoll]:
        """Return how asking goes, by name of the component."""
        with self._lock:
            return dict(self._polls)

    def record_host(self, figures: HostFigures) -> None:
        """Take the latest figures of the host."""
        self._host = figures

    def host(self) -> HostFigures | None:
        """Return the latest figures of the host."""
        return self._host


class ReportedFeedMonitor:
    """A ``DataFeedMonitor`` fed by reports.

    The latest update is the one that arrived last, with its time and number as they came: a source whose clock or
    numbers go back is for an evaluator to see. Raises CapacityError for a new feed beyond ``MAX_FEEDS`` and a new
    symbol beyond ``MAX_SYMBOLS``.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._feeds: dict[str, dict[str, FeedTrack]] = {}

    def record(self, update: FeedUpdate) -> bool:
        """Take an update of one symbol of a feed; False if it can be no breach that was not there before."""
        with self._lock:
            symbols = self._feeds.get(update.feed)
            if symbols is None:
                if len(self._feeds) >= MAX_FEEDS:
                    raise CapacityError(f"feed: {MAX_FEEDS} feeds are known already")
                symbols = self._feeds[update.feed] = {}
            if update.symbol not in symbols and len(symbols) >= MAX_SYMBOLS:
                raise CapacityError(f"symbol: {MAX_SYMBOLS} symbols of feed {update.feed} are known already")
            before = symbols.get(update.symbol)
            after = symbols[update.symbol] = follow(before, update)
        return is_suspect(before, after)

    def updates(self, feed: str) -> Mapping[str, FeedUpdate]:
        """Return the latest update of every symbol of a feed, by symbol."""
        return {symbol: track.latest for symbol, track in self.tracks(feed).items()}

    def tracks(self, feed: str) -> Mapping[str, FeedTrack]:
        """Return what is remembered of every symbol of a feed, by symbol."""
        with self._lock:
            return dict(self._feeds.get(feed, {}))
