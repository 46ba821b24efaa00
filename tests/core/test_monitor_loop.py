"""Tick by tick the monitor proves that the state is current: what could not be done proves nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ess_server.core.model import GLOBAL, Action, CauseSource
from ess_server.core.monitor import Monitor
from ess_server.core.ports import Readings
from ess_server.core.readings import Instant
from ess_server.testing import fake_readings

from .rig import commissioned
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import Watch, on, watching

EVENT_LOOP = VirtualTimeLoop


@pytest.fixture
async def watch() -> Watch:
    """A monitor over one evaluator."""
    return await watching(on("drawdown"))


@pytest.fixture
async def running(watch: Watch) -> AsyncIterator[Watch]:
    """The same, with its loop running."""
    loop = asyncio.create_task(watch.monitor.run())
    await asyncio.sleep(0.001)
    yield watch
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert watch.thread.closed


async def test_completed_tick_is_the_proof(watch: Watch) -> None:
    """The proof is the time at which the last completed tick began, not when it ended."""
    running_clock().advance(10)
    began = running_clock().uptime()
    watch.tripwire.answers.clear()
    tick = asyncio.create_task(watch.monitor.tick())
    await asyncio.sleep(0.1)
    watch.tripwire.answers.set()
    await tick
    assert running_clock().uptime() > began
    assert watch.monitor.proven_uptime == began


async def test_monitor_without_a_tripwire_proves_too() -> None:
    """A server without a data directory has no tripwire to look at."""
    rig = await commissioned()
    monitor = Monitor(controller=rig.controller, watched=(), readings=fake_readings())
    running_clock().advance(10)
    await monitor.tick()
    assert monitor.proven_uptime == running_clock().uptime()


async def test_ticks_follow_one_another(running: Watch) -> None:
    """The loop ticks four times a second, stopped or not, so that proofs go on while ACTIVE."""
    await asyncio.sleep(1)
    assert running.evaluators["drawdown"].evaluations == pytest.approx(4, abs=1)
    await running.rig.stop()
    running_clock().advance(5)
    await asyncio.sleep(1)
    assert running.monitor.proven_uptime >= running_clock().uptime() - 0.25
    assert running.rig.state.active


async def test_observation_is_evaluated_at_once(running: Watch) -> None:
    """What comes in is evaluated in the same moment and does not wait for the next tick."""
    await asyncio.sleep(0.01)
    began = running_clock().uptime()
    running.trips("drawdown")
    running.monitor.observed()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert running.rig.state.active
    assert running_clock().uptime() - began < 0.001


async def test_observations_do_not_put_off_the_tick(running: Watch) -> None:
    """However much comes in, the tripwire is looked at in every tick."""
    looks = running.tripwire.looks
    for _ in range(200):
        running.monitor.observed()
        await asyncio.sleep(0.005)
    assert running.tripwire.looks - looks == pytest.approx(4, abs=1)


async def test_tripwire_stops_everything(running: Watch) -> None:
    """The file stops trading within a tick, with the configured action and what it says as the reason, once."""
    running.tripwire.text = "desk on fire"
    await asyncio.sleep(0.26)
    (stop,) = running.rig.state.stops
    assert (stop.scope, stop.action, stop.cause.source) == (GLOBAL, Action.CANCEL, CauseSource.TRIPWIRE)
    assert stop.cause.reason == "desk on fire"
    await asyncio.sleep(5)
    assert running.rig.state.stops[0].cause_count == 1


async def test_empty_tripwire_stops_too(running: Watch) -> None:
    """That the file exists is enough."""
    running.tripwire.text = ""
    await asyncio.sleep(0.26)
    assert running.rig.state.stops[0].cause.reason == "the tripwire file exists"


@pytest.mark.parametrize(("before", "after"), [(Action.BLOCK, Action.CANCEL), (Action.FLATTEN, Action.FLATTEN)])
async def test_tripwire_raises_a_weaker_stop(running: Watch, before: Action, after: Action) -> None:
    """A global stop that does less is raised, one that does as much is left alone."""
    await running.rig.stop("", before)
    running.tripwire.text = "x"
    await asyncio.sleep(1)
    assert running.rig.state.stops[0].action is after
    assert running.rig.state.stops[0].cause_count == (2 if before < after else 1)


async def test_tripwire_stops_beside_a_scope(running: Watch) -> None:
    """A stop of one scope does not stand for everything."""
    await running.rig.stop("account/main")
    running.tripwire.text = "x"
    await asyncio.sleep(0.3)
    assert running.rig.state.stop_for(GLOBAL)


async def test_tripwire_that_stands_does_not_defeat_a_hold(running: Watch) -> None:
    """The file that has stopped everything does not start the work again that a person has held."""
    running.tripwire.text = "x"
    await asyncio.sleep(0.3)
    await running.rig.hold()
    await asyncio.sleep(1)
    assert (running.rig.state.stops[0].action, running.rig.state.stops[0].held) == (Action.BLOCK, True)


async def test_disk_that_hangs_proves_nothing(running: Watch) -> None:
    """While the tripwire cannot be looked at no tick is completed; evaluators go on, with one look under way."""
    await asyncio.sleep(1)
    running.tripwire.answers.clear()
    looks, proven = running.tripwire.looks, running.monitor.proven_uptime
    await asyncio.sleep(10)
    assert running.monitor.proven_uptime <= proven + 0.26
    assert running.tripwire.looks <= looks + 1
    running.trips("drawdown")
    await asyncio.sleep(1)
    assert running.rig.state.active
    running.tripwire.text = "made while it hung"
    running.tripwire.answers.set()
    await asyncio.sleep(0.6)
    assert running.monitor.proven_uptime >= running_clock().uptime() - 0.51


async def test_tripwire_found_after_a_hang_stops(running: Watch) -> None:
    """What a late look finds stops as any other."""
    running.tripwire.answers.clear()
    await asyncio.sleep(3)
    running.tripwire.text = "x"
    running.tripwire.answers.set()
    await asyncio.sleep(0.3)
    assert running.rig.state.stop_for(GLOBAL)


async def test_tick_that_fails_proves_nothing_and_the_loop_goes_on(running: Watch) -> None:
    """A look that raises leaves the proof old and is logged once; the loop recovers by itself, and logs anew."""
    await asyncio.sleep(1)
    proven = running.monitor.proven_uptime
    for _ in range(2):
        running.tripwire.broken = True
        await asyncio.sleep(10)
        assert running.monitor.proven_uptime < running_clock().uptime() - 9
        running.tripwire.broken = False
        await asyncio.sleep(0.3)
        assert running.monitor.proven_uptime >= running_clock().uptime() - 0.26
    assert running.monitor.proven_uptime > proven
    await running.rig.controller.settle()
    assert running.rig.kinds.count("server.fault") == 2
    assert running.rig.newest.summary == "a tick failed: StoreError"


async def test_observation_that_cannot_be_evaluated_ends_nothing(running: Watch) -> None:
    """An evaluation between ticks that fails is loud, and the ticks go on."""
    works = running.thread.run

    async def fail(*_: object) -> dict[str, object]:
        raise RuntimeError

    running.thread.run = fail  # type: ignore[method-assign,assignment]  # breaks it
    running.monitor.observed()
    await asyncio.sleep(0.1)
    running.thread.run = works  # type: ignore[method-assign]  # mends it
    running.trips("drawdown")
    await asyncio.sleep(0.3)
    assert running.rig.state.active
    assert running.rig.kinds.count("server.fault") == 1


async def test_each_reading_is_at_one_moment(watch: Watch) -> None:
    """All evaluators of a pass judge by the same two clocks."""
    seen: list[Instant] = []
    works = watch.thread.run

    async def listen(evaluators: object, readings: Readings, now: Instant) -> object:
        seen.append(now)
        return await works(evaluators, readings, now)  # type: ignore[arg-type]  # handed on

    watch.thread.run = listen  # type: ignore[method-assign,assignment]  # listens in
    await watch.monitor.tick()
    assert seen == [running_clock().instant()]


async def test_tripwire_at_start() -> None:
    """A file that is there when the server starts stops in the very first tick."""
    watch = await watching()
    watch.tripwire.text = "left from yesterday"
    await watch.monitor.tick()
    assert watch.rig.state.active
