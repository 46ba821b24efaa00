"""The trigger wins: whenever one comes, and whatever a write does, a release takes no more than it covers."""

import asyncio
from collections.abc import Callable

import pytest

from ess_server.core.errors import ResetRefusedError, RevisionMismatchError, StoreError
from ess_server.core.model import GLOBAL, Action, Scope

from .disks import Fault, Hold, as_it_lies, turns, waits
from .rig import Rig, commissioned, opened
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop

STORE, LATCH = 0, 1
MAIN = Scope.parse("account/main")


@pytest.fixture
async def rig() -> Rig:
    """A commissioned rig with one stop that is on both disks."""
    rig = await commissioned()
    await rig.stop("account/main")
    rig.told.clear()
    return rig


POINTS: dict[str, Callable[[Rig], Hold]] = {
    "before the store is written": lambda rig: rig.disks[STORE].before,
    "when the store is written": lambda rig: rig.disks[STORE].after,
    "before the latch file is written": lambda rig: rig.disks[LATCH].before,
    "when the latch file is written": lambda rig: rig.disks[LATCH].after,
}

at_each_point = pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())


@at_each_point
@pytest.mark.parametrize("newer", ["account/main", "", "symbol/X"])
async def test_trigger_in_between_wins(rig: Rig, point: Callable[[Rig], Hold], newer: str) -> None:
    """A trigger at any point of a global reset leaves ACTIVE in memory, on both disks and towards gates."""
    hold = point(rig)
    hold.shut()
    reset = asyncio.create_task(rig.reset())
    await hold.reached()
    latching = rig.trigger(newer, Action.CANCEL)
    hold.open()
    with pytest.raises(RevisionMismatchError):
        await reset
    await rig.controller.settle()
    assert {s.scope for s in rig.state.stops} == {MAIN, latching.stop.scope}
    assert all(state.active for state in rig.told)
    assert all(d.shown.stops == rig.state.stops for d in rig.disks)
    assert all(d.shown.revision == rig.state.revision for d in rig.disks)
    again = await opened(*(as_it_lies(d) for d in rig.disks))
    assert again.state.stops == rig.state.stops


@at_each_point
async def test_trigger_in_between_is_never_below_the_release(rig: Rig, point: Callable[[Rig], Hold]) -> None:
    """What stands after an overtaken release has a higher revision than any record ever said of the release."""
    hold = point(rig)
    hold.shut()
    reset = asyncio.create_task(rig.reset())
    await hold.reached()
    rig.trigger("symbol/X")
    hold.open()
    await asyncio.gather(reset, return_exceptions=True)
    released = [r.revision for d in rig.disks for r in d.written if not r.stops]
    assert all(revision < rig.state.revision for revision in released)
    assert rig.kinds.count("reset.aborted") == 1
    assert rig.kinds[-1] == "reset.refused"


@at_each_point
async def test_trigger_elsewhere_does_not_refuse(rig: Rig, point: Callable[[Rig], Hold]) -> None:
    """A trigger in another scope is kept, and the release of this one is made again on top of it."""
    hold = point(rig)
    hold.shut()
    reset = asyncio.create_task(rig.reset(scope=MAIN))
    await hold.reached()
    other = rig.trigger("symbol/X").stop
    hold.open()
    assert (await reset).state.stops == (other,)
    assert all(d.shown.stops == rig.state.stops == (other,) for d in rig.disks)
    assert all(state.active for state in rig.told)


async def test_trigger_after_the_release_stops_again(rig: Rig) -> None:
    """A trigger in the step after a release is a new stop, above the release."""
    released = await rig.reset()
    stop = rig.trigger().stop
    assert stop.revision > released.state.revision
    await rig.controller.settle()
    assert all(d.shown.stops == (stop,) for d in rig.disks)


async def test_trigger_before_the_release_is_seen_or_refuses(rig: Rig) -> None:
    """A trigger that was there before the reset began refuses it, unless the person has seen it."""
    seen = rig.state.revision
    rig.trigger("symbol/X")
    with pytest.raises(RevisionMismatchError, match="symbol/X was stopped at revision"):
        await rig.reset(revision=seen)
    assert not (await rig.reset()).state.active


async def test_triggers_that_keep_arriving_end_the_reset(rig: Rig) -> None:
    """A reset that is overtaken again and again gives up instead of trying for ever."""
    rig.disks[STORE].before.shut()
    reset = asyncio.create_task(rig.reset(scope=MAIN))
    for number in range(3):
        await rig.disks[STORE].before.reached()
        rig.trigger(f"symbol/{number}")
        rig.disks[STORE].before.open()
        await turns(3)
        rig.disks[STORE].before.shut()
    rig.disks[STORE].before.open()
    with pytest.raises(RevisionMismatchError, match="triggers keep arriving"):
        await reset
    assert len(rig.state.stops) == 4


@at_each_point
@pytest.mark.parametrize("newer", ["account/main", "symbol/X"])
async def test_trigger_during_a_hold_wins(rig: Rig, point: Callable[[Rig], Hold], newer: str) -> None:
    """A trigger that a hold does not cover goes on cancelling and closing."""
    hold = point(rig)
    hold.shut()
    holding = asyncio.create_task(rig.hold(scope=MAIN))
    await hold.reached()
    stop = rig.trigger(newer, Action.FLATTEN).stop
    hold.open()
    await asyncio.gather(holding, return_exceptions=True)
    now = rig.state.stop_for(stop.scope)
    assert now
    assert (now.action, now.held) == (Action.FLATTEN, False)


@pytest.mark.parametrize("which", [STORE, LATCH])
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("verb", ["reset", "hold"])
async def test_failed_write_stops_again(rig: Rig, verb: str, fault: Fault, which: int) -> None:
    """After a write of unknown outcome ACTIVE is on disk at a higher revision before the failure is answered."""
    stops = rig.state.stops
    rig.disks[which].faults.append(fault)
    with pytest.raises(StoreError, match=f"STORE_FAILED: the {verb} could not be written .*; still stopped"):
        await getattr(rig, verb)()
    assert rig.state.stops == stops
    again = await opened(*(as_it_lies(d) for d in rig.disks))
    kept = again.state.stop_for(MAIN)
    assert kept
    assert (kept.action, kept.held) == (Action.FLATTEN, False)
    released = [r.revision for d in rig.disks for r in d.written if not r.stops or r.stops[0].held]
    assert all(rig.journal.durable_revision >= rig.state.revision > revision for revision in released)
    await rig.controller.settle()
    assert all(d.shown.stops == stops for d in rig.disks)
    assert all(state.active for state in rig.told)
    assert rig.kinds[-2:] == [f"{verb}.aborted", f"{verb}.failed"]


async def test_failure_is_not_answered_before_the_stop_is_on_disk(rig: Rig) -> None:
    """As long as no disk takes the stop again the reset is not answered at all."""
    rig.disks[STORE].faults.append(Fault.APPLIED)
    rig.disks[STORE].after.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[STORE].after.reached()
    for disk in rig.disks:
        disk.broken = True
    rig.disks[STORE].after.open()
    assert await waits(asyncio.shield(reset))
    await asyncio.sleep(600)
    assert not reset.done()
    rig.disks[LATCH].broken = False
    with pytest.raises(StoreError):
        await reset
    assert rig.disks[LATCH].shown.stops == rig.state.stops
    rig.disks[STORE].broken = False
    await rig.controller.settle()


async def test_trigger_beats_a_failing_release(rig: Rig) -> None:
    """A trigger and a failed write in one release: the trigger stands, and the failure is answered."""
    rig.disks[LATCH].faults.append(Fault.APPLIED)
    rig.disks[LATCH].after.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[LATCH].after.reached()
    rig.trigger("", Action.FLATTEN)
    rig.disks[LATCH].after.open()
    with pytest.raises(StoreError):
        await reset
    await rig.controller.settle()
    assert rig.state.stop_for(GLOBAL)
    assert all(d.shown.stops == rig.state.stops for d in rig.disks)


@pytest.mark.parametrize("which", [STORE, LATCH])
async def test_stop_that_one_disk_lacks_is_not_released(rig: Rig, which: int) -> None:
    """A release does not overtake its stop on the way to either disk: a crash would lose the stop's action."""
    rig.disks[which].broken = True
    rig.trigger("symbol/X")
    with pytest.raises(ResetRefusedError, match="STORE_FAILED: the stop is not on disk yet"):
        await rig.reset()
    rig.disks[which].broken = False
    await rig.controller.settle()
    assert not (await rig.reset()).state.active


@pytest.mark.parametrize("which", [STORE, LATCH])
async def test_reset_waits_a_moment_for_a_slow_disk(rig: Rig, which: int) -> None:
    """A reset right after its stop waits for the slower disk instead of refusing."""
    rig.disks[which].before.shut()
    rig.trigger("symbol/X")
    reset = asyncio.create_task(rig.reset())
    await asyncio.sleep(0.5)
    rig.disks[which].before.open()
    assert not (await reset).state.active


@at_each_point
async def test_end_in_the_middle_keeps_the_stop_or_completes(rig: Rig, point: Callable[[Rig], Hold]) -> None:
    """If everything ends during a release, a start finds it complete, or ACTIVE with the action of the stop."""
    hold = point(rig)
    hold.shut()
    reset = asyncio.create_task(rig.reset())
    await hold.reached()
    again = await opened(*(as_it_lies(d) for d in rig.disks))
    complete = all(not d.shown.stops for d in rig.disks)
    kept = again.state.stop_for(MAIN)
    assert complete or (kept and kept.action is Action.FLATTEN)
    assert again.state.active is not complete
    hold.open()
    await reset


async def test_release_that_hangs_holds_up_no_trigger(rig: Rig) -> None:
    """While a release waits for a disk that hangs a trigger is latched, durable on the other one, and told."""
    rig.disks[STORE].before.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[STORE].before.reached()
    latching = rig.trigger("symbol/X")
    await asyncio.wait_for(latching.told.wait(), 0.025)
    assert rig.controller.is_durable(latching.stop)
    rig.disks[STORE].before.open()
    await asyncio.gather(reset, return_exceptions=True)
