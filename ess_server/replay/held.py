"""Repositories that take the recording's own pace for what it is: no silence.

A recording that keeps one reading a minute says nothing about the seconds between. Up to the next reading of its
source, where that is near enough, a reading counts as just received; evaluators see it as from a source that speaks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta, tzinfo
from decimal import Decimal

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.core.feeds import FeedTrack
from ess_server.core.host_figures import DiskFigures, HostFigures, MemoryFigures
from ess_server.core.ports import Clock, Readings
from ess_server.core.readings import AccountGroup, AccountMetrics, ComponentHealth

_NONE = Decimal(0)
Source = tuple[str, ...]
"""What readings come from: the kind of row, then account, component, or feed and symbol."""


class Pace:
    """Until which uptime the latest reading of each source stands."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Source, float] = {}

    def hold(self, source: Source, until: float) -> None:
        """Let the latest reading of ``source`` stand until this uptime."""
        self._until[source] = until

    def memory(self) -> tuple[object, ...]:
        """Return everything that bears on what follows."""
        return tuple(sorted(self._until.items()))

    def holds(self, source: Source) -> bool:
        """Whether the latest reading of ``source`` stands now."""
        return self._clock.uptime() < self._until.get(source, 0.0)

    def received(self, received: float, sources: Iterable[Source]) -> float:
        """Return when a reading of ``sources`` counts as received: now while all of them stand."""
        now = self._clock.uptime()
        return now if received < now and all(self._until.get(s, 0.0) > now for s in sources) else received


class HeldMetrics(MemoryMetricsRepository):
    """Equity at the recording's pace; everything else as the server keeps it."""

    def __init__(self, clock: Clock, zone: tzinfo, pace: Pace) -> None:
        super().__init__(clock, zone)
        self._pace = pace
        self._now = clock.uptime

    def account(self, account: str) -> AccountMetrics | None:
        """Return the latest equity and baseline, or None before the first reading."""
        metrics = super().account(account)
        # Most often it has just arrived.
        if metrics is None or metrics.equity.received >= self._now():
            return metrics
        return self._held(metrics, (("equity", account),))

    def group(self, group: AccountGroup) -> AccountMetrics | None:
        """Return the latest sum of a group and its baseline, or None before the first sum."""
        metrics = super().group(group)
        return metrics and self._held(metrics, [("equity", account) for account in group.accounts])

    def _held(self, metrics: AccountMetrics, accounts: Iterable[Source]) -> AccountMetrics:
        equity = metrics.equity
        received = self._pace.received(equity.received, accounts)
        if received == equity.received:
            return metrics
        time = equity.time + timedelta(seconds=received - equity.received)
        return replace(metrics, equity=replace(equity, time=time, received=received))


class HeldHealth(ReportedHealthMonitor):
    """Component health at the recording's pace."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        super().__init__(clock)
        self._now = clock
        self._pace = pace

    def components(self) -> Mapping[str, ComponentHealth]:
        """Return the latest word on every component, by name."""
        return {
            name: replace(health, received=self._pace.received(health.received, (("health", name),)))
            for name, health in super().components().items()
        }

    def host(self) -> HostFigures:
        """Return an idle host: its figures are in no recording, and their lack says nothing about the recorded time."""
        return HostFigures(
            disks=(DiskFigures(path="not recorded", used_percent=_NONE),),
            memory=MemoryFigures(used_percent=_NONE, available_bytes=0, swap_used_percent=_NONE),
            load_per_core=_NONE,
            time=self._now.now(),
            received=self._now.uptime(),
        )


class HeldFeeds(ReportedFeedMonitor):
    """Market data at the recording's pace."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def tracks(self, feed: str) -> Mapping[str, FeedTrack]:
        """Return what is remembered of every symbol of a feed, by symbol."""
        return {symbol: self._held(track, ("quote", feed, symbol)) for symbol, track in super().tracks(feed).items()}

    def _held(self, track: FeedTrack, source: Source) -> FeedTrack:
        if track.renewed is None or not self._pace.holds(source):
            return track
        return replace(track, renewed=self._pace.received(track.renewed, (source,)))


def held_readings(clock: Clock, zone: tzinfo, pace: Pace) -> Readings:
    """Return empty repositories."""
    return Readings(HeldMetrics(clock, zone, pace), HeldHealth(clock, pace), HeldFeeds(pace))
