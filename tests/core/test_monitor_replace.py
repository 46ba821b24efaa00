"""Other evaluators under a running monitor: what is the same goes on, and nothing is released or forgotten."""

import asyncio
from dataclasses import replace

from ess_server.core.model import Action
from ess_server.core.readings import EvaluatorStatus
from ess_server.core.watched import Watched
from ess_server.testing import ScriptedEvaluator, trip

from .virtual_time import VirtualTimeLoop, running_clock
from .watching import Watch, on, watching

EVENT_LOOP = VirtualTimeLoop


def rebuilt(watch: Watch, name: str, **changes: object) -> Watched:
    """The same evaluator with other settings, as a reload builds it."""
    (settings,) = [w.settings for w in watch.monitor.watched if w.name == name]
    return Watched(watch.evaluators[name], replace(settings, **changes))  # type: ignore[arg-type]  # fields by name


async def test_an_unchanged_evaluator_keeps_its_count_and_a_changed_one_counts_anew() -> None:
    """Of two that need two readings, each with one so far, only the one that was left alone stops at the next."""
    watch = await watching(on("same", confirm=2), on("other", "account/a", confirm=2))
    watch.trips("same", "other")
    await watch.ticks()
    same, _ = watch.monitor.watched
    await watch.monitor.replace([same, rebuilt(watch, "other", action=Action.CANCEL)])
    watch.trips("same", "other")
    await watch.ticks()

    assert [s.cause.evaluator for s in watch.rig.state.stops] == ["same"]


async def test_what_a_person_went_past_stays_so_until_it_reads_clear() -> None:
    """A changed limit brings no stop back that was just released; reading clear once ends that, as without a reload."""
    watch = await watching(on("a"))
    watch.trips("a")
    watch.monitor.released((), ["a"])
    await watch.monitor.replace([rebuilt(watch, "a", confirm_of=3)])
    await watch.ticks()
    assert [v.status for v in watch.monitor.views()] == [EvaluatorStatus.INHIBITED]
    assert not watch.rig.state.active

    watch.says("a", None)
    await watch.ticks()
    watch.trips("a")
    await watch.ticks()
    assert watch.rig.state.active


async def test_stops_stay_and_a_new_evaluator_is_asked_at_the_next_tick() -> None:
    """Replacing everything releases nothing."""
    watch = await watching(on("old", "account/a"))
    watch.trips("old")
    await watch.ticks()
    new = ScriptedEvaluator("new", trip(running_clock().now()))
    await watch.monitor.replace([Watched(new, on("new", "account/b"))])
    await watch.ticks()

    assert [str(s.scope) for s in watch.rig.state.stops] == ["account/a", "account/b"]
    assert [v.name for v in watch.monitor.views()] == ["new"]


async def test_one_that_was_replaced_while_its_pass_waited_says_nothing_more() -> None:
    """The old rules end with the last pass before the replacement: never is half a pass theirs."""
    watch = await watching(on("old"))
    watch.trips("old")
    await watch.monitor._evaluating.acquire()
    replacing = asyncio.create_task(watch.monitor.replace([]))
    await asyncio.sleep(0)
    ticking = asyncio.create_task(watch.monitor.tick())
    await asyncio.sleep(0)
    watch.monitor._evaluating.release()
    await asyncio.gather(replacing, ticking)

    assert watch.evaluators["old"].evaluations == 0
    assert not watch.rig.state.active
    assert watch.monitor.proven_uptime > 0
