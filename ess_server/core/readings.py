"""What evaluators read: equity, executions, component health and feeds, as frozen values."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum

from ess_server.core.setters import setters

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, init=False)
class Instant:
    """One moment on both clocks: aware UTC, and seconds of uptime (counts suspend, never jumps).

    ``pauses`` are spans of uptime in which this process stood still and nothing could arrive, see ``Presence``.
    """

    time: datetime
    uptime: float
    pauses: tuple[tuple[float, float], ...]

    def __init__(self, time: datetime, uptime: float, pauses: tuple[tuple[float, float], ...] = ()) -> None:
        _set_moment(self, time)
        _set_uptime(self, uptime)
        _set_pauses(self, pauses)

    def since(self, uptime: float) -> float:
        """Return the seconds from ``uptime`` until now in which this process did not stand still."""
        passed = self.uptime - uptime
        return passed - sum(max(0.0, end - max(begin, uptime)) for begin, end in self.pauses)


_set_moment, _set_uptime, _set_pauses = setters(Instant)


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class EquityReading:
    """Equity of an account, open positions included. ``received`` is the uptime of its arrival, in seconds."""

    account: str
    amount: Decimal
    currency: str
    time: datetime
    received: float

    def __init__(self, *, account: str, amount: Decimal, currency: str, time: datetime, received: float) -> None:
        _set_account(self, account)
        _set_amount(self, amount)
        _set_currency(self, currency)
        _set_time(self, time)
        _set_received(self, received)

    @property
    def usable(self) -> bool:
        """False for NaN, infinity, zero and below: such a reading proves nothing."""
        return self.amount.is_finite() and self.amount > _ZERO


_set_account, _set_amount, _set_currency, _set_time, _set_received = setters(EquityReading)


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


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class AccountMetrics:
    """Latest equity of an account and its baseline; the baseline is None until one usable reading came."""

    equity: EquityReading
    baseline: Baseline | None

    def __init__(self, *, equity: EquityReading, baseline: Baseline | None) -> None:
        _set_equity(self, equity)
        _set_baseline(self, baseline)


_set_equity, _set_baseline = setters(AccountMetrics)


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


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Measure:
    """A reading beside its limit. ``limit_used`` is 0 untouched, 1 at the limit."""

    value: Decimal
    limit: Decimal
    time: datetime

    def __init__(self, *, value: Decimal, limit: Decimal, time: datetime) -> None:
        _set_value(self, value)
        _set_limit(self, limit)
        _set_read(self, time)

    @property
    def share(self) -> Decimal:
        """Share of the limit that is used, 0 untouched and above 1 past it; infinite where nothing is allowed."""
        return self.value / self.limit if self.limit else Decimal("Infinity")

    @property
    def limit_used(self) -> float:
        """``share``, for people and charts."""
        return float(self.share)


_set_value, _set_limit, _set_read = setters(Measure)


@dataclass(frozen=True, slots=True, init=False)
class Clear:
    """Within the limit and below every warn tier."""

    measure: Measure

    def __init__(self, measure: Measure) -> None:
        _set_measure(self, measure)


(_set_measure,) = setters(Clear)


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
