"""The schedules that each rule of the latch is there for, one by one: what chance may miss is tried for certain."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Action, Cause, CauseSource, Scope
from tests.core.rig import ANNA

from .records import Outcome
from .world import World

STATE, LATCH = 0, 1
NONE, STORE_APPLIED, BOTH_APPLIED = (False, False), (True, False), (True, True)
MAIN, SYMBOL = Scope.parse("account/main"), Scope.parse("symbol/X")


@pytest.fixture
def world() -> Iterator[World]:
    """A commissioned store with a process that serves, and two engines that may trade."""
    world = World()
    world.start()
    release(world, GLOBAL)
    world.run(0.3)
    for engine in world.engines:
        world.catch_up(engine)
        assert engine.allows
    yield world
    world.end()


def trigger(world: World, scope: Scope = MAIN, action: Action = Action.FLATTEN, delay: float = 0) -> None:
    """Stop a scope, to be flattened after some seconds."""
    cause = Cause(source=CauseSource.MANUAL, reason="x", actor=ANNA, time=world.clock.now())
    world.trigger(Activation(scope=scope, action=action, cause=cause, flatten_delay=timedelta(seconds=delay)))
    world.check()


def action_of(world: World, scope: Scope = MAIN) -> Action:
    """Return what is being done in a scope."""
    stop = world.serving.controller.state.stop_for(scope)
    assert stop
    return stop.action


def release(world: World, scope: Scope = MAIN, verb: str = "reset") -> None:
    """Ask for a release of what is there now."""
    revision = world.serving.controller.state.revision
    world.attempt(verb, world.request(scope, revision, override=True))
    world.check()


def hang(world: World, *which: int) -> None:
    """Let these disks hang, and only these."""
    assert world.server
    for index, record in enumerate(world.server.records):
        record.hangs = index in which


def write(world: World, which: int, outcome: Outcome = Outcome.DONE) -> None:
    """Let a write happen that a hanging disk has kept."""
    assert world.server
    world.write(world.server.records[which], outcome)
    world.check()


def end(world: World, applied: tuple[bool, bool] = NONE, *, power: bool = False) -> None:
    """Crash, start, and let everything settle and every engine catch up."""
    world.crash(applied=applied, power_lost=(power, power))
    world.check()
    world.start()
    settle(world)


def settle(world: World) -> None:
    """Let the disks work, and every engine catch up."""
    world.check()
    world.mend()
    world.check()
    for engine in world.engines:
        world.catch_up(engine)
        world.check()


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power loss"])
@pytest.mark.parametrize("applied", [NONE, STORE_APPLIED, BOTH_APPLIED], ids=["none", "store", "both"])
def test_end_before_the_second_write_of_a_release(world: World, applied: tuple[bool, bool], power: bool) -> None:  # noqa: FBT001
    """Half a release is none."""
    trigger(world)
    hang(world, LATCH)
    release(world)
    end(world, applied, power=power)


@pytest.mark.parametrize("fault", [Outcome.NOTHING_APPLIED, Outcome.APPLIED])
@pytest.mark.parametrize("which", [STATE, LATCH])
@pytest.mark.parametrize("verb", ["reset", "hold"])
def test_end_after_a_release_that_failed(world: World, verb: str, which: int, fault: Outcome) -> None:
    """What was answered as failed is not carried out by a start, whatever the write has done."""
    trigger(world)
    hang(world, STATE, LATCH)
    release(world, verb=verb)
    if which == LATCH:
        write(world, STATE)
    write(world, which, fault)
    end(world)


@pytest.mark.parametrize("verb", ["reset", "hold"])
def test_rewrite_is_above_the_release(world: World, verb: str) -> None:
    """A stop that is written again after a failed release is waited for, not taken for what was there before."""
    trigger(world)
    hang(world, STATE, LATCH)
    release(world, verb=verb)
    write(world, STATE)
    write(world, LATCH, Outcome.APPLIED)
    world.run(1)
    end(world)


@pytest.mark.parametrize("scope", [MAIN, SYMBOL, GLOBAL])
@pytest.mark.parametrize("writes", [0, 1])
def test_trigger_while_a_release_is_being_written(world: World, writes: int, scope: Scope) -> None:
    """A trigger between the writes of a release stands, and is there after a crash once it is on one disk."""
    trigger(world)
    hang(world, STATE, LATCH)
    release(world)
    for which in range(writes):
        write(world, which)
    hang(world, STATE)
    trigger(world, scope)
    for _ in range(3):
        waiting = [i for i, r in enumerate(world.serving.records) if r.waiting]
        if waiting:
            write(world, waiting[-1])
    end(world)


def test_trigger_that_only_the_latch_file_has_while_a_release_goes_on(world: World) -> None:
    """A release whose store write returns after a trigger does not write over the trigger on the other disk."""
    trigger(world)
    trigger(world)
    hang(world, STATE)
    release(world)
    trigger(world, SYMBOL)
    hang(world, STATE, LATCH)
    write(world, STATE)
    write(world, LATCH)
    end(world)


@pytest.mark.parametrize("lagging", [STATE, LATCH])
def test_release_of_a_stop_that_one_disk_lacks(world: World, lagging: int) -> None:
    """A release begins only when both disks hold the stop."""
    hang(world, lagging)
    trigger(world)
    release(world)
    world.run(3)
    assert not world.attempts, "it is refused, and not begun in the hope that the disk comes back"
    end(world)


@pytest.mark.parametrize("applied", [NONE, STORE_APPLIED])
def test_stop_that_was_told_and_lost_is_witnessed(world: World, applied: tuple[bool, bool]) -> None:
    """A gate that has seen a stop which no disk has kept does not open before a person has released that."""
    hang(world, STATE, LATCH)
    trigger(world)
    world.run(0.03)
    world.catch_up(world.engines[0])
    end(world, applied)
    assert not world.engines[0].allows
    release(world, GLOBAL)
    settle(world)
    assert all(e.allows for e in world.engines)


def test_lost_stop_is_not_taken_for_one_of_the_next_process(world: World) -> None:
    """Numbers that a lost process has told are not used again by the next one, so its stop is still missed later."""
    hang(world, STATE, LATCH)
    trigger(world)
    world.run(0.03)
    world.catch_up(world.engines[0])
    world.crash(applied=NONE, power_lost=NONE)
    world.start()
    for _ in range(3):
        trigger(world)
        release(world)
    world.catch_up(world.engines[0])
    world.check()
    assert not world.engines[0].allows


def test_start_that_is_not_on_disk_is_not_shown(world: World) -> None:
    """A gate sees no number of a start that the next start could use again."""
    world.crash(applied=NONE, power_lost=NONE)
    world.start(hangs=(True, True))
    world.run(6)
    world.catch_up(world.engines[0])
    world.crash(applied=NONE, power_lost=NONE)
    world.start()
    for _ in range(3):
        trigger(world)
        release(world)
    settle(world)
    assert world.engines[0].allows


def test_hold_that_only_one_disk_has(world: World) -> None:
    """Of a hold that is half written the stronger action comes back."""
    trigger(world)
    hang(world, LATCH)
    release(world, verb="hold")
    end(world)
    stop = world.serving.controller.state.stop_for(MAIN)
    assert stop
    assert stop.action is Action.FLATTEN


def test_lease_ends_on_a_slow_clock_too(world: World) -> None:
    """With nobody to prove anything no engine trades longer than one lease of its own clock."""
    world.crash(applied=NONE, power_lost=NONE)
    for _ in range(130):
        world.run(0.01)
        world.check()
    assert not any(e.allows for e in world.engines)


def test_late_messages_open_nothing(world: World) -> None:
    """A message that has waited in its stream for longer than a lease proves nothing."""
    world.connect(world.engines[0])
    world.run(1.5)
    engine = world.engines[0]
    assert engine.connection
    for _ in range(len(engine.connection.sent) - 5):
        engine.read()
        world.check()
    assert not engine.allows
    world.catch_up(engine)
    assert engine.allows


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power loss"])
@pytest.mark.parametrize("kept", [STATE, LATCH], ids=["state.db", "latch"])
@pytest.mark.parametrize("late", [False, True], ids=["before it is due", "after it is due"])
def test_delayed_flatten_survives_in_either_record(world: World, kept: int, late: bool, power: bool) -> None:  # noqa: FBT001 - parametrised
    """Once one record has it, it is carried out at its time, or at the start if that is over by then."""
    hang(world, 1 - kept)
    trigger(world, action=Action.CANCEL, delay=20)
    world.crash(applied=NONE, power_lost=(power, power))
    world.clock.advance(30 if late else 5)
    world.start()
    assert action_of(world) is (Action.FLATTEN if late else Action.CANCEL)
    world.run(15)
    world.check()
    assert action_of(world) is Action.FLATTEN


@pytest.mark.parametrize("applied", [NONE, STORE_APPLIED, BOTH_APPLIED], ids=["none", "store", "both"])
def test_hold_of_a_delayed_flatten_is_carried_out_whole_or_not_at_all(world: World, applied: tuple[bool, bool]) -> None:
    """A crash within a hold leaves the flatten due unless both records hold; where they contradict, it is due too."""
    trigger(world, action=Action.CANCEL, delay=20)
    world.run(1)
    hang(world, STATE, LATCH)
    release(world, MAIN, verb="hold")
    if applied[1]:
        write(world, STATE)
    world.crash(applied=applied, power_lost=(False, False))
    world.start()
    world.run(25)
    world.check()
    stop = world.serving.controller.state.stop_for(MAIN)
    assert stop
    assert (stop.action, stop.held) == ((Action.BLOCK, True) if applied == BOTH_APPLIED else (Action.FLATTEN, False))


def test_flatten_that_falls_due_while_a_hold_is_written_wins(world: World) -> None:
    """The hold names a revision that does not cover it: it is refused, and what is due is done."""
    trigger(world, action=Action.CANCEL, delay=1)
    hang(world, LATCH)
    release(world, MAIN, verb="hold")
    world.run(1.5)
    settle(world)
    stop = world.serving.controller.state.stop_for(MAIN)
    assert stop
    assert (stop.action, stop.held) == (Action.FLATTEN, False)
