"""What the tests of the core stand on: a controller with its resets over records that misbehave on demand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from ess_server.core.controller import EmergencyStopController, Latching
from ess_server.core.journal import Journal
from ess_server.core.latch import Activation
from ess_server.core.model import (
    Account,
    AccountProgress,
    Action,
    Actor,
    Cause,
    CauseSource,
    Credential,
    EmergencyState,
    EventDraft,
    FlattenStatus,
    Scope,
    Work,
)
from ess_server.core.opening import Place, Surroundings, open_controller
from ess_server.core.ports import Clock, EventBus, EventLog
from ess_server.core.release import Obstacle, ReleaseRequest, ReleaseResult
from ess_server.core.reset import EmergencyReset
from ess_server.core.venue_ports import Flattener
from ess_server.testing import START, RecordingEventBus

from .disks import Disk, memory_disks
from .virtual_time import running_clock

MAIN, HEDGE = Account(id="main", venue="paper"), Account(id="hedge", venue="other")
ANNA = Actor(id="anna", credential=Credential.TOKEN)


class RecordingFlattener:
    """A ``Flattener`` that keeps what was wanted, newest last, and shows what it is told to show."""

    def __init__(self) -> None:
        self.wanted: list[Mapping[str, Work]] = []
        self.shown: dict[str, AccountProgress] = {}
        self.quiet = True
        self.quiesced: list[tuple[Sequence[str], timedelta]] = []

    def set_work(self, work: Mapping[str, Work]) -> None:
        """See ``Flattener.set_work``."""
        self.wanted.append(work)

    def progress(self) -> Mapping[str, AccountProgress]:
        """See ``Flattener.progress``."""
        return self.shown

    async def quiesce(self, accounts: Sequence[str], within: timedelta) -> bool:
        """See ``Flattener.quiesce``."""
        self.quiesced.append((accounts, within))
        return self.quiet

    def show(self, account: Account, status: FlattenStatus, detail: str = "") -> None:
        """Show ``account`` in ``status``."""
        self.shown[account.id] = AccountProgress(account=account.id, venue=account.venue, status=status, detail=detail)


def cause(reason: str = "fat finger", **fields: str) -> Cause:
    """Return the cause of a trigger by hand."""
    return Cause(source=CauseSource.MANUAL, reason=reason, actor=ANNA, time=START, **fields)


def activation(
    scope: str = "", action: Action = Action.FLATTEN, reason: str = "fat finger", request_id: str = ""
) -> Activation:
    """Return a trigger by hand."""
    return Activation(scope=Scope.parse(scope), action=action, cause=cause(reason), request_id=request_id)


@dataclass(slots=True)
class Rig:
    """A controller with its resets, its records and everything that it tells."""

    controller: EmergencyStopController
    resets: EmergencyReset
    disks: tuple[Disk, ...]
    log: EventLog
    told: list[EmergencyState] = field(default_factory=list)

    @property
    def state(self) -> EmergencyState:
        """The present state."""
        return self.controller.state

    @property
    def journal(self) -> Journal:
        """The records' writers."""
        return self.controller.journal

    def trigger(
        self, scope: str = "", action: Action = Action.FLATTEN, reason: str = "fat finger", request_id: str = ""
    ) -> Latching:
        """Activate by hand."""
        return self.controller.activate(activation(scope, action, reason, request_id))

    async def stop(self, scope: str = "", action: Action = Action.FLATTEN) -> Latching:
        """Activate by hand and wait until all of it is done."""
        latching = self.trigger(scope, action)
        await self.controller.settle()
        return latching

    def request(self, **changes: object) -> ReleaseRequest:
        """Return a request for everything, by someone who has just looked."""
        request = ReleaseRequest(revision=self.state.revision, reason="mended", actor=ANNA)
        return replace(request, **changes)  # type: ignore[arg-type]  # the tests name fields of the request

    async def reset(self, **changes: object) -> ReleaseResult:
        """Reset as ``request`` says."""
        return await self.resets.reset(self.request(**changes))

    async def hold(self, **changes: object) -> ReleaseResult:
        """Hold as ``request`` says."""
        return await self.resets.hold(self.request(**changes))

    @property
    def kinds(self) -> list[str]:
        """Kinds of the events that are in the log, oldest first."""
        return [e.draft.kind for e in self.log.read(after=0, limit=1000, ascending=True)]

    @property
    def newest(self) -> EventDraft:
        """The newest event in the log."""
        return self.log.read(after=0, limit=1, ascending=False)[0].draft


async def opened(
    *disks: Disk,
    obstacles: Callable[[EmergencyStopController], Sequence[Obstacle]] = lambda _: (),
    flattener: Flattener | None = None,
    bus: EventBus | None = None,
    clock: Clock | None = None,
) -> Rig:
    """Start a controller over ``disks``, by default two empty ones in memory."""
    first, *others = disks or memory_disks()
    numbers = count(1)
    around = Surroundings(
        flattener=flattener or RecordingFlattener(),
        bus=bus or RecordingEventBus(),
        clock=clock or running_clock(),
        accounts=(MAIN, HEDGE),
        new_id=lambda: f"id-{id(first):x}-{next(numbers)}",
    )
    log: EventLog = first.store  # type: ignore[assignment]  # the first record keeps the log
    controller = await open_controller(
        Place(first, first.run), log, [Place(other, other.run) for other in others], around
    )
    rig = Rig(controller, EmergencyReset(controller, obstacles(controller)), (first, *others), log)
    controller.on_change(rig.told.append)
    return rig


async def commissioned(*disks: Disk, **parts: object) -> Rig:
    """Start over ``disks`` and release what stands, as a person does first of all."""
    rig = await opened(*disks, **parts)  # type: ignore[arg-type]  # handed on as they are
    request = rig.request(overrides=frozenset({"NOT_FLAT", "CONDITION_TRUE", "UNCONFIRMED_GATES"}))
    await rig.resets.reset(request)
    for disk in rig.disks:
        disk.written.clear()
    rig.told.clear()
    return rig


def parts(rig: Rig) -> tuple[RecordingFlattener, RecordingEventBus]:
    """Return flattener and bus of a rig."""
    flattener, bus = rig.controller._flattener, rig.controller._bus
    assert isinstance(flattener, RecordingFlattener)
    assert isinstance(bus, RecordingEventBus)
    return flattener, bus
