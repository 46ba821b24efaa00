"""Every breach stops, once; whatever an evaluator does keeps no other from being acted on."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.evaluators import ManualEvaluator, ManualSettings, Mode
from ess_server.core.model import GLOBAL, SERVER, Action, CauseSource, EventDraft, Scope, Stop
from ess_server.core.monitor import Monitor
from ess_server.core.readings import EvaluatorStatus, Measure, Unknown, Warn
from ess_server.core.watched import Watched
from ess_server.testing import START, RecordingEventBus, fake_readings

from .rig import commissioned
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import InlineThread, Watch, on, watching

EVENT_LOOP = VirtualTimeLoop

MAIN = Scope.parse("account/main")


def only(watch: Watch) -> Stop:
    """Return the one stop that stands."""
    (stop,) = watch.rig.state.stops
    return stop


def warn(tier: int) -> Warn:
    """Return a verdict past a warn tier."""
    return Warn(Measure(value=Decimal(tier), limit=Decimal(100), time=START), tier, f"{tier} % of the limit")


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


async def test_warn_tiers_are_told() -> None:
    """A tier that is passed is logged and told to gates at once, again when it changes, and when it is over."""
    watch = await watching(on("drawdown"), on("shadow", mode=Mode.SHADOW))
    watch.says("drawdown", warn(50))
    watch.says("shadow", warn(75))
    await watch.ticks(3)
    assert [(w.name, w.tier_percent) for w in watch.monitor.warnings()] == [("drawdown", 50)]
    assert len(watch.rig.told) == 2
    watch.says("drawdown", warn(90))
    await watch.ticks(2)
    watch.says("drawdown", None)
    await watch.ticks(6)
    assert (watch.monitor.warnings(), len(watch.rig.told)) == ([], 4)
    await watch.rig.controller.settle()
    told = [e.draft for e in watch.rig.log.read(after=0, limit=99, ascending=True, kind="evaluator.")]
    assert [(e.kind, e.summary) for e in told] == [
        ("evaluator.warned", "50 % of the limit"),
        ("evaluator.warned", "75 % of the limit"),
        ("evaluator.warned", "90 % of the limit"),
        ("evaluator.near_miss", "drawdown came close (90, 90% of the limit 100)"),
        ("evaluator.cleared", "drawdown is below every warn tier"),
    ]


async def test_breach_that_waits_for_confirmation_is_warned_of_until_it_is_a_stop() -> None:
    """Engines hear of it as of the highest tier; a stop says more, and ends the warning without an all-clear."""
    watch = await watching(on("drawdown", confirm=2, confirm_of=2))
    watch.trips("drawdown")
    await watch.ticks()
    assert [w.tier_percent for w in watch.monitor.warnings()] == [90]
    watch.trips("drawdown")
    await watch.ticks()
    await watch.rig.controller.settle()
    assert watch.rig.state.active
    assert watch.monitor.warnings() == []
    assert watch.rig.kinds[-2:] == ["evaluator.warned", "stop.activated"]


async def test_equity_that_flaps_writes_no_event_each_tick() -> None:
    """Around a tier and around the limit: a warning, what a shadow would have done, and what was missed, once each."""
    watch = await watching(on("near", confirm=9, confirm_of=9), on("shadow", mode=Mode.SHADOW))
    for _ in range(5):
        watch.says("near", warn(90))
        watch.says("shadow", warn(90))
        await watch.ticks()
        watch.trips("near", "shadow")
        await watch.ticks()
    watch.says("near", None)
    watch.says("shadow", None)
    await watch.ticks(6)
    await watch.rig.controller.settle()
    told = [e.draft for e in watch.rig.log.read(after=0, limit=99, ascending=True, kind="evaluator.")]
    assert sorted((dict(e.details)["evaluator"], e.kind.removeprefix("evaluator.")) for e in told) == [
        ("near", "cleared"),
        ("near", "near_miss"),
        ("near", "warned"),
        ("shadow", "cleared"),
        ("shadow", "warned"),
        ("shadow", "would_trip"),
    ]
    miss = next(e for e in told if e.kind == "evaluator.near_miss")
    assert dict(miss.details) == {"evaluator": "near", "reading": "11", "limit": "10", "breached": "yes"}
    assert [v.near_misses for v in watch.monitor.views()] == [1, 0]


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


async def test_assess_names_what_would_trip_again() -> None:
    """Before a release everything in its scope is read anew, whatever is stopped; breaches are named, shadows not."""
    watch = await watching(
        on("own", "account/main"), on("other", "account/hedge"), on("clear"), on("shadow", mode=Mode.SHADOW)
    )
    await watch.rig.stop()
    watch.trips("own", "other", "shadow")
    assert await watch.monitor.assess(watch.rig.state.stops) == [
        ("own", "scripted breach"),
        ("other", "scripted breach"),
    ]
    await watch.rig.stop("account/main")
    main = watch.rig.state.stop_for(MAIN)
    assert main
    assert await watch.monitor.assess([main]) == [("own", "scripted breach")]


async def test_assess_names_the_unknown_that_stopped() -> None:
    """An evaluator that cannot tell stands in the way only of the release of a stop that it has caused."""
    watch = await watching(on("feed"), on("quiet"))
    watch.says("feed", RuntimeError("x"))
    await watch.ticks()
    watch.says("quiet", Unknown("no reading"))
    assert await watch.monitor.assess(watch.rig.state.stops) == [("feed", "raised RuntimeError")]


@pytest.mark.parametrize("how", ["clear", "time"])
async def test_overridden_evaluator_is_inhibited(how: str) -> None:
    """What a reset went past does not stop again until it has read clear once, or 15 minutes are over."""
    watch = await watching(on("drawdown"), on("other", "account/main"))
    watch.trips("drawdown")
    await watch.ticks()
    released = (await watch.rig.reset()).stops
    watch.monitor.released(released, ["drawdown"])
    await watch.ticks(10)
    assert not watch.rig.state.active
    assert [v.status for v in watch.monitor.views()] == [EvaluatorStatus.INHIBITED, EvaluatorStatus.CLEAR]
    if how == "clear":
        watch.says("drawdown", None)
        await watch.ticks()
        watch.trips("drawdown")
    else:
        running_clock().advance(timedelta(minutes=15))
    await watch.ticks()
    assert only(watch).scope == GLOBAL


async def test_release_counts_anew() -> None:
    """After a release an evaluator of that scope confirms from nothing, one of another scope goes on counting."""
    watch = await watching(
        *(on(n, s, confirm=2, confirm_of=2) for n, s in (("own", "account/main"), ("far", "symbol/X")))
    )
    watch.trips("own", "far")
    await watch.ticks()
    stop = (await watch.rig.stop("account/main")).stop
    await watch.rig.reset()
    watch.monitor.released([stop], [])
    watch.trips("own", "far")
    await watch.ticks()
    assert only(watch).cause.evaluator == "far"


@pytest.mark.parametrize("standing", ["flattening", "held", "gone past"])
async def test_request_by_hand_is_never_refused_for_what_stands(standing: str) -> None:
    """It joins, raises what was held, and counts again right after a reset went past an earlier one; once each."""
    rig = await commissioned()
    manual = ManualEvaluator(ManualSettings())
    monitor = Monitor(controller=rig.controller, watched=[Watched(manual, ManualSettings())], readings=fake_readings())
    monitor._thread = InlineThread()  # type: ignore[assignment]  # a stand-in
    await rig.stop()
    if standing == "held":
        await rig.hold()
    if standing == "gone past":
        manual.request("first")
        assert await monitor.assess(rig.state.stops) == [("manual", "requested by hand: first")]
        monitor.released((await rig.reset()).stops, ["manual"])
    manual.request("again")
    before = rig.state.revision
    for _ in range(3):
        await monitor.tick()
    (stop,) = rig.state.stops
    assert (stop.action, stop.held, stop.revision) == (Action.FLATTEN, False, before + 1)
    assert stop.cause_count == (1 if standing == "gone past" else 2)
    await rig.controller.settle()
    assert rig.newest.summary == "requested by hand: again"
