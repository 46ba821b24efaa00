"""Puts one installation together from a controller and what surrounds it; servers and programs alike."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

from ess_server.core.controller import EmergencyStopController
from ess_server.core.monitor import Monitor, MonitorSettings, Tripwire
from ess_server.core.obstacles import Conditions, Flatness, Gates, TripwireStands
from ess_server.core.opening import Place
from ess_server.core.ports import EventLog, PolicyStore, Readings
from ess_server.core.release import Obstacle
from ess_server.core.reset import EmergencyReset
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import EmergencyStopSystem, SystemSettings
from ess_server.core.venue_ports import Flattener
from ess_server.core.watched import Watched

T = TypeVar("T")

_CLOCKS = frozenset({"time", "uptime"})
"""Facts that are kept for those who measure: the event has a time of its own for those who read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What stands around the controller. ``log`` is the audit log that its first record keeps."""

    flattener: Flattener
    readings: Readings
    watched: Sequence[Watched]
    subscribers: SubscriberRegistry
    log: EventLog
    tripwire: Tripwire | None = None
    tick: timedelta = MonitorSettings().tick
    settings: SystemSettings = field(default_factory=SystemSettings)


def assemble(controller: EmergencyStopController, around: Installation) -> EmergencyStopSystem:
    """Connect the parts to a system that is to be started."""
    monitor = Monitor(
        controller=controller,
        watched=around.watched,
        readings=around.readings,
        tripwire=around.tripwire,
        settings=MonitorSettings(tick=around.tick, tripwire_action=around.settings.default_action),
    )
    return EmergencyStopSystem(
        controller=controller,
        resets=EmergencyReset(controller, _obstacles(controller, monitor, around)),
        monitor=monitor,
        subscribers=around.subscribers,
        flattener=around.flattener,
        log=around.log,
        clock=controller.clock,
        settings=around.settings,
    )


def _obstacles(controller: EmergencyStopController, monitor: Monitor, around: Installation) -> list[Obstacle]:
    obstacles: list[Obstacle] = [
        Flatness(controller, around.flattener),
        Conditions(monitor, around.readings.metrics, [account.id for account in controller.accounts]),
        Gates(around.subscribers),
    ]
    if around.tripwire:
        obstacles.append(TripwireStands(around.tripwire))
    return obstacles


def new_id() -> str:
    """Return an identifier that is unique everywhere."""
    return uuid4().hex


def place(store: PolicyStore, stack: AsyncExitStack) -> Place:
    """Give a record a thread of its own. The thread is not a daemon: the process waits for what it writes."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=store.name)

    def run(work: Callable[[], T], /) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(thread, work)

    async def close() -> None:
        await run(store.close)
        thread.shutdown()

    stack.push_async_callback(close)
    return Place(store, run)


def note_venue_event(controller: EmergencyStopController, kind: str, account: str, details: Mapping[str, str]) -> None:
    """Log what happened on a venue; ``account`` is empty where it is about all of them."""
    facts = dict(details)
    stop_id = facts.pop("stop_id", "")
    told = {name: fact for name, fact in sorted(facts.items()) if fact and name not in _CLOCKS}
    words = " ".join(f"{name}={fact}" for name, fact in told.items())
    about = ": ".join(filter(None, (account, words)))
    scope = f"account/{account}" if account else ""
    controller.note(controller.draft(kind, about, scope=scope, stop_id=stop_id, facts=facts))
