"""A delayed flatten: cancelled at once, closed exactly after the delay, unless a person says otherwise."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ess_server.core.delays import FlattenDelays
from ess_server.core.evaluators import Mode, OnUnknown
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Action, CauseSource, DelayedFlatten, Scope, Stop
from ess_server.core.readings import Unknown
from ess_server.testing import START, FakeClock

from .disks import as_it_lies, memory_disks
from .rig import Rig, activation, cause, commissioned, opened
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import Watch, on, watching

EVENT_LOOP = VirtualTimeLoop

MINUTE = timedelta(minutes=1)


def only(rig: Rig) -> Stop:
    """Return the one stop that stands."""
    (stop,) = rig.state.stops
    return stop


def wanted(seconds: float = 60, scope: str = "") -> Activation:
    """Return a trigger that cancels, and flattens after so many seconds."""
    return replace(activation(scope, Action.CANCEL), flatten_delay=timedelta(seconds=seconds))


async def watching_a_delay(**more: object) -> Watch:
    """A monitor over one evaluator whose flatten waits for a minute."""
    return await watching(on("drawdown", flatten_delay=MINUTE, **more))


async def until(watch: Watch, uptime: float) -> None:
    """Let the monitor's loop run to this uptime and what is due then, a millisecond."""
    loop = asyncio.create_task(watch.monitor.run())
    await asyncio.sleep(uptime - running_clock().uptime() + 0.001)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def test_breach_cancels_at_once_and_flattens_after_the_delay() -> None:
    """To the instant, with a new revision and an event, though the condition is over and nobody evaluates it."""
    watch = await watching_a_delay()
    watch.trips("drawdown")
    latched = running_clock().uptime()
    await watch.monitor.tick()
    stop = only(watch.rig)
    assert (stop.action, stop.cause.evaluator, stop.held) == (Action.CANCEL, "drawdown", False)
    assert stop.flatten == DelayedFlatten(time=START + MINUTE, delay=MINUTE)
    watch.says("drawdown", None)
    await until(watch, latched + 59.99)
    assert (only(watch.rig), watch.evaluators["drawdown"].evaluations) == (stop, 1)
    await until(watch, latched + 60)
    await watch.rig.controller.settle()
    raised = only(watch.rig)
    assert (raised.action, raised.flatten, raised.stop_id) == (Action.FLATTEN, None, stop.stop_id)
    assert raised.revision > stop.revision
    assert raised.cause == stop.cause
    assert watch.flattener.wanted[-1]["main"].action is Action.FLATTEN
    event = watch.rig.newest
    assert (event.kind, event.summary) == ("stop.raised", "nobody held global within 60 s")
    assert timedelta(0) <= event.time - (START + MINUTE) < timedelta(milliseconds=1)
    activated = next(e.draft for e in watch.rig.log.read(after=0, limit=99, ascending=True, kind="stop.activated"))
    assert dict(activated.details)["flatten_time"] == "2026-01-05T12:01:00.000+00:00"


async def test_delay_shorter_than_a_tick_is_kept() -> None:
    """The loop wakes for it, also if it was latched between two ticks."""
    watch = await watching(on("drawdown", flatten_delay=timedelta(milliseconds=60)))
    loop = asyncio.create_task(watch.monitor.run())
    await asyncio.sleep(0.1)
    watch.trips("drawdown")
    watch.monitor.observed()
    await asyncio.sleep(0.059)
    assert only(watch.rig).action is Action.CANCEL
    await asyncio.sleep(0.002)
    assert only(watch.rig).action is Action.FLATTEN
    loop.cancel()


@pytest.mark.parametrize("how", ["hold", "reset"])
async def test_person_ends_it(how: str) -> None:
    """After a hold or a reset nothing is due any more, in memory and on disk."""
    watch = await watching_a_delay()
    watch.trips("drawdown")
    await watch.ticks()
    await (watch.rig.hold() if how == "hold" else watch.rig.reset())
    watch.says("drawdown", None)
    await watch.ticks(400)
    actions = [(s.action, s.held, s.flatten) for s in watch.rig.state.stops]
    assert actions == ([(Action.BLOCK, True, None)] if how == "hold" else [])
    assert [s.flatten for d in watch.rig.disks for s in d.shown.stops] == ([None, None] if how == "hold" else [])
    assert watch.rig.controller.delays.next_due == float("inf")


async def test_manual_flatten_in_between_acts_at_once() -> None:
    """A person need not wait; what was due is then done, and done once."""
    watch = await watching_a_delay()
    watch.trips("drawdown")
    await watch.ticks()
    watch.rig.trigger(action=Action.FLATTEN)
    assert (only(watch.rig).action, only(watch.rig).flatten) == (Action.FLATTEN, None)
    await watch.ticks(400)
    assert only(watch.rig).cause_count == 2


async def test_weaker_trigger_in_between_changes_nothing() -> None:
    """Joining with BLOCK or CANCEL leaves what is due as it is."""
    rig = await commissioned()
    rig.controller.activate(wanted())
    due = only(rig).flatten
    rig.trigger(action=Action.BLOCK)
    rig.trigger(action=Action.CANCEL)
    assert (only(rig).flatten, only(rig).cause_count) == (due, 3)


@pytest.mark.parametrize(("second", "due"), [(10, 40), (300, 60)])
async def test_of_two_delays_the_earlier_counts(second: int, due: int) -> None:
    """By uptime: a wall clock that was set in between makes neither earlier or later."""
    watch = await watching()
    began = running_clock().uptime()
    watch.rig.controller.activate(wanted(60))
    running_clock().advance(30)
    running_clock().jump(timedelta(hours=-3))
    watch.rig.controller.activate(wanted(second))
    await until(watch, began + due - 0.01)
    assert only(watch.rig).action is Action.CANCEL
    await until(watch, began + due)
    assert only(watch.rig).action is Action.FLATTEN


async def test_evaluator_rests_only_while_its_own_delay_is_kept() -> None:
    """One that would flatten sooner, or at once, is asked on, and acted on; one whose turn comes later is not."""
    watch = await watching(
        on("soon", flatten_delay=timedelta(seconds=10)),
        on("late", flatten_delay=timedelta(minutes=50)),
        on("now"),
    )
    watch.rig.controller.activate(wanted(60))
    watch.trips("soon", "late")
    await watch.ticks()
    assert [watch.evaluators[n].evaluations for n in ("soon", "late", "now")] == [1, 0, 1]
    flatten = only(watch.rig).flatten
    assert flatten
    assert flatten.delay == timedelta(seconds=10)
    await watch.ticks()
    assert (watch.evaluators["soon"].evaluations, only(watch.rig).cause_count) == (1, 2)
    watch.trips("now")
    await watch.ticks()
    assert (only(watch.rig).action, only(watch.rig).flatten) == (Action.FLATTEN, None)


async def test_fault_that_flattens_waits_too_and_one_that_blocks_has_nothing_to_wait_for() -> None:
    """The delay is about closing, whatever it is for."""
    for on_unknown, action in ((OnUnknown.FLATTEN, Action.CANCEL), (OnUnknown.BLOCK, Action.BLOCK)):
        watch = await watching_a_delay(on_unknown=on_unknown, unknown_after=timedelta(0))
        watch.says("drawdown", Unknown("dark"))
        await watch.ticks()
        stop = only(watch.rig)
        assert (stop.action, stop.flatten is not None) == (action, action is Action.CANCEL)
        assert stop.cause.source is CauseSource.EVALUATOR_FAULT


async def test_shadow_says_that_it_would_have_waited() -> None:
    """What would have been done is told in full."""
    watch = await watching_a_delay(mode=Mode.SHADOW)
    watch.trips("drawdown")
    await watch.ticks()
    await watch.rig.controller.settle()
    (told,) = watch.rig.log.read(after=0, limit=99, ascending=True, kind="evaluator.would_trip")
    assert told.draft.summary == "would have stopped global (CANCEL, FLATTEN after 60 s): scripted breach"


@pytest.mark.parametrize(
    ("set_by", "left"),
    [
        (timedelta(0), 40),
        (timedelta(hours=1), 0),
        (timedelta(hours=-1), 60),
        (timedelta(seconds=-10), 50),
        (timedelta(seconds=-30), 60),
    ],
)
async def test_restart_goes_on_with_what_is_left(set_by: timedelta, left: int) -> None:
    """By the recorded time; a clock that was set while the server was away puts it off by at most the full delay."""
    disks = memory_disks()
    before = await commissioned(*disks)
    before.controller.activate(wanted())
    await before.controller.settle()
    assert [only(before)] * 2 == [s for d in disks for s in d.shown.stops]
    running_clock().advance(20)
    running_clock().jump(set_by)
    watch = await watching(rig=await opened(*map(as_it_lies, disks)))
    started = running_clock().uptime()
    assert only(watch.rig).flatten == only(before).flatten
    if left:
        await until(watch, started + left - 0.01)
        assert only(watch.rig).action is Action.CANCEL
        await until(watch, started + left)
    else:
        await watch.monitor.tick()
    await watch.rig.controller.settle()
    assert (only(watch.rig).action, only(watch.rig).stop_id) == (Action.FLATTEN, only(before).stop_id)
    assert only(watch.rig).revision > only(before).revision + 1000
    assert all(s.action is Action.FLATTEN and s.flatten is None for d in watch.rig.disks for s in d.shown.stops)


@pytest.mark.parametrize("set_by", [timedelta(hours=-5), timedelta(hours=5)])
async def test_wall_clock_that_is_set_while_it_runs_changes_nothing(set_by: timedelta) -> None:
    """Uptime counts, which never jumps."""
    watch = await watching()
    began = running_clock().uptime()
    watch.rig.controller.activate(wanted())
    running_clock().jump(set_by)
    await until(watch, began + 59.99)
    assert only(watch.rig).action is Action.CANCEL
    await until(watch, began + 60)
    assert only(watch.rig).action is Action.FLATTEN


async def test_each_scope_has_its_own() -> None:
    """What is raised in one scope leaves the other as it is; one that nothing delays is never raised."""
    watch = await watching()
    began = running_clock().uptime()
    watch.rig.controller.activate(wanted(60, "account/main"))
    watch.rig.controller.activate(wanted(30, "account/hedge"))
    watch.rig.trigger("symbol/X", Action.CANCEL)
    await until(watch, began + 45)
    assert {str(s.scope): s.action for s in watch.rig.state.stops} == {
        "account/main": Action.CANCEL,
        "account/hedge": Action.FLATTEN,
        "symbol/X": Action.CANCEL,
    }
    await watch.rig.hold(scope=Scope.parse("account/hedge"))
    await until(watch, began + 60)
    assert {str(s.scope): s.action for s in watch.rig.state.stops}["account/main"] is Action.FLATTEN


async def test_raise_that_comes_while_a_reset_is_written_wins() -> None:
    """It is a trigger that the named revision does not cover: the reset is refused, and the stop stands raised."""
    watch = await watching()
    watch.rig.controller.activate(wanted(1))
    await watch.rig.controller.settle()
    held = watch.rig.disks[1].before
    held.shut()
    resetting = asyncio.create_task(watch.rig.reset())
    await held.reached()
    running_clock().advance(1)
    watch.rig.controller.flatten_overdue()
    held.open()
    with pytest.raises(Exception, match="after the"):
        await resetting
    assert only(watch.rig).action is Action.FLATTEN


async def test_crowded_disk_does_not_lose_it() -> None:
    """A trigger that only adds a delay changes something, and is never merely counted."""
    rig = await commissioned()
    rig.trigger(action=Action.CANCEL)
    rig.controller._revisions.crowded = lambda _: True  # type: ignore[method-assign]  # as with a disk that hangs
    rig.trigger(action=Action.CANCEL)
    assert only(rig).cause_count == 1
    rig.controller.activate(wanted())
    assert only(rig).flatten


def test_cause_of_a_raise_is_the_servers() -> None:
    """Nobody asked for it then: the log names the server."""
    delays = FlattenDelays(FakeClock())
    stop = Stop(
        stop_id="s",
        scope=GLOBAL,
        action=Action.CANCEL,
        revision=1,
        activate_time=START,
        cause=cause(),
        flatten=DelayedFlatten(time=START, delay=MINUTE),
    )
    assert delays.overdue([stop]) == []
    delays.follow([stop])
    (raised,) = delays.overdue([stop])
    assert (raised.cause.actor.id, raised.cause.source) == ("ess-server", CauseSource.EVALUATOR)
