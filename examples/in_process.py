"""The whole system in one process: a loss trips it, the account is flattened, a person resets it.

No network, no server, no file. For a stop that outlives the process put ``SqlitePolicyStore`` and ``LatchFile`` in
place of the store in memory.
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
from ess_server.core.model import Account, Actor, Credential, EventDraft
from ess_server.core.ports import Readings
from ess_server.core.readings import EquityReading
from ess_server.core.release import ReleaseRequest
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.watched import Watched
from ess_server.testing import FakeExchangeClient, eventually

ANN = Actor(id="ann", credential=Credential.NONE, requested_by="ann")
CLOCK = SystemClock()


class PrintedEvents:
    """An ``EventBus`` that prints."""

    def publish(self, event: EventDraft) -> None:
        """Print one line."""
        print(f"  {event.kind:<20} {event.summary[:90]}")


def equity(amount: str) -> EquityReading:
    """Return a reading of the account as of now."""
    now = CLOCK.now()
    return EquityReading(account="main", amount=Decimal(amount), currency="USDT", time=now, received=CLOCK.uptime())


async def reset(system: EmergencyStopSystem, reason: str, *overrides: str) -> None:
    """Release every stop, as somebody who has looked at the present revision."""
    looked_at = system.controller.state.revision
    request = ReleaseRequest(
        revision=looked_at, reason=reason, actor=ANN, overrides=frozenset(overrides), rebaseline=bool(overrides)
    )
    await system.reset(request)


async def main() -> None:
    """Build, start, trip, flatten, reset, stop."""
    venue = FakeExchangeClient(Account(id="main", venue="paper"))
    metrics = MemoryMetricsRepository(CLOCK, UTC)
    limits = DrawdownSettings(account="main", max_drawdown_percent=Decimal(10))
    parts = Parts(
        store=MemoryPolicyStore(),
        evaluators=[Watched(DrawdownEvaluator(limits), limits)],
        exchanges=[venue],
        readings=Readings(metrics, ReportedHealthMonitor(CLOCK), ReportedFeedMonitor()),
        bus=PrintedEvents(),
        clock=CLOCK,
    )
    async with open_system(parts) as system:
        await system.start()
        print(f"a new store is stopped: {system.controller.state.active}")
        await reset(system, "first start")

        venue.hold("BTC/USDT:USDT", 2)
        venue.rest("BTC/USDT:USDT")
        metrics.record_equity(equity("1000"))
        metrics.record_equity(equity("850"))
        system.monitor.observed()
        await eventually(lambda: system.controller.state.active)
        print(f"stopped: {system.controller.state.stops[0].cause.reason}")

        await eventually(lambda: system.flattener.progress()["main"].status.is_flat)
        print(f"venue: {len(venue.orders)} orders, {len(venue.positions)} positions")

        await reset(system, "the loss is accepted", "CONDITION_TRUE")
        print(f"stopped: {system.controller.state.active}")
        await system.stop()


if __name__ == "__main__":
    asyncio.run(main())
