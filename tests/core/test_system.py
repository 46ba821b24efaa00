"""The whole of one installation in process: stop trading, ask, release, read the log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ess_server.core.broadcast import StateBroadcast
from ess_server.core.model import Action, Scope
from ess_server.core.pace import Pace
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import DURABLE_WITHIN, LARGEST_PAGE, WAIT_AT_MOST, EmergencyStopSystem

from .disks import Disk, turns
from .installed import LEASE, gate, system_over
from .rig import Rig, activation
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


@pytest.fixture
async def system(rig: Rig) -> AsyncIterator[EmergencyStopSystem]:
    """A system that has been started, and is stopped after the test."""
    system, _ = system_over(rig)
    await system.start()
    yield system
    for disk in rig.disks:
        disk.broken = False
        disk.before.open()
    await system.stop()


async def test_trigger_is_answered_when_it_is_durable(system: EmergencyStopSystem, rig: Rig) -> None:
    """The answer to a trigger is the stop as latched, on disk, and what gates have confirmed so far."""
    gate(system)
    done = await system.trigger(activation("account/main"))
    assert (done.stop, done.durable, done.warnings) == (rig.state.stops[0], True, ())
    assert (done.enforcement.revision, done.enforcement.pending) == (done.stop.revision, 1)
    assert rig.disks[0].shown.stops == (done.stop,)


async def test_trigger_is_answered_although_the_disk_hangs(system: EmergencyStopSystem, rig: Rig) -> None:
    """A disk that hangs delays the answer by a moment only, and the answer says that the stop is not durable."""
    for disk in rig.disks:
        disk.before.shut()
    began = running_clock().uptime()
    done = await system.trigger(activation())
    assert not done.durable
    assert running_clock().uptime() - began == pytest.approx(0.025 + DURABLE_WITHIN.total_seconds(), abs=0.01)
    assert len(rig.told) == 1


async def test_trigger_waits_for_gates(system: EmergencyStopSystem) -> None:
    """A caller that waits gets its answer when the gates have confirmed."""
    gate(system)
    trigger = asyncio.create_task(system.trigger(activation(), timedelta(seconds=3)))
    await asyncio.sleep(0.2)
    assert not trigger.done()
    system.subscribers.confirm("mm", "1", system.controller.state.revision)
    assert (await trigger).enforcement.confirmed == 1


async def test_wait_is_bounded(system: EmergencyStopSystem, rig: Rig) -> None:
    """Nobody waits longer than five seconds, whatever was asked."""
    lease, clock = timedelta(seconds=60), running_clock()
    system.subscribers = SubscriberRegistry(expected=(), lease=lease, limit=lambda: 10, clock=clock)
    rig.controller.on_latch(system.subscribers.latched)
    gate(system)
    began = running_clock().uptime()
    await system.trigger(activation(), timedelta(days=1))
    assert running_clock().uptime() - began == pytest.approx(WAIT_AT_MOST.total_seconds(), abs=0.1)


async def test_caller_that_goes_away_changes_nothing(system: EmergencyStopSystem, rig: Rig) -> None:
    """A trigger whose caller is gone is latched, written and told all the same."""
    for disk in rig.disks:
        disk.before.shut()
    trigger = asyncio.create_task(system.trigger(activation()))
    await asyncio.sleep(0)
    trigger.cancel()
    await asyncio.gather(trigger, return_exceptions=True)
    for disk in rig.disks:
        disk.before.open()
    await rig.controller.settle()
    assert rig.disks[0].shown.stops == rig.state.stops
    assert rig.told[-1].active


async def test_answer_shows_the_stop_as_it_is_by_then(system: EmergencyStopSystem) -> None:
    """If the stop was joined while the caller waited the answer shows it with what it gained."""
    gate(system)
    trigger = asyncio.create_task(system.trigger(activation("", Action.BLOCK), timedelta(seconds=3)))
    await asyncio.sleep(0.1)
    system.controller.activate(activation("", Action.FLATTEN))
    done = await trigger
    assert (done.stop.action, done.stop.cause_count) == (Action.FLATTEN, 2)


async def test_answer_of_a_stop_that_was_released_meanwhile(system: EmergencyStopSystem, rig: Rig) -> None:
    """If the stop is gone by then the answer shows it as it was latched."""
    gate(system)
    trigger = asyncio.create_task(system.trigger(activation(), timedelta(seconds=0.5)))
    await asyncio.sleep(0.1)
    await rig.reset()
    done = await trigger
    assert (done.stop.scope, rig.state.active) == (activation().scope, False)


async def test_trigger_is_answered_before_the_wave(system: EmergencyStopSystem) -> None:
    """Whoever stopped is not answered after the last of ten thousand: the answer is ready when the wave begins."""
    broadcast = StateBroadcast(lambda: b"stop", Pace(LEASE, LEASE, lambda: 0.0))
    system.controller.on_change(lambda _: broadcast.publish())
    happened = []

    async def take(_: bytes) -> None:
        happened.append("told")

    async def trigger() -> None:
        await system.trigger(activation())
        happened.append("answered")

    one = asyncio.create_task(broadcast.subscribe().served(take, lambda: None))
    await asyncio.create_task(trigger())
    await turns(3)
    assert happened == ["answered", "told"]
    one.cancel()


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        ("", True),
        ("account/main", True),
        ("account/mian", False),
        ("venue/paper", True),
        ("venue/main", False),
        ("strategy/mm", True),
        ("strategy/arb", False),
        ("symbol/BTC/USDT:USDT", True),
        ("symbol/BTC", False),
    ],
)
async def test_scope_that_nobody_knows_is_warned_of(system: EmergencyStopSystem, scope: str, known: bool) -> None:  # noqa: FBT001
    """A scope that matches neither an account nor what a gate has named is stopped, with a warning."""
    gate(system, "strategy/mm", "symbol/BTC/USDT:USDT")
    done = await system.trigger(activation(scope))
    assert done.warnings == (() if known else (f"no account or gate is known for scope {scope}",))
    assert system.controller.state.stop_for(Scope.parse(scope))


async def test_reset_and_hold_are_those_of_the_core(system: EmergencyStopSystem, rig: Rig) -> None:
    """A hold blocks on, a reset releases."""
    await system.trigger(activation())
    assert (await system.hold(rig.request())).state.stops[0].held
    assert not (await system.reset(rig.request())).state.active


async def test_events_are_paged(system: EmergencyStopSystem) -> None:
    """The log is read in pages of at most a thousand, up or down, by stop or by kind, one at a time."""
    stop = (await system.trigger(activation())).stop
    await system.controller.settle()
    newest = await system.events(after=0, limit=1, ascending=False, stop_id="", kind="")
    assert newest[0].sequence == system.event_head.sequence
    assert newest[0].hash == system.event_head.hash
    both = await asyncio.gather(
        system.events(after=0, limit=LARGEST_PAGE * 9, ascending=True, stop_id=stop.stop_id, kind=""),
        system.events(after=0, limit=5, ascending=True, stop_id="", kind="server."),
    )
    assert [[e.draft.kind for e in page] for page in both] == [["stop.activated"], ["server.started"]]


async def test_reading_the_log_waits_behind_writes(system: EmergencyStopSystem, rig: Rig) -> None:
    """A page is read where the record is written, between writes and never instead of one."""
    disk: Disk = rig.disks[0]
    disk.before.shut()
    rig.trigger()
    await disk.before.reached()
    page = asyncio.create_task(system.events(after=0, limit=1, ascending=False, stop_id="", kind=""))
    await asyncio.sleep(0.1)
    assert not page.done()
    disk.before.open()
    assert (await page)[0].draft.kind == "stop.activated"
