"""Every port of the core. Each docstring is the contract that the suite in ``tests/contract`` checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ess_server.core.execution_window import ExecutionTally
from ess_server.core.feeds import FeedTrack
from ess_server.core.host_figures import HostFigures
from ess_server.core.model import (
    Event,
    EventDraft,
    EventHead,
    LatchRecord,
)
from ess_server.core.readings import (
    AccountGroup,
    AccountMetrics,
    CashFlow,
    ComponentHealth,
    ComponentPoll,
    EquityReading,
    ExecutionReport,
    FeedUpdate,
    Instant,
    Verdict,
)


class Clock(Protocol):
    """Two clocks. Nothing in the core reads another one."""

    def now(self) -> datetime:
        """Aware UTC; may jump. For stamps, never for durations."""

    def uptime(self) -> float:
        """Seconds; never jumps or goes back, and counts time spent suspended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a record shows at start.

    ``record`` is None if nothing usable was found. ``problem`` is empty exactly when the record is intact;
    a record beside a problem is what could still be read and is used for its stops only.
    """

    record: LatchRecord | None
    problem: str = ""


class PolicyStore(Protocol):
    """One durable record of the latch.

    Blocking; the caller uses one thread for the whole life of the store. What ``commit`` returned from
    survives a kill and a loss of power. Where a store keeps the audit log, record and events are written in
    one transaction. ``name`` is a short word for messages.
    """

    name: str

    def load(self) -> Loaded:
        """Read what is there. Bad content is reported in ``problem``, never raised.

        Raises StoreLockedError if another process holds the store and StoreError if the place cannot be used.
        """

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead | None:
        """Write record and events durably; the newest event is returned by stores that keep the log.

        Raises StoreError: the outcome is then unknown, and the next commit (of this or a newer record, with the
        same drafts) must leave the store as if the failed one had never been tried. A draft whose ``event_id``
        is already in the log is not added twice.
        """

    def close(self) -> None:
        """Release the place. Idempotent."""


class EventLog(Protocol):
    """The audit log, read side; numbered 1, 2, 3 without a gap. Blocking, same thread as the store."""

    def head(self) -> EventHead:
        """Return the newest event's number and hash; sequence 0 and an empty hash for an empty log."""

    def read(self, *, after: int, limit: int, ascending: bool, stop_id: str = "", kind: str = "") -> Sequence[Event]:
        """Return up to ``limit`` events beyond number ``after`` in reading direction.

        Descending reads treat ``after`` 0 as "from the newest". ``kind`` ending in a dot names a family.
        """

    def revisions(self) -> frozenset[int]:
        """Return every revision that an event of the log carries."""


class EventBus(Protocol):
    """Tells whoever listens. ``publish`` returns at once, never raises and never waits for a listener."""

    def publish(self, event: EventDraft) -> None:
        """Hand over one event."""


class MetricsRepository(Protocol):
    """Equity with its baselines, and executions. Reads and writes are in memory and never wait for a disk.

    Baselines survive restarts. Reads may come from another thread.
    """

    def record_equity(self, reading: EquityReading) -> None:
        """Take a reading. One that is not usable is kept as the latest but moves no baseline."""

    def record_cash_flow(self, flow: CashFlow) -> bool:
        """Move the baselines by a deposit or withdrawal, whatever the order of arrival; False if known already."""

    def record_execution(self, report: ExecutionReport) -> bool:
        """Take an execution report; False if its id is known already."""

    def account(self, account: str) -> AccountMetrics | None:
        """Return the latest equity and baseline, or None before the first reading."""

    def declare_groups(self, groups: Sequence[AccountGroup]) -> None:
        """Keep baselines of these groups from now on, and forget those of every other group.

        One that is new starts with its first sum, and one that was forgotten is new: what it missed nobody knows.
        """

    def group(self, group: AccountGroup) -> AccountMetrics | None:
        """Return the latest sum of a declared group and its baseline, or None before the first sum.

        A sum is made when every member has been read since the sum before; its times are those of its oldest part.
        """

    def executions(self, account: str, since: float) -> Sequence[ExecutionReport]:
        """Return reports received at or after uptime ``since``, oldest first."""

    def execution_tally(
        self, account: str, window: timedelta, until: float, *, repeats: bool = False
    ) -> ExecutionTally:
        """Return what the reports received within ``window`` before uptime ``until`` add up to.

        ``until`` never goes back; what was received after it counts as well. ``repeats`` asks for orders that are the
        same.
        """

    def rebaseline(self, accounts: Sequence[str]) -> None:
        """Start the baselines of these accounts anew from their latest usable reading.

        So do the groups all of whose members are among them: losses of the others go on to be seen.
        """


class SystemHealthMonitor(Protocol):
    """Health of components and of the host. Reads are in memory and may come from another thread."""

    def record(self, health: ComponentHealth) -> None:
        """Take the latest word on a component."""

    def components(self) -> Mapping[str, ComponentHealth]:
        """Return the latest word on every component, by name."""

    def record_poll(self, poll: ComponentPoll) -> None:
        """Take how asking a component goes; from the first time on it is one that must be heard."""

    def polls(self) -> Mapping[str, ComponentPoll]:
        """Return how asking goes, of every component that is asked, by name."""

    def record_host(self, figures: HostFigures) -> None:
        """Take the latest figures of the host."""

    def host(self) -> HostFigures | None:
        """Return the latest figures of the host, None before the first."""


class DataFeedMonitor(Protocol):
    """Market data feeds. Reads are in memory and may come from another thread."""

    def record(self, update: FeedUpdate) -> bool:
        """Take an update of one symbol of a feed; False if it can be no breach that was not there before."""

    def updates(self, feed: str) -> Mapping[str, FeedUpdate]:
        """Return the latest update of every symbol of a feed, by symbol."""

    def tracks(self, feed: str) -> Mapping[str, FeedTrack]:
        """Return what ``feeds.follow`` makes of every symbol of a feed, by symbol: no update is passed over."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Where evaluators read from."""

    metrics: MetricsRepository
    health: SystemHealthMonitor
    feeds: DataFeedMonitor


class EmergencyConditionEvaluator(Protocol):
    """Decides whether one catastrophic condition is met.

    ``evaluate`` is pure: it reads no clock, does no I/O and changes nothing. What it cannot know is Unknown.
    ``name`` is unique in an installation.
    """

    name: str

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
