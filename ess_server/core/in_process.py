"""A whole installation inside one process, without a server: for programs that stop themselves."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ess_server.core.assembly import Installation, assemble, new_id, note_venue_event, place
from ess_server.core.controller import EmergencyStopController
from ess_server.core.flatten import LocalFlattener
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.model import AccountProgress
from ess_server.core.opening import Surroundings, open_controller
from ess_server.core.ports import Clock, EventBus, EventLog, PolicyStore, Readings
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import EmergencyStopSystem, SystemSettings
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.watched import Watched


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
        first, *others = [place(store, stack) for store in (parts.store, *parts.others)]
        venues = _VenueEvents()
        flattener = LocalFlattener(
            parts.exchanges, clock=parts.clock, settings=parts.flatten, on_progress=_shown, on_event=venues.log
        )
        around = Surroundings(
            flattener=flattener,
            bus=parts.bus,
            clock=parts.clock,
            accounts=[exchange.account for exchange in parts.exchanges],
            new_id=new_id,
        )
        venues.controller = await open_controller(first, parts.store, others, around)
        await flattener.start()
        stack.push_async_callback(flattener.stop)
        system = assemble(venues.controller, _installation(parts, flattener))
        stack.push_async_callback(system.stop)
        yield system


def _installation(parts: Parts, flattener: LocalFlattener) -> Installation:
    return Installation(
        flattener=flattener,
        readings=parts.readings,
        watched=parts.evaluators,
        subscribers=SubscriberRegistry(expected=(), lease=parts.settings.lease, limit=lambda: 0, clock=parts.clock),
        log=parts.store,
        settings=parts.settings,
    )


class _VenueEvents:
    """Logs what happens on the venues; ``controller`` comes before the first event."""

    controller: EmergencyStopController

    def log(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        note_venue_event(self.controller, kind, account, details)


def _shown(progress: AccountProgress) -> None:
    """Nothing to do: progress is read where it is shown."""
