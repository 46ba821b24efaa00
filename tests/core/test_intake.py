"""The one door of observations: what comes in reaches its reader, and somebody looks."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from ess_server.core.readings import ComponentPoll, HealthStatus
from ess_server.testing import START, host_figures

from .door import EQUITY, FLOW, HEALTH, REPORT, UPDATE, opened
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


async def test_every_kind_reaches_its_reader_and_wakes_those_whom_it_concerns() -> None:
    """What is taken can be read at once, and each observation that may be a breach asks for a look at its subject."""
    door = await opened()
    intake, readings, looks = door.intake, door.readings, door.looks
    intake.equity(EQUITY)
    assert looks.wanted == {("metrics", "main"), ("metrics", "")}
    flows = [intake.cash_flow(FLOW), intake.cash_flow(FLOW)]
    reports = [intake.execution(REPORT), intake.execution(REPORT)]
    assert looks.wanted == {("metrics", "main"), ("metrics", "")}
    intake.health(replace(HEALTH, status=HealthStatus.CRITICAL))
    assert looks.wanted == {("health", "")}
    intake.feed(replace(UPDATE, corrupt=True))
    assert looks.wanted == {("feeds", "f"), ("feeds", "")}
    known = readings.metrics.account("main")

    assert known is not None
    assert known.equity == EQUITY
    assert (flows, reports) == ([True, False], [True, False])
    assert readings.metrics.executions("main", 0.0) == [REPORT]
    assert readings.health.components()["oms"].status is HealthStatus.CRITICAL
    assert readings.feeds.updates("f") == {"BTC": replace(UPDATE, corrupt=True)}


async def test_good_news_wakes_nobody() -> None:
    """Healthy components, and prices that prove nothing wrong, are recorded and left to the tick."""
    door = await opened()
    door.intake.health(HEALTH)
    door.intake.poll(ComponentPoll(component="oms", max_silence=None, asked_since=0.0, tried=1.0), HEALTH)
    door.intake.feed(UPDATE)
    door.intake.feed(replace(UPDATE, time=START + timedelta(seconds=-1), received=2.0))

    assert door.readings.health.components() == {"oms": HEALTH}
    assert door.looks.wanted == {("feeds", "f"), ("feeds", "")}, "its time went back"


async def test_price_that_jumps_and_time_from_the_future_wake() -> None:
    """A price beyond those of the last second may be a jump; a time ahead of this clock is a breach by itself."""
    door = await opened()
    wanted = []
    for changes in (
        {},
        {"bid": Decimal("1.5"), "ask": Decimal("1.5")},
        {"bid": Decimal("1.4")},
        {"time": START + timedelta(seconds=60)},
    ):
        running_clock().advance(0.01)
        door.intake.feed(replace(UPDATE, **({"time": running_clock().now()} | changes)))
        wanted.append(bool(door.looks.wanted))

    assert wanted == [False, False, True, True]


async def test_figures_of_the_host_and_polls_are_recorded() -> None:
    """Figures of the host are looked at; how asking goes is for the tick to see."""
    door = await opened()
    door.intake.host(host_figures())
    assert door.looks.wanted == {("health", "")}
    asked = ComponentPoll(component="oms", max_silence=None, asked_since=0.0, tried=1.0)
    door.intake.poll(asked)
    door.intake.poll(replace(asked, answered=1.0), HEALTH)
    assert not door.looks.wanted
    door.intake.poll(replace(asked, answered=2.0), replace(HEALTH, status=HealthStatus.DEGRADED))

    assert door.looks.wanted == {("health", "")}
    assert door.readings.health.host() == host_figures()
    assert door.readings.health.polls() == {"oms": replace(asked, answered=2.0)}
