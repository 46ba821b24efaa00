"""The one door of observations: what has to wait until what came before was judged."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ess_server.core.errors import CapacityError
from ess_server.core.readings import EquityReading, HealthStatus

from .door import EQUITY, FLOW, HEALTH, REPORT, UPDATE, Door, opened
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop


def equities(door: Door) -> Decimal:
    """The equity that evaluators read."""
    known = door.readings.metrics.account("main")
    assert known is not None
    return known.equity.amount


async def test_equity_waits_until_the_one_before_it_was_judged() -> None:
    """However many come at once, each of them is there for one look, in their order; another account waits for none."""
    door = await opened()
    for amount in (1000, 800, 1000):
        door.intake.equity(replace(EQUITY, amount=Decimal(amount)))
    door.intake.equity(replace(EQUITY, account="hedge"))
    seen = []
    for _ in range(3):
        seen.append(equities(door))
        assert door.looks.wanted

    assert (seen, door.intake.waiting) == ([1000, 800, 1000], 0)
    assert door.readings.metrics.account("hedge") is not None
    assert not door.looks.wanted


async def test_look_that_had_begun_does_not_count() -> None:
    """An equity that comes while evaluators run may be missed by some: the next one waits for another look."""
    door = await opened()
    with door.looks.lookout.look():
        door.intake.equity(EQUITY)
        door.intake.equity(replace(EQUITY, amount=Decimal(800)))
    assert equities(door) == 1000
    assert door.looks.wanted
    assert equities(door) == 800


async def test_deposit_stays_behind_the_equity_that_came_before_it() -> None:
    """It is not counted while an older reading waits, and as soon as that is recorded."""
    door = await opened()
    door.intake.equity(EQUITY)
    door.intake.equity(replace(EQUITY, amount=Decimal(900)))
    assert door.intake.cash_flow(FLOW)
    before = door.readings.metrics.account("main")
    flows = list(door.readings.metrics.flows)  # type: ignore[attr-defined]  # the fake shows them
    assert door.looks.wanted

    assert before is not None
    assert (flows, door.readings.metrics.flows) == ([], [FLOW])  # type: ignore[attr-defined]  # as above
    assert equities(door) == 900


async def test_what_is_let_in_at_once_is_bounded() -> None:
    """A thousand deposits that waited behind equity come in by fifties, with a look between, and not in one step."""
    door = await opened()
    for _ in range(2):
        door.intake.equity(EQUITY)
    for number in range(120):
        door.intake.cash_flow(replace(FLOW, id=f"f{number}"))
    waiting = []
    for _ in range(4):
        assert door.looks.wanted
        waiting.append(door.intake.waiting)

    assert waiting == [71, 21, 0, 0]


async def test_what_is_let_in_at_once_is_bounded_however_many_things_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one look a turn of everything comes in, after the next those that had none, and each stays in order."""
    monkeypatch.setattr("ess_server.core.intake.TURN_OF_ALL", 4)
    door = await opened()
    names = [f"c{number}" for number in range(6)]
    for status in (HealthStatus.CRITICAL, HealthStatus.DEGRADED, HealthStatus.HEALTHY):
        for name in names:
            door.intake.health(replace(HEALTH, component=name, status=status))
    told = []
    for _ in range(4):
        assert door.looks.wanted
        known = door.readings.health.components()
        told.append((door.intake.waiting, "".join(known[name].status.name[0] for name in names)))

    assert told == [(8, "DDDDCC"), (4, "HHDDDD"), (0, "HHHHHH"), (0, "HHHHHH")]


async def test_word_that_is_healthy_waits_behind_one_that_is_not() -> None:
    """CRITICAL and HEALTHY in one report: CRITICAL is judged first; other components wait for nothing."""
    door = await opened()
    door.intake.health(replace(HEALTH, status=HealthStatus.CRITICAL))
    door.intake.health(HEALTH)
    door.intake.health(replace(HEALTH, component="feed"))
    known = door.readings.health.components()
    assert (known["oms"].status, known["feed"].status) == (HealthStatus.CRITICAL, HealthStatus.HEALTHY)
    assert door.looks.wanted

    assert door.readings.health.components()["oms"].status is HealthStatus.HEALTHY
    assert door.looks.wanted, "the evaluator is told that it is over"


async def test_reports_and_updates_wait_only_where_readings_are_counted() -> None:
    """A window hides nothing; but of two breaches that are to be counted, each must be there for a look."""
    for counting, recorded in ((False, 2), (True, 1)):
        door = await opened(counting=counting)
        for number in range(2):
            door.intake.execution(replace(REPORT, id=f"x{number}"))
            door.intake.feed(replace(UPDATE, sequence=number))
            door.intake.feed(replace(UPDATE, symbol="ETH", sequence=7))

        assert len(door.readings.metrics.executions("main", 0.0)) == recorded
        assert door.readings.feeds.updates("f")["BTC"].sequence == recorded - 1
        for _ in range(2):
            with door.looks.lookout.look():
                pass
        assert (door.intake.waiting, len(door.readings.metrics.executions("main", 0.0))) == (0, 2)


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """When evaluators are far behind, more is refused and its sender told, and what waits stays."""
    monkeypatch.setattr("ess_server.core.intake.MAX_WAITING", 3)
    door = await opened()
    for _ in range(4):
        door.intake.equity(EQUITY)
    with pytest.raises(CapacityError, match="3 observations wait"):
        door.intake.equity(EQUITY)

    assert door.intake.waiting == 3
    door.intake.health(HEALTH)


async def test_one_that_fails_when_its_turn_comes_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged, and the next one is taken."""
    door = await opened()
    record = door.readings.metrics.record_equity

    def fail(reading: EquityReading) -> None:
        if reading.amount == 13:
            raise ZeroDivisionError
        record(reading)

    monkeypatch.setattr(door.readings.metrics, "record_equity", fail)
    for amount in (1000, 13, 900):
        door.intake.equity(replace(EQUITY, amount=Decimal(amount)))
    assert door.looks.wanted

    assert (equities(door), door.intake.waiting) == (900, 0)
