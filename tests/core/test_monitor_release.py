"""The monitor and releases: what stands in the way of one, and what counts after it."""

from datetime import timedelta

import pytest

from ess_server.core.evaluators import ManualEvaluator, ManualSettings, Mode
from ess_server.core.model import GLOBAL, Action, Scope
from ess_server.core.monitor import Monitor
from ess_server.core.readings import EvaluatorStatus, Unknown
from ess_server.core.watched import Watched
from ess_server.testing import fake_readings

from .rig import commissioned
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import InlineThread, on, only, watching

EVENT_LOOP = VirtualTimeLoop

MAIN = Scope.parse("account/main")


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
