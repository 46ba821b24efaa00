"""All five evaluators together: each sees its own catastrophe, stops, and is reset before the next one comes.

    .venv/bin/python examples/all_evaluators.py

The same five stand commented in ``examples/ess.toml``. Here they run in one process, over readings that the example
makes: what engines report and what the server reads by itself ends in the same three places.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal

from ess_server.adapters.memory_store import MemoryPolicyStore
from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.core.clock import SystemClock
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
from ess_server.core.in_process import Parts, open_system
from ess_server.core.model import Account, Action, Actor, Credential
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    ComponentHealth,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    FeedUpdate,
    HealthStatus,
)
from ess_server.core.release import ReleaseRequest
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.watched import Watched
from ess_server.testing import FakeExchangeClient, RecordingEventBus

ANN = Actor(id="ann", credential=Credential.NONE, requested_by="ann")
CLOCK = SystemClock()
BTC = "BTC/USDT:USDT"

LIMITS: tuple[EvaluatorSettings, ...] = (
    DrawdownSettings(account="main", max_daily_loss_percent=Decimal(3)),
    SystemHealthSettings(components=("order-router",)),
    ExecutionErrorsSettings(account="main", max_repeated_orders=10),
    # Closing would sell into the very prices that have just been found wrong.
    DataFeedSettings(feed="quotes", symbols=(BTC,), action=Action.CANCEL),
    ManualSettings(),
)


class Observations:
    """What is seen of an installation, good or bad."""

    def __init__(self, manual: ManualEvaluator) -> None:
        self._manual = manual
        self.readings = Readings(
            MemoryMetricsRepository(CLOCK, UTC), ReportedHealthMonitor(CLOCK), ReportedFeedMonitor()
        )
        self._reports = 0

    def all_is_well(self) -> None:
        """Take one reading of each kind."""
        self.equity(1000)
        self.router(HealthStatus.HEALTHY)
        self.quote(60_000, 60_001)

    def equity(self, amount: int) -> None:
        """Read the account's equity."""
        self.readings.metrics.record_equity(
            EquityReading(
                account="main", amount=Decimal(amount), currency="USDT", time=CLOCK.now(), received=CLOCK.uptime()
            )
        )

    def router(self, status: HealthStatus) -> None:
        """Hear from the order router."""
        self.readings.health.record(
            ComponentHealth(
                component="order-router", status=status, detail="", time=CLOCK.now(), received=CLOCK.uptime()
            )
        )

    def order_again(self) -> None:
        """See the order that a loop sends over and over."""
        self._reports += 1
        self.readings.metrics.record_execution(
            ExecutionReport(
                account="main",
                id=f"report-{self._reports}",
                symbol=BTC,
                execution_type=ExecutionType.NEW,
                side="buy",
                client_order_id=f"order-{self._reports}",
                quantity=Decimal(1),
                price=Decimal(60_000),
                expected_price=None,
                stop_loss=False,
                strategy="momentum",
                detail="",
                time=CLOCK.now(),
                received=CLOCK.uptime(),
            )
        )

    def quote(self, bid: int, ask: int) -> None:
        """See the top of the book."""
        self._reports += 1
        self.readings.feeds.record(
            FeedUpdate(
                feed="quotes",
                symbol=BTC,
                bid=Decimal(bid),
                ask=Decimal(ask),
                last=None,
                sequence=self._reports,
                corrupt=False,
                detail="",
                time=CLOCK.now(),
                received=CLOCK.uptime(),
            )
        )

    def catastrophes(self) -> dict[str, Callable[[], object]]:
        """Return what each evaluator is there for."""
        return {
            "a loss": lambda: self.equity(960),
            "a component that fails": lambda: self.router(HealthStatus.CRITICAL),
            "a loop that has run away": lambda: [self.order_again() for _ in range(10)],
            "a crossed book": lambda: self.quote(60_010, 60_000),
            "a signal handler": lambda: self._manual.request("operator pressed the button"),
        }


async def reset(system: EmergencyStopSystem, reason: str) -> None:
    """Release every stop, whatever stands in the way, and measure losses from now on."""
    request = ReleaseRequest(
        revision=system.controller.state.revision,
        reason=reason,
        actor=ANN,
        overrides=frozenset({"CONDITION_TRUE", "NOT_FLAT"}),
        rebaseline=True,
    )
    await system.reset(request)


async def main() -> None:
    """Let everything go wrong once."""
    watched = [Watched(EVALUATORS[limits.kind](limits), limits) for limits in LIMITS]
    manual = watched[-1].evaluator
    assert isinstance(manual, ManualEvaluator)
    seen = Observations(manual)
    parts = Parts(
        store=MemoryPolicyStore(),
        evaluators=watched,
        exchanges=[FakeExchangeClient(Account(id="main", venue="paper"))],
        readings=seen.readings,
        bus=RecordingEventBus(),
        clock=CLOCK,
    )
    async with open_system(parts) as system:
        await reset(system, "first start")
        for what, happen in seen.catastrophes().items():
            seen.all_is_well()
            await system.monitor.tick()
            assert not system.controller.state.active
            happen()
            await system.monitor.tick()
            (stop,) = system.controller.state.stops
            print(f"{what:<25} {stop.cause.evaluator:<21} {stop.scope} {stop.action.name}: {stop.cause.reason}")
            await reset(system, "an example")


if __name__ == "__main__":
    asyncio.run(main())
