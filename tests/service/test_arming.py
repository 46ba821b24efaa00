"""What an examination at the start decides: who is refused, who is never, and what people are told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ess_server.adapters.memory_store import MemoryPolicyStore
from ess_server.app.arming import Arming, EndedError, UnsafeError
from ess_server.config.settings import ServerSettings, Settings
from ess_server.core.clock import SystemClock
from ess_server.core.examination import Topic
from ess_server.core.findings import Finding, Grade, OnUnsafe
from ess_server.core.in_process import Parts, open_system
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Account, Action, Actor, Cause, CauseSource, Credential
from ess_server.core.release import ReleaseRequest
from ess_server.core.system import EmergencyStopSystem
from ess_server.testing import FakeExchangeClient, RecordingEventBus, eventually, fake_readings
from tests.service.conftest import MAIN

ANNA = Actor(id="anna", credential=Credential.TOKEN)
SOON, NEVER = timedelta(milliseconds=10), timedelta(hours=1)


def finding(grade: Grade, words: str = "it is so") -> Finding:
    """Return a finding on the account."""
    return Finding(account="main", topic=Topic.TRADING, grade=grade, words=words, remedy="mend it")


FINE, UNKNOWN, UNSAFE = finding(Grade.WARN), finding(Grade.UNKNOWN), finding(Grade.UNSAFE)


class Look:
    """Stands in for the venues: one list of findings for each examination, the last one again and again."""

    def __init__(self, *results: Sequence[Finding] | Exception) -> None:
        self.results = list(results)
        self.asked = 0
        self.answer = asyncio.Event()
        self.answer.set()
        self.cancelled = 0

    async def __call__(self) -> tuple[Finding, ...]:
        """Answer when it may."""
        self.asked += 1
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return tuple(result)


@pytest.fixture
async def system() -> AsyncIterator[EmergencyStopSystem]:
    """One that is allowed to trade."""
    parts = Parts(
        store=MemoryPolicyStore(),
        exchanges=[FakeExchangeClient(Account(id="main", venue="paper"))],
        readings=fake_readings(),
        bus=RecordingEventBus(),
        clock=SystemClock(),
    )
    async with open_system(parts) as made:
        await made.start()
        request = ReleaseRequest(revision=made.controller.state.revision, reason="commission", actor=ANNA)
        await made.reset(request)
        yield made


def arming(on_unsafe: OnUnsafe, look: Look, stopping: asyncio.Event | None = None, **pauses: timedelta) -> Arming:
    """Return the arming of a server with one account."""
    settings = Settings(server=ServerSettings(on_unsafe=on_unsafe), accounts=(MAIN,))
    return Arming(settings, stopping or asyncio.Event(), look, **pauses)


def stop(system: EmergencyStopSystem, action: Action = Action.BLOCK) -> None:
    """Stop everything."""
    cause = Cause(source=CauseSource.MANUAL, reason="test", actor=ANNA, time=system.clock.now())
    system.controller.activate(Activation(scope=GLOBAL, action=action, cause=cause))


async def kinds(system: EmergencyStopSystem) -> list[str]:
    """Return the examination's events in the audit log."""
    await system.controller.settle()
    found = await system.events(after=0, limit=99, ascending=True, stop_id="", kind="doctor.")
    return [event.draft.kind for event in found]


@pytest.mark.parametrize(
    ("on_unsafe", "result", "refused"),
    [
        (OnUnsafe.WARN, [UNSAFE], False),
        (OnUnsafe.REFUSE, [FINE], False),
        (OnUnsafe.REFUSE, [FINE, UNKNOWN], False),
        (OnUnsafe.REFUSE, RuntimeError("a bug"), False),
        (OnUnsafe.REFUSE, [UNKNOWN, UNSAFE], True),
        (OnUnsafe.REFUSE_UNKNOWN, [FINE], False),
        (OnUnsafe.REFUSE_UNKNOWN, [UNKNOWN], True),
        (OnUnsafe.REFUSE_UNKNOWN, RuntimeError("a bug"), True),
        (OnUnsafe.REFUSE_UNKNOWN, [UNSAFE], True),
    ],
)
async def test_who_is_refused(
    system: EmergencyStopSystem,
    on_unsafe: OnUnsafe,
    result: Sequence[Finding] | Exception,
    refused: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """Property: UNSAFE under refuse; UNKNOWN, a bug of the examination included, only where that is configured."""
    one = arming(on_unsafe, Look(result))
    if not refused:
        await one.before_listening(system)
        return
    with pytest.raises(UnsafeError, match=f"on_unsafe = '{on_unsafe.value}'.*ess doctor"):
        await one.before_listening(system)
    assert await kinds(system) != []


async def test_a_start_that_is_stopped_is_neither_examined_nor_delayed(system: EmergencyStopSystem) -> None:
    """A stop that stands must be told and carried out, whatever the accounts are like."""
    look = Look([UNSAFE])
    look.answer.clear()
    stop(system)

    await arming(OnUnsafe.REFUSE_UNKNOWN, look).before_listening(system)

    assert look.asked == 0


async def test_a_stop_that_comes_meanwhile_ends_the_waiting(system: EmergencyStopSystem) -> None:
    """Engines must hear of it now; the examination is given up, and refuses nothing."""
    look = Look([UNSAFE])
    look.answer.clear()
    waiting = asyncio.create_task(arming(OnUnsafe.REFUSE, look).before_listening(system))
    await eventually(lambda: look.asked)

    stop(system)
    async with asyncio.timeout(1):
        await waiting

    assert look.cancelled == 1


async def test_a_server_that_is_told_to_end_ends_at_once(system: EmergencyStopSystem) -> None:
    """It does not wait for venues."""
    look, stopping = Look([FINE]), asyncio.Event()
    look.answer.clear()
    waiting = asyncio.create_task(arming(OnUnsafe.REFUSE, look, stopping).before_listening(system))
    await eventually(lambda: look.asked)

    stopping.set()
    with pytest.raises(EndedError):
        async with asyncio.timeout(1):
            await waiting
    assert look.cancelled == 1


async def test_without_accounts_there_is_nothing_to_examine(system: EmergencyStopSystem) -> None:
    """Neither before nor after."""
    look = Look([UNSAFE])
    settings = Settings(server=ServerSettings(on_unsafe=OnUnsafe.REFUSE))
    one = Arming(settings, asyncio.Event(), look, first=SOON, again=SOON)
    await one.before_listening(system)
    await one.keep_watch(system)

    assert look.asked == 0


async def test_what_is_serious_is_shown_logged_once_and_withdrawn(system: EmergencyStopSystem) -> None:
    """An examination is repeated while something is serious; each new finding is an event, the same one is not."""
    look = Look([UNKNOWN], [UNKNOWN, UNSAFE], [UNKNOWN, UNSAFE], [FINE])
    one = arming(OnUnsafe.WARN, look, first=SOON, again=SOON)
    await one.before_listening(system)
    shown: list[str] = []
    system.controller.on_change(lambda _: shown.append(system.unsafe))
    watching = asyncio.create_task(one.keep_watch(system))
    try:
        await eventually(lambda: "" in shown)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    assert await kinds(system) == ["doctor.unknown", "doctor.unsafe", "doctor.safe"]
    assert shown[0].startswith("main: UNKNOWN, right to trade: it is so")
    assert shown[1].startswith("main: UNSAFE, right to trade: it is so")
    assert look.asked == 4
    assert system.unsafe == ""


async def test_what_was_fine_is_not_asked_again(system: EmergencyStopSystem) -> None:
    """One examination, then quiet."""
    look = Look([FINE])
    one = arming(OnUnsafe.REFUSE, look, first=SOON, again=SOON)
    await one.before_listening(system)
    watching = asyncio.create_task(one.keep_watch(system))
    await asyncio.wait({watching}, timeout=0.1)
    watching.cancel()

    assert look.asked == 1


async def test_nothing_is_examined_while_the_venues_are_worked_on(system: EmergencyStopSystem) -> None:
    """A flatten needs the request limits: an examination is given up for it, and none begins."""
    look = Look([FINE])
    look.answer.clear()
    one = arming(OnUnsafe.WARN, look, first=SOON, again=SOON)
    await one.before_listening(system)
    watching = asyncio.create_task(one.keep_watch(system))
    await eventually(lambda: look.asked)
    stop(system, Action.FLATTEN)
    await eventually(lambda: look.cancelled)
    await asyncio.wait({watching}, timeout=0.1)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    assert look.asked == 1


async def test_one_event_for_a_venue_that_is_away(system: EmergencyStopSystem) -> None:
    """Everything that is unknown of an account stands in one event."""
    away = [replace(UNKNOWN, topic=topic) for topic in (Topic.KEY, Topic.OPEN, Topic.CLOCK)]

    await arming(OnUnsafe.REFUSE, Look(away)).before_listening(system)

    assert await kinds(system) == ["doctor.unknown"]
    assert "and 1 more" in system.unsafe
