"""What the monitor tells before a stop: tiers, near misses, and breaches that wait for their confirmation."""

from ess_server.core.evaluators import Mode

from .virtual_time import VirtualTimeLoop
from .watching import on, warn, watching

EVENT_LOOP = VirtualTimeLoop


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
