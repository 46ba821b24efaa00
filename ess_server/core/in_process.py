"""A whole installation inside one process, without a server: for programs that stop themselves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from uuid import uuid4

from ess_server.core.controller import EmergencyStopController
from ess_server.core.flatten import LocalFlattener
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.model import AccountProgress
from ess_server.core.monitor import Monitor, MonitorSettings
from ess_server.core.obstacles import Conditions, Flatness, Gates
from ess_server.core.opening import Place, Surroundings, open_controller
from ess_server.core.ports import Clock, EventBus, EventLog, ExchangeClient, Flattener, PolicyStore, Readings
from ess_server.core.reset import EmergencyReset
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import EmergencyStopSystem, SystemSettings
from ess_server.core.watched import Watched

T = TypeVar("T")


class LoggingStore(PolicyStore, EventLog, Protocol):
    """A durable record that keeps the audit log as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an installation is made of.

    ``store`` keeps latch and audit log, ``others`` are further records of the latch: trading is allowed only where
    all of them agree. ``exchanges`` are worked on in this process, where one that blocks blocks everything.
    """

    store: LoggingStore
    others: Sequence[PolicyStore] = ()
    evaluators: Sequence[Watched] = ()
    exchanges: Sequence[ExchangeClient] = ()
    readings: Readings
    bus: EventBus
    clock: Clock
    settings: SystemSettings = field(default_factory=SystemSettings)
    flatten: FlattenSettings = field(default_factory=FlattenSettings)


@asynccontextmanager
async def open_system(parts: Parts) -> AsyncIterator[EmergencyStopSystem]:
    """Restore what is latched and yield the system, to be started; on leaving it is stopped and all is closed.

    A new store is stopped until its first reset. Raises as ``open_controller``.
    """
    async with AsyncExitStack() as stack:
        first, *others = [_on_a_thread(store, stack) for store in (parts.store, *parts.others)]
        venues = _VenueEvents()
        flattener = LocalFlattener(
            parts.exchanges, clock=parts.clock, settings=parts.flatten, on_progress=_shown, on_event=venues.log
        )
        around = Surroundings(
            flattener=flattener,
            bus=parts.bus,
            clock=parts.clock,
            accounts=[exchange.account for exchange in parts.exchanges],
            new_id=lambda: uuid4().hex,
        )
        venues.controller = await open_controller(first, parts.store, others, around)
        await flattener.start()
        stack.push_async_callback(flattener.stop)
        system = _connect(parts, venues.controller, flattener)
        stack.push_async_callback(system.stop)
        yield system


def _connect(parts: Parts, controller: EmergencyStopController, flattener: Flattener) -> EmergencyStopSystem:
    settings = MonitorSettings(tripwire_action=parts.settings.default_action)
    monitor = Monitor(controller=controller, watched=parts.evaluators, readings=parts.readings, settings=settings)
    gates = SubscriberRegistry(expected=(), lease=parts.settings.lease, limit=0, clock=parts.clock)
    accounts = [account.id for account in controller.accounts]
    obstacles = [
        Flatness(controller, flattener),
        Conditions(monitor, parts.readings.metrics, accounts),
        Gates(gates),
    ]
    return EmergencyStopSystem(
        controller=controller,
        resets=EmergencyReset(controller, obstacles),
        monitor=monitor,
        subscribers=gates,
        flattener=flattener,
        log=parts.store,
        clock=parts.clock,
        settings=parts.settings,
    )


def _on_a_thread(store: PolicyStore, stack: AsyncExitStack) -> Place:
    """Give a record a thread of its own. It is no daemon: the process waits for what it writes."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=store.name)

    def run(work: Callable[[], T], /) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(thread, work)

    async def close() -> None:
        await run(store.close)
        thread.shutdown()

    stack.push_async_callback(close)
    return Place(store, run)


class _VenueEvents:
    """Logs what happens on the venues; ``controller`` comes before the first event."""

    controller: EmergencyStopController

    def log(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        facts = dict(details)
        stop_id = facts.pop("stop_id", "")
        words = " ".join(f"{name}={fact}" for name, fact in sorted(facts.items()))
        scope = f"account/{account}"
        entry = self.controller.draft(kind, f"{account}: {words}", scope=scope, stop_id=stop_id, facts=facts)
        self.controller.note(entry)


def _shown(progress: AccountProgress) -> None:
    """Nothing to do: progress is read where it is shown."""
