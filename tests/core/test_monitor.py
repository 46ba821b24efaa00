"""Every breach stops, once; whatever an evaluator does keeps no other from being acted on."""

from datetime import timedelta

import pytest

from ess_server.core.evaluators import Mode
from ess_server.core.model import SERVER, Action, CauseSource, EventDraft, Scope
from ess_server.core.readings import Unknown
from ess_server.testing import RecordingEventBus

from .virtual_time import VirtualTimeLoop, running_clock
from .watching import on, only, warn, watching

EVENT_LOOP = VirtualTimeLoop

MAIN = Scope.parse("account/main")


async def test_breach_stops_its_scope() -> None:
    """A breach latches the evaluator's scope with its action, and says what was read and what the limit is."""
    watch = await watching(on("drawdown", "account/main", Action.CANCEL))
    watch.trips("drawdown")
    await watch.ticks()
    stop = only(watch)
    assert (stop.scope, stop.action) == (MAIN, Action.CANCEL)
    assert (stop.cause.source, stop.cause.evaluator, stop.cause.actor) == (CauseSource.EVALUATOR, "drawdown", SERVER)
    assert (stop.cause.reason, stop.cause.reading, stop.cause.limit) == ("scripted breach", "11", "10")


async def test_first_trip_wins() -> None:
    """Of several breaches in one scope the first one stops it; the others are not latched as well."""
    watch = await watching(on("first"), on("second"))
    watch.trips("first", "second")
    await watch.ticks(5)
    assert (only(watch).cause.evaluator, only(watch).cause_count) == ("first", 1)


async def test_stronger_breach_raises_the_stop() -> None:
    """A breach that asks for more than stands is acted on although its scope is stopped."""
    watch = await watching(on("weak", action=Action.BLOCK), on("strong", action=Action.FLATTEN))
    watch.trips("weak", "strong")
    await watch.ticks()
    assert (only(watch).action, only(watch).cause_count, only(watch).cause.evaluator) == (Action.FLATTEN, 2, "weak")


@pytest.mark.parametrize(
    ("scope", "action", "skipped"),
    [
        ("account/main", Action.CANCEL, True),
        ("account/main", Action.FLATTEN, True),
        ("account/main", Action.BLOCK, False),
        ("", Action.CANCEL, True),
        ("", Action.BLOCK, False),
        ("account/hedge", Action.FLATTEN, False),
        ("venue/paper", Action.FLATTEN, False),
    ],
)
async def test_no_check_is_wasted(scope: str, action: Action, skipped: bool) -> None:  # noqa: FBT001 - parametrised
    """An evaluator rests only while its own scope or everything is stopped with at least its action."""
    watch = await watching(on("drawdown", "account/main", Action.CANCEL))
    await watch.rig.stop(scope, action)
    await watch.ticks(3)
    assert watch.evaluators["drawdown"].evaluations == (0 if skipped else 3)


@pytest.mark.parametrize("held", ["account/main", ""])
async def test_evaluator_does_not_defeat_a_hold(held: str) -> None:
    """What a person holds is not raised again by the evaluator of its scope, however clear the breach."""
    watch = await watching(on("drawdown", "account/main"))
    await watch.rig.stop(held)
    await watch.rig.hold()
    watch.trips("drawdown")
    await watch.ticks(3)
    assert (only(watch).action, only(watch).held) == (Action.BLOCK, True)
    assert watch.evaluators["drawdown"].evaluations == 0


async def test_hold_elsewhere_silences_nobody() -> None:
    """A hold on one scope is no word about another."""
    watch = await watching(on("drawdown", "account/main"))
    await watch.rig.stop("account/hedge")
    await watch.rig.hold()
    watch.trips("drawdown")
    await watch.ticks()
    assert watch.rig.state.stop_for(MAIN)


async def test_shadow_stops_nothing() -> None:
    """A shadow evaluator says once what it would have done, goes on while stopped, and never latches."""
    watch = await watching(on("shadow", "account/main", mode=Mode.SHADOW))
    await watch.ticks()
    watch.trips("shadow")
    await watch.ticks(3)
    assert not watch.rig.state.active
    await watch.rig.stop()
    await watch.ticks(3)
    assert watch.evaluators["shadow"].evaluations == 7
    assert watch.rig.kinds.count("evaluator.would_trip") == 1
    event = next(e.draft for e in watch.rig.log.read(after=0, limit=99, ascending=True, kind="evaluator."))
    assert event.summary == "would have stopped account/main (FLATTEN): scripted breach"
    assert (event.scope, dict(event.details)) == ("account/main", {"evaluator": "shadow"})


async def test_unknown_for_too_long_blocks() -> None:
    """An evaluator without a reading is borne for a while, then it blocks; the others go on."""
    watch = await watching(on("feed", "account/main", unknown_after=timedelta(seconds=15)), on("other"))
    watch.says("feed", Unknown("no reading of account main"))
    await watch.ticks(60)
    assert not watch.rig.state.active
    await watch.ticks(2)
    stop = only(watch)
    assert (stop.scope, stop.action, stop.cause.source) == (MAIN, Action.BLOCK, CauseSource.EVALUATOR_FAULT)
    assert stop.cause.reason == "feed: unknown for 15.0 s: no reading of account main"
    assert watch.evaluators["other"].evaluations == 62


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (RuntimeError("x"), "bad: raised RuntimeError"),
        ("yes", "bad: its verdict cannot be used: AttributeError"),
        (42, "bad: its verdict cannot be used: AttributeError"),
    ],
)
async def test_bad_evaluator_is_named_and_the_others_go_on(answer: object, words: str) -> None:
    """One that raises or answers what is no verdict blocks its own scope; those after it stop theirs."""
    watch = await watching(on("bad", "account/main"), on("good", "account/hedge"))
    watch.says("bad", answer)
    watch.trips("good")
    started = running_clock().uptime()
    await watch.ticks()
    bad, good = (watch.rig.state.stop_for(Scope.parse(s)) for s in ("account/main", "account/hedge"))
    assert bad
    assert good
    assert (bad.action, bad.cause.reason, good.action) == (Action.BLOCK, words, Action.FLATTEN)
    assert watch.monitor.proven_uptime == started


async def test_fault_may_become_a_breach() -> None:
    """An evaluator whose fault has blocked is asked on, and a breach that it then reads is acted on in full."""
    watch = await watching(on("drawdown"))
    watch.says("drawdown", RuntimeError("x"))
    await watch.ticks(2)
    assert only(watch).action is Action.BLOCK
    watch.trips("drawdown")
    await watch.ticks()
    assert (only(watch).action, only(watch).cause_count) == (Action.FLATTEN, 2)


async def test_bus_that_raises_keeps_no_evaluator_from_stopping() -> None:
    """An event that nobody can be told of does not keep a breach in the same pass from being acted on."""
    watch = await watching(on("warns"), on("trips"))
    bus = watch.rig.controller._bus
    assert isinstance(bus, RecordingEventBus)

    def fail(_: EventDraft) -> None:
        raise RuntimeError

    bus.publish = fail  # type: ignore[method-assign]  # breaks it
    watch.says("warns", warn(50))
    watch.trips("trips")
    await watch.ticks()
    assert only(watch).cause.evaluator == "trips"


async def test_work_is_handed_over_every_tick() -> None:
    """Each tick tells the venues again what is wanted, so that a call that was lost costs one tick."""
    watch = await watching()
    await watch.rig.stop("account/main")
    before = len(watch.flattener.wanted)
    await watch.ticks(3)
    assert [list(w) for w in watch.flattener.wanted[before:]] == [["main"]] * 3
