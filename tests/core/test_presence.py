"""The monitor's own sleep is nobody's silence: a server that stood still must not sell the book for it."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.confirm import Confirmation
from ess_server.core.evaluators import (
    DataFeedEvaluator,
    DataFeedSettings,
    EvaluatorSettings,
    SystemHealthEvaluator,
    SystemHealthSettings,
)
from ess_server.core.model import CauseSource
from ess_server.core.monitor import Monitor
from ess_server.core.ports import Readings
from ess_server.core.presence import LONGEST_STEP, MAX_PAUSES, Presence
from ess_server.core.readings import ComponentHealth, FeedUpdate, HealthStatus, Instant, Unknown
from ess_server.core.watched import Watched
from ess_server.testing import START, FakeClock, fake_readings

from .rig import Rig, commissioned
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import InlineThread

EVENT_LOOP = VirtualTimeLoop
FEED = DataFeedSettings(feed="quotes", max_feed_silence=timedelta(seconds=5))
ENGINE = SystemHealthSettings(components=("engine",), max_silence=timedelta(seconds=5))


def report(readings: Readings) -> None:
    """Let the feed and the component be heard now."""
    clock = running_clock()
    one = Decimal(1)
    readings.feeds.record(
        FeedUpdate(
            feed="quotes",
            symbol="BTC",
            bid=one,
            ask=one,
            last=None,
            sequence=None,
            corrupt=False,
            detail="",
            time=clock.now(),
            received=clock.uptime(),
        )
    )
    word = ComponentHealth(
        component="engine", status=HealthStatus.HEALTHY, detail="", time=clock.now(), received=clock.uptime()
    )
    readings.health.record(word)


async def heard(*watched: Watched) -> tuple[Rig, Monitor, Readings]:
    """A monitor that has ticked once, right after everybody was heard."""
    rig, readings = await commissioned(), fake_readings()
    monitor = Monitor(controller=rig.controller, watched=watched, readings=readings)
    monitor._thread = InlineThread()  # type: ignore[assignment]  # a stand-in
    report(readings)
    await monitor.tick()
    return rig, monitor, readings


@pytest.mark.parametrize("one", [0, 1], ids=["feed", "component"])
async def test_a_server_that_stood_still_takes_nobody_for_silent(one: int) -> None:
    """After a minute in which this process did not run, the first look stops nothing, nor do those that follow."""
    watched = (Watched(DataFeedEvaluator(FEED), FEED), Watched(SystemHealthEvaluator(ENGINE), ENGINE))[one]
    rig, monitor, readings = await heard(watched)
    running_clock().advance(60)
    await monitor.tick()
    await asyncio.sleep(0.25)
    await monitor.tick()
    report(readings)
    for _ in range(19):
        await asyncio.sleep(0.25)
        await monitor.tick()
    assert not rig.state.active

    await asyncio.sleep(0.25)
    await monitor.tick()
    assert rig.state.active


@pytest.mark.parametrize("one", [0, 1], ids=["feed", "component"])
async def test_who_stays_silent_after_a_pause_is_found_in_time(one: int) -> None:
    """What was silent before the pause counts together with what is silent after it."""
    watched = (Watched(DataFeedEvaluator(FEED), FEED), Watched(SystemHealthEvaluator(ENGINE), ENGINE))[one]
    rig, monitor, _ = await heard(watched)
    running_clock().advance(60)
    for _ in range(17):
        await monitor.tick()
        await asyncio.sleep(0.25)
    assert rig.state.active


async def test_a_reset_after_hours_of_rest_finds_what_was_silent_meanwhile() -> None:
    """A stop under which evaluators rest is no pause: the monitor ticks, and listens."""
    rig, monitor, _ = await heard(Watched(DataFeedEvaluator(FEED), FEED))
    for _ in range(40):
        await asyncio.sleep(0.25)
        await monitor.tick()
    (stop,) = rig.state.stops
    assert [name for name, _ in await monitor.assess([stop])] == [FEED.name]


def test_not_knowing_counts_while_it_could_have_been_known() -> None:
    """What was unknown before a pause is no fault for the pause's sake."""
    confirmation = Confirmation(EvaluatorSettings(kind="any", unknown_after=timedelta(seconds=15)))
    confirmation.decide(Unknown("dark"), Instant(START, 100.0))
    pauses = ((101.0, 160.0),)
    assert confirmation.decide(Unknown("dark"), Instant(START, 173.9, pauses)) is None

    decision = confirmation.decide(Unknown("dark"), Instant(START, 174.0, pauses))
    assert decision is not None
    assert decision.source is CauseSource.EVALUATOR_FAULT


def test_steps_of_a_second_are_no_pause_and_longer_ones_count_for_a_second() -> None:
    """A machine that is only slow hides no silence."""
    clock = FakeClock(uptime=100.0)
    presence = Presence(clock)
    for _ in range(3):
        clock.advance(LONGEST_STEP)
        presence.look()
    assert presence.look().since(100.0) == pytest.approx(3)
    for _ in range(3):
        clock.advance(4)
        presence.look()
    assert presence.look().since(100.0) == pytest.approx(6)
    assert presence.look().since(110.0) == pytest.approx(1)


def test_memory_of_pauses_is_bounded_and_what_is_forgotten_counts_as_silence() -> None:
    """Doubt about a time long ago stops rather than not."""
    clock = FakeClock(uptime=100.0)
    presence = Presence(clock)
    for _ in range(MAX_PAUSES + 1):
        clock.advance(2)
        presence.look()
    assert len(presence.look().pauses) == MAX_PAUSES
    assert presence.look().since(100.0) == pytest.approx(2 + MAX_PAUSES)
