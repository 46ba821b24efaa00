"""Readings that a test sets by hand, with none of the rules of the real repositories."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ess_server.core.feeds import FeedTrack, follow
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    AccountMetrics,
    Baseline,
    CashFlow,
    ComponentHealth,
    EquityReading,
    ExecutionReport,
    FeedUpdate,
)


class FakeMetrics:
    """A ``MetricsRepository`` that returns what it was given; it computes no baseline and keeps every call.

    ``flows``, ``reports`` and ``rebaselined`` show what was recorded, oldest first.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, AccountMetrics] = {}
        self.flows: list[CashFlow] = []
        self.reports: list[ExecutionReport] = []
        self.rebaselined: list[str] = []

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

    def executions(self, account: str, since: float) -> Sequence[ExecutionReport]:
        """Return the reports received at or after ``since``, oldest first."""
        return sorted((r for r in self.reports if r.account == account and r.received >= since), key=_received)

    def rebaseline(self, accounts: Sequence[str]) -> None:
        """Keep the names in ``rebaselined``."""
        self.rebaselined.extend(accounts)


class FakeHealth:
    """A ``SystemHealthMonitor`` that keeps the last word by arrival."""

    def __init__(self) -> None:
        self._components: dict[str, ComponentHealth] = {}

    def record(self, health: ComponentHealth) -> None:
        """Replace the word on a component."""
        self._components[health.component] = health

    def components(self) -> Mapping[str, ComponentHealth]:
        """Return every component by name."""
        return dict(self._components)


class FakeFeeds:
    """A ``DataFeedMonitor`` without bounds."""

    def __init__(self) -> None:
        self._tracks: dict[str, dict[str, FeedTrack]] = {}

    def record(self, update: FeedUpdate) -> None:
        """Add to the track of a symbol."""
        symbols = self._tracks.setdefault(update.feed, {})
        symbols[update.symbol] = follow(symbols.get(update.symbol), update)

    def updates(self, feed: str) -> Mapping[str, FeedUpdate]:
        """Return the latest update of every symbol of a feed."""
        return {symbol: track.latest for symbol, track in self.tracks(feed).items()}

    def tracks(self, feed: str) -> Mapping[str, FeedTrack]:
        """Return the track of every symbol of a feed."""
        return dict(self._tracks.get(feed, {}))


def fake_readings() -> Readings:
    """Return empty fakes behind every port that evaluators read from."""
    return Readings(metrics=FakeMetrics(), health=FakeHealth(), feeds=FakeFeeds())


def _received(report: ExecutionReport) -> float:
    return report.received
