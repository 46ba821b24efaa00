"""A day that goes wrong: warnings, a deposit that hides nothing, the daily loss, a hold, a reset that starts anew.

    .venv/bin/python examples/drawdown.py

All in one process, and in a second. With a server the same limits stand in ``ess.toml``, and the venue process reads
the equity.
"""

import asyncio
from datetime import UTC
from decimal import Decimal

from ess_server.adapters.memory_store import MemoryPolicyStore
from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.core.clock import SystemClock
from ess_server.core.evaluators import DrawdownEvaluator, DrawdownSettings
from ess_server.core.in_process import Parts, open_system
from ess_server.core.model import Account, Actor, Credential
from ess_server.core.ports import Readings
from ess_server.core.readings import CashFlow, EquityReading
from ess_server.core.release import ReleaseRequest
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.watched import Watched
from ess_server.testing import FakeExchangeClient, RecordingEventBus, eventually

ANN = Actor(id="ann", credential=Credential.NONE, requested_by="ann")
LIMITS = DrawdownSettings(
    account="main",
    max_daily_loss_percent=Decimal(3),
    max_drawdown_percent=Decimal(10),
    confirm=2,  # one wrong reading of the venue stops nobody
)


class Day:
    """What happens on an account."""

    def __init__(self, system: EmergencyStopSystem, metrics: MemoryMetricsRepository, clock: SystemClock) -> None:
        self._system = system
        self._metrics = metrics
        self._clock = clock

    async def equity(self, amount: int) -> None:
        """Read the equity, and evaluate."""
        time, received = self._clock.now(), self._clock.uptime()
        self._metrics.record_equity(
            EquityReading(account="main", amount=Decimal(amount), currency="USDT", time=time, received=received)
        )
        await self._system.monitor.tick()
        (view,) = self._system.monitor.views()
        used = f"{view.measure.limit_used:.0%} of the limit used" if view.measure else view.detail
        print(f"equity  {amount:>6}  {view.status.name:<7}  {used}")

    def deposit(self, amount: int) -> None:
        """Pay something in: high-water mark and the day's opening move with it."""
        now = self._clock.now()
        self._metrics.record_cash_flow(
            CashFlow(account="main", id=f"{now}", amount=Decimal(amount), currency="USDT", time=now)
        )
        print(f"deposit {amount:>6}")


async def main() -> None:
    """Live through the day."""
    clock, bus = SystemClock(), RecordingEventBus()
    metrics = MemoryMetricsRepository(clock, UTC)
    parts = Parts(
        store=MemoryPolicyStore(),
        evaluators=[Watched(DrawdownEvaluator(LIMITS), LIMITS)],
        exchanges=[FakeExchangeClient(Account(id="main", venue="paper"))],
        readings=Readings(metrics, ReportedHealthMonitor(clock), ReportedFeedMonitor()),
        bus=bus,
        clock=clock,
    )
    async with open_system(parts) as system:

        async def release(reason: str, *overrides: str) -> None:
            """Reset as somebody who has looked at the present revision."""
            request = ReleaseRequest(
                revision=system.controller.state.revision,
                reason=reason,
                actor=ANN,
                overrides=frozenset(overrides),
                rebaseline=bool(overrides),
            )
            await system.reset(request)

        await release("a new store is stopped until somebody commissions it")
        day = Day(system, metrics, clock)
        for amount in (10_000, 10_050, 9_890, 9_820):
            await day.equity(amount)
        day.deposit(5_000)
        for amount in (14_820, 14_600, 14_540, 14_530):
            await day.equity(amount)
        stop = system.controller.state.stops[0]
        print(f"STOPPED: {stop.scope} {stop.action.name}: {stop.cause.reason}")

        await eventually(lambda: system.flattener.progress()["main"].status.is_flat)
        print("the venue shows the account flat")
        await release("loss accepted, limits stay", "CONDITION_TRUE")
        await day.equity(14_520)
        print("events:", *dict.fromkeys(kind for kind in bus.kinds if kind.startswith(("evaluator.", "stop."))))


if __name__ == "__main__":
    asyncio.run(main())
