"""CPU of one tick: every evaluator over 50 accounts and 500 symbols, quiet and at 1,000 observations a second.

Thread time of evaluating and of taking the verdicts, tick by tick, with the clock moved on by 250 ms between them.
``python -m tests.bench tick``
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from decimal import Decimal

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.config.kinds import build
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    ComponentHealth,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    FeedUpdate,
    HealthStatus,
)
from ess_server.core.watched import Watched
from ess_server.testing import FakeClock
from tests.bench.figures import Row, middle, percentile
from tests.bench.installation import ACCOUNTS, COMPONENTS, FEEDS, evaluators

TICK = timedelta(milliseconds=250)
TICKS = 400
SHORT_TICKS = 60
WARM_UP = 260
"""Ticks until the windows of a minute are full."""
SYMBOLS = tuple((feed, symbol) for feed, symbols in FEEDS.items() for symbol in symbols)


class Trading:
    """Makes what healthy trading reports."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.readings = Readings(
            MemoryMetricsRepository(self.clock, UTC), ReportedHealthMonitor(self.clock), ReportedFeedMonitor()
        )
        self._dice = random.Random(1)
        self._made = 0

    def equity(self, account: str) -> None:
        """Equity that wanders by half a percent."""
        amount = Decimal(100_000) + self._dice.randrange(-500, 500)
        now, uptime = self.clock.now(), self.clock.uptime()
        reading = EquityReading(account=account, amount=amount, currency="USDT", time=now, received=uptime)
        self.readings.metrics.record_equity(reading)

    def execution(self, account: str) -> None:
        """A placement, or its fill near the price that was expected; one in fifty is refused."""
        self._made += 1
        placed, refused = self._made % 2, self._made % 50 == 0
        kind = ExecutionType.REJECTED if refused else ExecutionType.NEW if placed else ExecutionType.TRADE
        price = Decimal(100) + Decimal(self._dice.randrange(-50, 50)) / 100
        self.readings.metrics.record_execution(
            ExecutionReport(
                account=account,
                id=f"x{self._made}",
                symbol="BTC/USDT:USDT",
                execution_type=kind,
                side="buy",
                client_order_id=f"c{self._made // 2}",
                quantity=Decimal(self._made // 2),
                price=price,
                expected_price=Decimal(100),
                stop_loss=False,
                strategy="mm",
                detail="",
                time=self.clock.now(),
                received=self.clock.uptime(),
            )
        )

    def health(self, component: str) -> None:
        """A component that is well."""
        now, uptime = self.clock.now(), self.clock.uptime()
        word = ComponentHealth(component=component, status=HealthStatus.HEALTHY, detail="", time=now, received=uptime)
        self.readings.health.record(word)

    def feed(self, feed: str, symbol: str) -> None:
        """A book whose middle wanders by a tenth of a percent."""
        middle = Decimal(100) + Decimal(self._dice.randrange(-10, 10)) / 100
        self.readings.feeds.record(
            FeedUpdate(
                feed=feed,
                symbol=symbol,
                bid=middle - Decimal("0.01"),
                ask=middle + Decimal("0.01"),
                last=None,
                sequence=None,
                corrupt=False,
                detail="",
                time=self.clock.now(),
                received=self.clock.uptime(),
            )
        )

    def everything(self) -> None:
        """Each source once."""
        for account in ACCOUNTS:
            self.equity(account)
        for component in COMPONENTS:
            self.health(component)
        for feed, symbol in SYMBOLS:
            self.feed(feed, symbol)

    def quarter_second(self) -> None:
        """250 observations, as at 1,000 a second: 150 prices, 50 of orders, 25 of equity, 25 of components."""
        for _ in range(50):
            self.execution(self._dice.choice(ACCOUNTS))
        for _ in range(150):
            self.feed(*self._dice.choice(SYMBOLS))
        for n in range(25):
            self.equity(ACCOUNTS[(self._made + n) % len(ACCOUNTS)])
            self.health(COMPONENTS[(self._made + n) % len(COMPONENTS)])


def measure(ticks: int, trading: Trading, happens: Callable[[int], None]) -> list[float]:
    """Return milliseconds of thread time of each tick."""
    watched = [Watched(build(one), one) for one in evaluators()]
    taken = []
    for number in range(WARM_UP + ticks):
        trading.clock.advance(TICK)
        happens(number)
        now = trading.clock.instant()
        began = time.thread_time()
        happened = [one.take(one.attentive.evaluate(trading.readings, now), now) for one in watched]
        taken.append((time.thread_time() - began) * 1000)
        assert not any(h.decision for h in happened), "healthy trading was stopped"
    return taken[WARM_UP:]


def rows(*, short: bool) -> Sequence[Row]:
    """Measure both conditions."""
    found, ticks = [], SHORT_TICKS if short else TICKS
    for name in ("quiet", "busy"):
        trading = Trading()
        trading.everything()

        def happens(number: int, trading: Trading = trading, name: str = name) -> None:
            if number % 20 == 0:
                trading.everything()
            if name == "busy":
                trading.quarter_second()

        taken = measure(ticks, trading, happens)
        found.append(Row(f"tick_{name}", ticks, middle(taken), "ms", at_most=2))
        found.append(Row(f"tick_{name}_p99", ticks, percentile(taken, 99), "ms"))
    return found
