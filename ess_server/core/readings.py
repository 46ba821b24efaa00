"""What evaluators read: equity, executions, component health and feeds, as frozen values."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: aware UTC, and seconds of uptime (counts suspend, never jumps).

    ``pauses`` are spans of uptime in which this process stood still and nothing could arrive, see ``Presence``.
    """

    time: datetime
    uptime: float
    pauses: tuple[tuple[float, float], ...] = ()

    def since(self, uptime: float) -> float:
        """Return the seconds from ``uptime`` until now in which this process did not stand still."""
        passed = self.uptime - uptime
        return passed - sum(max(0.0, end - max(begin, uptime)) for begin, end in self.pauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityReading:
    """Equity of an account, open positions included. ``received`` is the uptime of its arrival, in seconds."""

    account: str
    amount: Decimal
    currency: str
    time: datetime
    received: float

    @property
    def usable(self) -> bool:
        """False for NaN, infinity, zero and below: such a reading proves nothing."""
        return self.amount.is_finite() and self.amount > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CashFlow:
    """Deposit (positive) or withdrawal (negative); moves baselines. ``id`` counts once per account."""

    account: str
    id: str
    amount: Decimal
    currency: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What losses are measured from: the highest equity so far and the equity that opened ``day``."""

    high_water_mark: Decimal
    day: date
    day_open: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMetrics:
    """Latest equity of an account and its baseline; the baseline is None until one usable reading came."""

    equity: EquityReading
    baseline: Baseline | None


@dataclass(frozen=True, slots=True)
class AccountGroup:
    """Accounts that are watched as one, by the sum of their equities in one currency; in whatever order named."""

    accounts: tuple[str, ...]
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "accounts", tuple(sorted(set(self.accounts))))

    @property
    def name(self) -> str:
        """The accounts, for people."""
        return " + ".join(self.accounts)


class ExecutionType(IntEnum):
    """What became of an order; values are those of the contract."""

    NEW = 1
    TRADE = 2
    CANCELED = 3
    REJECTED = 4
    FAILED = 5
    EXPIRED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReport:
    """One execution report; decimals are None where the reporter gave none.

    ``reduce_only`` orders can only close or reduce a position. ``after_stop`` is this server's own finding, see
    ``LateOrders``.
    """

    account: str
    id: str
    symbol: str
    execution_type: ExecutionType
    side: str
    client_order_id: str
    quantity: Decimal | None
    price: Decimal | None
    expected_price: Decimal | None
    stop_loss: bool
    strategy: str
    detail: str
    time: datetime
    received: float
    reduce_only: bool = False
    after_stop: bool = False


class HealthStatus(IntEnum):
    """Health of a component; values are those of the contract."""

    HEALTHY = 1
    DEGRADED = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """Latest word on a component."""

    component: str
    status: HealthStatus
    detail: str
    time: datetime
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentPoll:
    """How it goes to ask one component for its health, again and again.

    Attributes:
        component: its name.
        max_silence: its own allowance; None for that of the evaluator.
        asked_since: uptime since which it is asked without a pause, in seconds.
        tried: uptime at which the latest attempt ended, or at which asking began.
        answered: uptime of the latest answer, None before the first.
        problem: why the latest attempt brought no answer; empty if it did.
    """

    component: str
    max_silence: timedelta | None
    asked_since: float
    tried: float
    answered: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFigures:
    """How full the file system of ``path`` is.

    ``used_percent`` is of what its users may fill, 0 to 100; None if it could not be read, as ``problem`` then says.
    """

    path: str
    used_percent: Decimal | None
    available_bytes: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFigures:
    """Memory in use, that is not to be had without swapping, and swap space in use; both 0 to 100 percent."""

    used_percent: Decimal
    available_bytes: int
    swap_used_percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFigures:
    """The server's own host.

    ``load_per_core`` is the one-minute average of tasks that run or want to, per core. What could not be read is
    None, and ``problem`` says why. ``received`` is the uptime, in seconds, at which reading ended.
    """

    disks: tuple[DiskFigures, ...]
    memory: MemoryFigures | None
    load_per_core: Decimal | None
    problem: str = ""
    time: datetime
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedUpdate:
    """Latest update of one symbol of a market data feed; prices are None where absent.

    ``stamped`` means that the source told no time, and ``time`` is that of its arrival by this host's clock: it says
    nothing about the clock of the source.
    """

    feed: str
    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    sequence: int | None
    corrupt: bool
    detail: str
    time: datetime
    received: float
    stamped: bool = False


class EvaluatorStatus(Enum):
    """Verdicts by name, in the order of the contract's ``EvaluatorStatus``."""

    CLEAR = 1
    WARN = 2
    TRIP = 3
    UNKNOWN = 4
    INHIBITED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A reading beside its limit. ``limit_used`` is 0 untouched, 1 at the limit."""

    value: Decimal
    limit: Decimal
    time: datetime

    @property
    def share(self) -> Decimal:
        """Share of the limit that is used, 0 untouched and above 1 past it; infinite where nothing is allowed."""
        return self.value / self.limit if self.limit else Decimal("Infinity")

    @property
    def limit_used(self) -> float:
        """``share``, for people and charts."""
        return float(self.share)


@dataclass(frozen=True, slots=True)
class Clear:
    """Within the limit and below every warn tier."""

    measure: Measure


@dataclass(frozen=True, slots=True)
class Warn:
    """Past a warn tier, in percent of the limit."""

    measure: Measure
    tier_percent: int
    detail: str


@dataclass(frozen=True, slots=True)
class Trip:
    """At or past the limit; ``detail`` is one sentence with reading and limit."""

    measure: Measure
    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No usable reading; ``detail`` says what is missing."""

    detail: str


Verdict = Clear | Warn | Trip | Unknown
