"""Every port of the core. Each docstring is the contract that the suite in ``tests/contract`` checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, runtime_checkable

from ess_server.core.examination import Examination
from ess_server.core.execution_window import ExecutionTally
from ess_server.core.feeds import FeedTrack
from ess_server.core.model import (
    Account,
    AccountProgress,
    Event,
    EventDraft,
    EventHead,
    LatchRecord,
    Work,
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
    HostFigures,
    Instant,
    Verdict,
)
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness


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


class ExchangeClient(Protocol):
    """One account on one venue.

    Every method may raise any exception; the caller treats that as "unknown", never as "done" or "flat".
    Each call bounds its own time. Results of cancels and closes are not trusted: the next snapshot is.
    """

    account: Account

    async def prepare(self) -> None:
        """Load markets, clock difference and position mode, ahead of need. Idempotent."""

    async def snapshot(self) -> VenueSnapshot:
        """Read open orders (conditional ones included) and positions of every market.

        Raises VenueUnknownError unless every part was read and had the expected shape.
        """

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """Try to cancel these orders; an order that is gone already is a success."""

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Send reduce-only orders for at most the position's quantity, split at the venue's maximum.

        With ``limit`` they are immediate-or-cancel at no worse a price than this, else they are market orders.
        ``client_order_id`` is a prefix of at most 28 characters, new for every attempt.
        """

    async def witness(self) -> Witness:
        """Read by another endpoint than ``snapshot`` does whether the account holds anything.

        Raises VenueUnknownError unless the reply had the expected shape. A venue without such an endpoint returns a
        witness that tells nothing.
        """

    @property
    def open_positions(self) -> int | None:
        """Positions that the last ``equity`` has shown; None before it, and where a venue does not tell with it."""

    async def equity(self) -> tuple[Decimal, str]:
        """Return equity with open positions included, and its currency."""

    async def aclose(self) -> None:
        """Close connections. Idempotent."""


class DeadManSwitch(Protocol):
    """The venue's own timer, which cancels the orders of one account when nobody renews it. It closes nothing.

    Symbols matter to venues that keep a timer for each; others have one for the account and pass them over. Every
    method raises as ``ExchangeClient`` does; whatever is raised leaves the timers unknown, unless the venue refused.
    """

    async def order_symbols(self) -> frozenset[str]:
        """Return the symbols with orders, where each has a timer; nothing where the account has one.

        Raises ReadBudgetError if it must wait.
        """

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """Start these timers anew, to run out ``after`` this."""

    async def disarm(self, symbols: Sequence[str]) -> None:
        """Stop these timers."""


@runtime_checkable
class AccountExaminer(Protocol):
    """Finds out, ahead of need, whether the stop of one account would work. Reads only."""

    async def examine(self) -> Examination:
        """Ask the venue for every fact that it tells.

        Never raises for what a venue does: what could not be read is named in ``Examination.unread``. Sends nothing
        that changes anything. The caller bounds the time.
        """


DeliverExecutions = Callable[[Sequence[ExecutionReport]], None]


class ExecutionReader(Protocol):
    """Reads what became of the orders of one account on one venue."""

    account: Account

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """Read orders and fills since the last look; return the venue's time up to which nothing is left to read.

        ``deliver`` gets what has been read so far, oldest first, each report once, also if the look fails later. The
        first look begins now. Orders that close for a stop are left out. Raises as ``ExchangeClient`` does.
        """


class Flattener(Protocol):
    """Carries out stops on the venues, for all accounts; nothing here may block or fail the caller."""

    def set_work(self, work: Mapping[str, Work]) -> None:
        """Replace everything that is wanted, by account id; accounts that are not named are left alone.

        Returns at once. Work goes on, through restarts and errors, until it is replaced.
        """

    def progress(self) -> Mapping[str, AccountProgress]:
        """Return what is known of each configured account, by id. Never older work shown as flat."""

    async def quiesce(self, accounts: Sequence[str], within: timedelta) -> bool:
        """Wait until nothing that was sent for these accounts can still act; False if that is not certain."""


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
