"""The whole of one installation in process: start it, stop trading, ask, release, end it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ess_server.core.broadcast import StateBroadcast
from ess_server.core.model import Action, Scope
from ess_server.core.monitor import NEVER, Monitor
from ess_server.core.pace import Pace
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import DURABLE_WITHIN, LARGEST_PAGE, WAIT_AT_MOST, EmergencyStopSystem
from ess_server.testing import fake_readings

from .disks import Disk, as_it_lies, turns
from .rig import ANNA, RecordingFlattener, Rig, activation, opened
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import FakeTripwire

EVENT_LOOP = VirtualTimeLoop

LEASE = timedelta(seconds=1)


def system_over(rig: Rig) -> tuple[EmergencyStopSystem, FakeTripwire]:
    """Build a system around a controller."""
    tripwire = FakeTripwire()
    monitor = Monitor(controller=rig.controller, watched=(), readings=fake_readings(), tripwire=tripwire)
    system = EmergencyStopSystem(
        controller=rig.controller,
        resets=rig.resets,
        monitor=monitor,
        subscribers=SubscriberRegistry(expected=(), lease=LEASE, limit=lambda: 10, clock=running_clock()),
        flattener=rig.controller._flattener,
        log=rig.log,
        clock=running_clock(),
    )
    return system, tripwire


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


def gate(system: EmergencyStopSystem, *scopes: str) -> None:
    """Connect a gate."""
    system.subscribers.opened(subscriber_id="mm", session_id="1", actor=ANNA, scopes=scopes, client_version="")


async def test_start_waits_for_the_first_look_at_the_tripwire(rig: Rig) -> None:
    """A disk that takes longer than a tick to tell keeps the server from serving before it is stopped."""
    system, tripwire = system_over(rig)
    tripwire.text = "x"
    tripwire.answers.clear()
    asyncio.get_running_loop().call_later(1, tripwire.answers.set)
    await system.start()
    assert rig.state.active
    assert tripwire.looks == 1
    await system.stop()


async def test_start_ends_without_proof_if_the_tripwire_cannot_be_looked_at(rig: Rig) -> None:
    """A disk that hangs does not keep the server from serving, but nothing is proven to a gate before it answers."""
    system, tripwire = system_over(rig)
    tripwire.answers.clear()
    began = running_clock().uptime()
    await system.start()
    assert running_clock().uptime() - began < 6
    assert system.monitor.proven_uptime == NEVER
    tripwire.answers.set()
    await asyncio.sleep(0.5)
    assert system.monitor.proven_uptime > began
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


async def test_start_reads_and_carries_out_before_it_serves(rig: Rig) -> None:
    """When the start has returned the tripwire was looked at, what stands was handed over, and the state is proven."""
    await rig.stop("account/main")
    flattener = RecordingFlattener()
    again = await opened(*(as_it_lies(d) for d in rig.disks), flattener=flattener)
    system, tripwire = system_over(again)
    assert system.subscribers.enforcement().revision == again.state.revision
    tripwire.text = "x"
    running_clock().advance(1)
    await system.start()
    assert sorted(flattener.wanted[0]) == ["main"]
    assert len(again.state.stops) == 2
    assert system.monitor.proven_uptime == running_clock().uptime()
    assert not system.watching.done()
    await system.stop()


async def test_gates_of_an_inactive_start_have_nothing_to_confirm(rig: Rig) -> None:
    """Where nothing is stopped no gate is waited for."""
    system, _ = system_over(rig)
    gate(system)
    assert system.subscribers.enforcement().complete


async def test_stop_ends_watching_and_waits_for_the_disk(rig: Rig) -> None:
    """An end returns when what is latched is on every disk, and nothing watches any more."""
    system, _ = system_over(rig)
    await system.start()
    watching = system.watching
    rig.disks[1].before.shut()
    rig.trigger()
    ending = asyncio.create_task(system.stop())
    await asyncio.sleep(60)
    assert (watching.done(), ending.done()) == (True, False)
    rig.disks[1].before.open()
    await ending
    assert rig.disks[1].shown.stops == rig.state.stops


async def test_stop_leaves_no_half_release(rig: Rig) -> None:
    """An end in the middle of a release waits for its second write, so that the next start is not in doubt."""
    system, _ = system_over(rig)
    await rig.stop()
    rig.disks[1].before.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[1].before.reached()
    ending = asyncio.create_task(system.stop())
    await asyncio.sleep(1)
    assert not ending.done()
    rig.disks[1].before.open()
    await ending
    assert not (await opened(*(as_it_lies(d) for d in rig.disks))).state.active
    await reset


async def test_stop_without_a_start(rig: Rig) -> None:
    """What was never started can be ended."""
    system, _ = system_over(rig)
    await system.stop()


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
