"""Accounts, components, a host and a feed that are well: with noise, gaps, wrong readings, deposits and restarts."""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.core.confirm import Confirmation, Decision
from ess_server.core.evaluators import (
    EVALUATORS,
    DataFeedSettings,
    DrawdownSettings,
    EvaluatorSettings,
    ExecutionErrorsSettings,
    ManualEvaluator,
    ManualSettings,
    SystemHealthSettings,
)
from ess_server.core.evaluators.drawdown import groups_of
from ess_server.core.host_figures import DiskFigures, HostFigures, MemoryFigures
from ess_server.core.ports import EmergencyConditionEvaluator, Readings
from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    FeedUpdate,
    HealthStatus,
    Trip,
)
from ess_server.testing import FakeClock
from tests.core.losses import Remembered

ACCOUNTS = ("main", "hedge")
SKEWS = {"main": timedelta(seconds=-1.2), "hedge": timedelta(seconds=0.7)}
"""Each venue has a clock of its own, by which it stamps readings and flows alike."""
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
CONFIRM = 2
DAILY, DRAWDOWN = Decimal(4), Decimal(7)
LIMITS: tuple[EvaluatorSettings, ...] = (
    ManualSettings(),
    DrawdownSettings(account="main", max_daily_loss_percent=DAILY, max_drawdown_percent=DRAWDOWN, confirm=CONFIRM),
    DrawdownSettings(
        accounts=ACCOUNTS,
        currency="USDT",
        max_daily_loss_percent=DAILY,
        max_drawdown_percent=DRAWDOWN,
        confirm=CONFIRM,
    ),
    SystemHealthSettings(components=("orders", "risk"), max_disk_percent=Decimal(95), max_memory_percent=Decimal(95)),
    ExecutionErrorsSettings(
        account="main",
        max_stop_losses=5,
        max_failed_orders=10,
        max_failed_percent=Decimal(50),
        max_repeated_orders=10,
        max_slippage_percent=Decimal(2),
    ),
    DataFeedSettings(feed="quotes", symbols=SYMBOLS, max_jump_percent=Decimal(10), confirm=CONFIRM),
)


class World:
    """One installation. ``tick`` lets time pass, and returns what the evaluators have decided."""

    def __init__(self, clock: FakeClock, random: Random, zone: ZoneInfo) -> None:
        self.clock = clock
        self.random = random
        self.metrics = Remembered(clock, zone)
        self.number = 0
        self.factor = dict.fromkeys(ACCOUNTS, 1.0)
        """What becomes of an account's equity: 1 while it is well."""
        self.faults: set[str] = set()
        """``critical``, ``rejected``, ``crossed``: what else is not well."""
        self.breaches: defaultdict[str, set[datetime]] = defaultdict(set)
        """Readings that each evaluator has tripped on, confirmed or not, by their times."""
        self._equity = dict.fromkeys(ACCOUNTS, Decimal(50_000))
        self._noise = dict.fromkeys(ACCOUNTS, 0.0)
        self._price = dict.fromkeys(SYMBOLS, 100.0)
        self._arriving: tuple[int, Decimal] | None = None
        self._wrong_at = 0
        self._told = {account: deque[EquityReading](maxlen=100) for account in ACCOUNTS}
        self._orders = 0
        self.begin()

    def begin(self) -> None:
        """Start the process: baselines are remembered, nothing else is."""
        self.number += 1
        self.metrics = self.metrics.restarted(self.clock)
        self.metrics.declare_groups(groups_of(LIMITS))
        self.readings = Readings(self.metrics, ReportedHealthMonitor(self.clock), ReportedFeedMonitor())
        self.evaluators: list[EmergencyConditionEvaluator] = [EVALUATORS[s.kind](s) for s in LIMITS]
        self.confirmations = [Confirmation(s) for s in LIMITS]
        self.news()

    @property
    def by_hand(self) -> ManualEvaluator:
        """The evaluator that people speak to."""
        (found,) = (e for e in self.evaluators if isinstance(e, ManualEvaluator))
        return found

    def tick(self) -> dict[str, Decision]:
        """Let up to some seconds pass, take what is reported meanwhile, evaluate everything."""
        self.number += 1
        self.clock.advance(self.random.choice((0.25, 0.25, 0.5, 1, 1, 2, 4)))
        self.news()
        return self.evaluate()

    def evaluate(self) -> dict[str, Decision]:
        """Return the decisions by name of evaluator; none of them is healthy."""
        now, found = self.clock.instant(), {}
        for evaluator, confirmation in zip(self.evaluators, self.confirmations, strict=True):
            verdict = evaluator.evaluate(self.readings, now)
            if isinstance(verdict, Trip):
                self.breaches[evaluator.name].add(verdict.measure.time)
            decision = confirmation.decide(verdict, now)
            if decision:
                found[evaluator.name] = decision
        return found

    def news(self) -> None:
        """Everything that reports does, save a few that are late or fail for a while."""
        self._flows()
        silent = self.number % 97 in (40, 41)
        for account in ACCOUNTS:
            if not (silent or self.random.random() < 0.05):
                self._read(account)
        for symbol in SYMBOLS:
            self._quote(symbol)
        self._health()
        for _ in range(self.random.randrange(3)):
            self._order()

    def _flows(self) -> None:
        """Deposits, withdrawals and transfers; each is reported before the next reading, as it happens."""
        if self._arriving and self._arriving[0] <= self.number:
            self._move("hedge", self._arriving[1])
            self._arriving = None
        elif self.number % 211 == 100:
            self._move(self.random.choice(ACCOUNTS), Decimal(self.random.choice((9_000, -6_000, 2_500))))
        elif self.number % 307 == 150 and self._equity["main"] > 40_000:
            self._move("main", Decimal(-15_000))
            self._arriving = self.number + self.random.randrange(1, 20), Decimal(15_000)

    def _move(self, account: str, amount: Decimal) -> None:
        if self._equity[account] + amount < 20_000:
            return
        self._equity[account] += amount
        flow = CashFlow(
            account=account,
            id=f"{self.number}/{account}",
            amount=amount,
            currency="USDT",
            time=self.clock.now() + SKEWS[account],
        )
        assert self.metrics.record_cash_flow(flow)
        assert not self.metrics.record_cash_flow(flow)

    def _read(self, account: str) -> None:
        """A reading with noise; one in some hundred is far off, not a number, late or told twice."""
        self._noise[account] = 0.98 * self._noise[account] + self.random.gauss(0, 0.0004)
        amount = self._equity[account] * Decimal(self.factor[account] * (1 + self._noise[account])).quantize(
            Decimal("0.000001")
        )
        time, chance = self.clock.now() + SKEWS[account], self.random.random()
        if chance < 0.004 and self.number - self._wrong_at > 20:
            self._wrong_at = self.number
            amount *= Decimal(self.random.choice(("0.3", "3", "NaN", "0")))
        reading = EquityReading(
            account=account,
            amount=amount,
            currency="USDT",
            time=time,
            received=self.clock.uptime(),
        )
        if chance > 0.96:
            self.metrics.record_equity(self.random.choice([reading, *self._told[account]]))
        self.metrics.record_equity(reading)
        self._told[account].append(reading)

    def _quote(self, symbol: str) -> None:
        self._price[symbol] *= 1 + self.random.gauss(0, 0.0005)
        bid = Decimal(self._price[symbol]).quantize(Decimal("0.0001"))
        crossed = "crossed" in self.faults
        self.readings.feeds.record(
            FeedUpdate(
                feed="quotes",
                symbol=symbol,
                bid=bid,
                ask=bid * Decimal("0.99" if crossed else "1.001"),
                last=None,
                sequence=self.number,
                corrupt=False,
                detail="",
                time=self.clock.now() - timedelta(milliseconds=self.random.randrange(300)),
                received=self.clock.uptime(),
            )
        )

    def _health(self) -> None:
        now, uptime = self.clock.now(), self.clock.uptime()
        for component in ("orders", "risk"):
            status = HealthStatus.CRITICAL if "critical" in self.faults else HealthStatus.HEALTHY
            if self.random.random() < 0.1:
                continue
            if status is HealthStatus.HEALTHY and self.number % 53 == 0:
                status = HealthStatus.DEGRADED
            self.readings.health.record(
                ComponentHealth(component=component, status=status, detail="", time=now, received=uptime)
            )
        disk = DiskFigures(path="/data", used_percent=Decimal(self.random.randrange(30, 90)))
        memory = MemoryFigures(
            used_percent=Decimal(self.random.randrange(30, 90)), available_bytes=1, swap_used_percent=Decimal(0)
        )
        self.readings.health.record_host(
            HostFigures(disks=(disk,), memory=memory, load_per_core=Decimal(1), time=now, received=uptime)
        )

    def _order(self) -> None:
        self._orders += 1
        rejected = "rejected" in self.faults or self._orders % 40 == 0
        expected = Decimal(100)
        report = ExecutionReport(
            account="main",
            id=f"{self._orders}",
            symbol=self.random.choice(SYMBOLS),
            execution_type=ExecutionType.REJECTED if rejected else ExecutionType.TRADE,
            side=self.random.choice(("buy", "sell")),
            client_order_id=f"c{self._orders}",
            quantity=Decimal(self.random.randrange(1, 1000)),
            price=expected * Decimal(1 + self.random.uniform(-0.005, 0.005)).quantize(Decimal("0.0001")),
            expected_price=expected,
            stop_loss=self._orders % 60 == 0,
            strategy="",
            detail="",
            time=self.clock.now(),
            received=self.clock.uptime(),
        )
        assert self.metrics.record_execution(report)
        assert not self.metrics.record_execution(report)
