"""The whole of one installation in process: latch, evaluators, gates and venues, started and stopped together."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from ess_server.core.controller import EmergencyStopController
from ess_server.core.latch import Activation
from ess_server.core.model import Action, Event, EventHead, Scope, ScopeKind, Stop
from ess_server.core.monitor import NEVER, Monitor
from ess_server.core.ports import Clock, EventLog
from ess_server.core.release import ReleaseRequest, ReleaseResult
from ess_server.core.reset import EmergencyReset
from ess_server.core.subscribers import Enforcement, SubscriberRegistry
from ess_server.core.venue_ports import Flattener

DURABLE_WITHIN = timedelta(milliseconds=500)
"""How long an answer waits for the disk after the broadcast; the stop itself never does."""
WAIT_AT_MOST = timedelta(seconds=5)
FIRST_TICKS = 20
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSettings:
    """What the whole installation shares."""

    installation: str = ""
    lease: timedelta = timedelta(seconds=1)
    default_action: Action = Action.FLATTEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A stop as latched, and what gates have confirmed of it so far."""

    stop: Stop
    durable: bool
    warnings: tuple[str, ...]
    enforcement: Enforcement


@dataclass(slots=True)
class EmergencyStopSystem:
    """Everything that one installation does, behind plain methods."""

    controller: EmergencyStopController
    resets: EmergencyReset
    monitor: Monitor
    subscribers: SubscriberRegistry
    flattener: Flattener
    log: EventLog
    clock: Clock
    settings: SystemSettings = field(default_factory=SystemSettings)
    notice: str = ""
    """What people must know about the rules in force, empty for nothing."""
    unsafe: str = ""
    """What people must know about accounts whose stop may not work, empty for nothing."""
    _task: asyncio.Task[None] | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Connect the parts that tell one another."""
        self.controller.on_latch(self.subscribers.latched)
        if self.controller.state.active:
            self.subscribers.latched(self.controller.state.revision)

    async def start(self) -> None:
        """Begin to watch. A stop that stands is carried out again, whatever was done before.

        Everything was read and evaluated once when this returns, the tripwire included. If a disk does not let it
        be looked at in FIRST_TICKS ticks, the server serves without, but nothing is proven until it was.
        """
        for _ in range(FIRST_TICKS):
            await self.monitor.tick()
            if self.monitor.proven_uptime > NEVER:
                break
        self._task = asyncio.create_task(self.monitor.run(), name="monitor")

    @property
    def watching(self) -> asyncio.Task[None]:
        """The monitor's loop, once started. It ends only when cancelled, or by a fault."""
        assert self._task is not None
        return self._task

    async def stop(self) -> None:
        """End watching; what is latched stays latched, and is on disk when this returns."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.resets.settle()
        await self.controller.settle()

    async def trigger(self, activation: Activation, wait: timedelta = timedelta(0)) -> Triggered:
        """Latch a stop, and wait for its broadcast, then a moment for the disk and as asked for the gates.

        Never refused. A caller that goes away changes nothing.
        """
        latching = self.controller.activate(activation)
        warnings = self.unknown_scope(activation.scope)
        await latching.told.wait()
        if wait:
            await self.subscribers.settled(latching.stop.revision, min(wait, WAIT_AT_MOST))
        if not self.controller.is_durable(latching.stop):
            await self._wait_for_disk(latching.stop.revision)
        stop = next((s for s in self.controller.state.stops if s.stop_id == latching.stop.stop_id), latching.stop)
        return Triggered(
            stop=stop,
            durable=self.controller.is_durable(latching.stop),
            warnings=warnings,
            enforcement=self.subscribers.enforcement(),
        )

    async def _wait_for_disk(self, revision: int) -> None:
        try:
            async with asyncio.timeout(DURABLE_WITHIN.total_seconds()):
                await self.controller.journal.durable(revision)
        except TimeoutError:
            pass  # the answer says durable=false

    async def reset(self, request: ReleaseRequest) -> ReleaseResult:
        """Release stops. Raises as EmergencyReset.reset does."""
        return await self.resets.reset(request)

    async def hold(self, request: ReleaseRequest) -> ReleaseResult:
        """End cancelling and closing; trading stays blocked. Raises as EmergencyReset.hold does."""
        return await self.resets.hold(request)

    def unknown_scope(self, scope: Scope) -> tuple[str, ...]:
        """Return a warning if nothing that is configured or connected matches ``scope``."""
        known: Collection[str]
        match scope.kind:
            case ScopeKind.GLOBAL:
                return ()
            case ScopeKind.ACCOUNT:
                known = {a.id for a in self.controller.accounts}
            case ScopeKind.VENUE:
                known = {a.venue for a in self.controller.accounts}
            case _:
                known = ()
        if scope.id in known or self.subscribers.knows_scope(scope):
            return ()
        return (f"no account or gate is known for scope {scope}",)

    async def events(self, *, after: int, limit: int, ascending: bool, stop_id: str, kind: str) -> Sequence[Event]:
        """Read the audit log, one page at a time and never ahead of a waiting stop for longer than one page."""
        reader = self.controller.journal.writers[0]
        async with self._reading:
            return await reader.read(
                lambda: self.log.read(
                    after=after, limit=min(limit, LARGEST_PAGE), ascending=ascending, stop_id=stop_id, kind=kind
                )
            )

    @property
    def event_head(self) -> EventHead:
        """Newest durable event."""
        return self.controller.journal.head
