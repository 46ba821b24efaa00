"""Readings that a test sets by hand, with none of the rules of the real repositories."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from ess_server.core.execution_window import ExecutionTally, ExecutionWindow
from ess_server.core.feeds import FeedTrack, follow, is_suspect
from ess_server.core.host_figures import DiskFigures, HostFigures, MemoryFigures
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    AccountGroup,
    AccountMetrics,
    Baseline,
    CashFlow,
    ComponentHealth,
    ComponentPoll,
    EquityReading,
    ExecutionReport,
    FeedUpdate,
)
from ess_server.testing.clock import START

_MEMORY = 8 * 2**30


class FakeMetrics:
    """A ``MetricsRepository`` that returns what it was given; it computes no baseline and keeps every call.

    ``flows``, ``reports`` and ``rebaselined`` show what was recorded, oldest first, ``groups`` what was declared. A
    group is set like an account of its name.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, AccountMetrics] = {}
        self.flows: list[CashFlow] = []
        self.reports: list[ExecutionReport] = []
        self.rebaselined: list[str] = []
        self.groups: tuple[AccountGroup, ...] = ()

    def set(self, equity: EquityReading, baseline: Baseline | None) -> None:
        """Make ``account`` return exactly this for the account of ``equity``."""
        self._accounts[equity.account] = AccountMetrics(equity=equity, baseline=baseline)

    def record_equity(self, reading: EquityReading) -> None:
        """Replace the latest reading; a baseline that was set stays."""
        known = self._accounts.get(reading.account)
        self._accounts[reading.account] = (
            replace(known, equity=reading) if known else AccountMetrics(equity=reading, baseline=None)
        )

    def record_cash_flow(self, flow: CashFlow) -> bool:
        """Keep the flow in ``flows`` unless its id is known."""
        known = any((f.account, f.id) == (flow.account, flow.id) for f in self.flows)
        if not known:
            self.flows.append(flow)
        return not known

    def record_execution(self, report: ExecutionReport) -> bool:
        """Keep the report in ``reports`` unless its id is known."""
        known = any((r.account, r.id) == (report.account, report.id) for r in self.reports)
        if not known:
            self.reports.append(report)
        return not known

    def account(self, account: str) -> AccountMetrics | None:
        """Return what was set."""
        return self._accounts.get(account)

    def declare_groups(self, groups: Sequence[AccountGroup]) -> None:
        """Keep them in ``groups``."""
        self.groups = tuple(groups)

    def group(self, group: AccountGroup) -> AccountMetrics | None:
        """Return what was set for an account of the group's name."""
        return self._accounts.get(group.name)

    def executions(self, account: str, since: float) -> Sequence[ExecutionReport]:
        """Return the reports received at or after ``since``, oldest first."""
        return sorted((r for r in self.reports if r.account == account and r.received >= since), key=_received)

    def execution_tally(
        self, account: str, window: timedelta, until: float, *, repeats: bool = False
    ) -> ExecutionTally:
        """Add up the reports of the account anew."""
        length = window.total_seconds()
        return ExecutionWindow(length, self.executions(account, until - length), repeats=repeats).tally(until)

    def rebaseline(self, accounts: Sequence[str]) -> None:
        """Keep the names in ``rebaselined``."""
        self.rebaselined.extend(accounts)


class FakeHealth:
    """A ``SystemHealthMonitor`` that keeps the last word by arrival, and the last figures of polls and host."""

    def __init__(self) -> None:
        self._components: dict[str, ComponentHealth] = {}
        self._polls: dict[str, ComponentPoll] = {}
        self._host: HostFigures | None = None

    def record(self, health: ComponentHealth) -> None:
        """Replace the word on a component."""
        self._components[health.component] = health

    def components(self) -> Mapping[str, ComponentHealth]:
        """Return every component by name."""
        return dict(self._components)

    def record_poll(self, poll: ComponentPoll) -> None:
        """Replace how asking a component goes."""
        self._polls[poll.component] = poll

    def polls(self) -> Mapping[str, ComponentPoll]:
        """Return every poll by name of its component."""
        return dict(self._polls)

    def record_host(self, figures: HostFigures) -> None:
        """Replace the figures of the host."""
        self._host = figures

    def host(self) -> HostFigures | None:
        """Return the figures of the host."""
        return self._host


class FakeFeeds:
    """A ``DataFeedMonitor`` without bounds."""

    def __init__(self) -> None:
        self._tracks: dict[str, dict[str, FeedTrack]] = {}

    def record(self, update: FeedUpdate) -> bool:
        """Add to the track of a symbol."""
        symbols = self._tracks.setdefault(update.feed, {})
        before = symbols.get(update.symbol)
        symbols[update.symbol] = follow(before, update)
        return is_suspect(before, symbols[update.symbol])

    def updates(self, feed: str) -> Mapping[str, FeedUpdate]:
        """Return the latest update of every symbol of a feed."""
        return {symbol: track.latest for symbol, track in self.tracks(feed).items()}

    def tracks(self, feed: str) -> Mapping[str, FeedTrack]:
        """Return the track of every symbol of a feed."""
        return dict(self._tracks.get(feed, {}))


def fake_readings() -> Readings:
    """Return empty fakes behind every port that evaluators read from."""
    return Readings(metrics=FakeMetrics(), health=FakeHealth(), feeds=FakeFeeds())


def host_figures(
    *disks: DiskFigures,
    memory_percent: str | None = "40",
    load_per_core: str | None = "0.5",
    time: datetime = START,
    received: float = 1000.0,
) -> HostFigures:
    """Return figures of a host with 8 GiB of memory and an unused swap space; None is what could not be read."""
    used = None if memory_percent is None else Decimal(memory_percent)
    available = 0 if used is None or not used.is_finite() else int((100 - used) * _MEMORY // 100)
    return HostFigures(
        disks=disks,
        memory=None
        if used is None
        else MemoryFigures(used_percent=used, available_bytes=available, swap_used_percent=Decimal(0)),
        load_per_core=None if load_per_core is None else Decimal(load_per_core),
        problem="not read" if None in (memory_percent, load_per_core) else "",
        time=time,
        received=received,
    )


def _received(report: ExecutionReport) -> float:
    return report.received
