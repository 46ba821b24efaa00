"""Healthy days, and the same days with one real fault: nothing trips, and then something must."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from ess_server.testing import FakeClock
from tests.simulate.world import CONFIRM, World

PASSES = int(os.environ.get("ESS_SIMULATED_PASSES", "2000"))
"""Each asks six evaluators of all five kinds: 12,000 evaluations, and with ``make simulate`` 600,000."""
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
DAYS = {
    "Berlin, 23 hours": (BERLIN, (2026, 3, 29), 2),
    "Berlin, 25 hours": (BERLIN, (2026, 10, 25), 3),
    "New York, 23 hours": (NEW_YORK, (2026, 3, 8), 2),
    "New York, 25 hours": (NEW_YORK, (2026, 11, 1), 2),
}
PATIENCE = 60
"""Passes within which every kind of report has come often enough."""


def moments(zone: ZoneInfo, day: tuple[int, int, int], hour: int) -> list[datetime]:
    """The midnight before, the moment at which clocks change, and the midnight after."""
    year, month, date = day
    return [
        datetime(year, month, date, tzinfo=zone),
        datetime(year, month, date, hour, tzinfo=zone),
        datetime(year, month, date + 1, tzinfo=zone),
    ]


def test_nothing_stops_trading_while_all_is_well() -> None:
    """Over both changes of the clocks in two zones, with a restart for every moment and more: not one decision."""
    each = PASSES // (3 * len(DAYS)) + 1
    done = 0
    for seed, (zone, day, hour) in enumerate(DAYS.values()):
        clock = FakeClock()
        world = World(clock, Random(seed), zone)
        for moment in moments(zone, day, hour):
            # Half of the passes before it; one is 1.29 s long on average.
            clock.advance(max(timedelta(0), moment - clock.now() - timedelta(seconds=0.64 * each)))
            world.begin()
            for number in range(each):
                decided = world.tick()
                done += 1

                assert not decided, f"seed {seed}, pass {number}, {clock.now()}: {decided}"

                if number % 1000 == 999:
                    world.begin()

    assert done >= PASSES


def crash(world: World) -> None:
    """More than a tenth of the equity is gone, on both accounts."""
    world.factor = {"main": 0.85, "hedge": 0.85}


def critical(world: World) -> None:
    """A component is not well."""
    world.faults.add("critical")


def rejected(world: World) -> None:
    """Every order is refused."""
    world.faults.add("rejected")


def crossed(world: World) -> None:
    """Quotes that cannot be."""
    world.faults.add("crossed")


def by_hand(world: World) -> None:
    """A person has seen something."""
    world.by_hand.request("drill")


FAULTS: dict[str, tuple[Callable[[World], None], int]] = {
    "drawdown/main": (crash, CONFIRM),
    "drawdown/main+hedge": (crash, CONFIRM),
    "system_health": (critical, 1),
    "execution_errors/main": (rejected, 1),
    "data_feed/quotes": (crossed, CONFIRM),
    "manual": (by_hand, 1),
}


@pytest.mark.parametrize("evaluator", FAULTS)
def test_one_real_fault_at_any_place_of_the_same_days_trips(evaluator: str) -> None:
    """Within as many readings as ``confirm`` says: the counterpart, without which silence would prove nothing."""
    for seed in range(6):
        random = Random(seed)
        clock = FakeClock(datetime(2026, 3, 28, 22, 30, tzinfo=UTC))
        world = World(clock, random, BERLIN)
        for _ in range(random.randrange(5, 300)):
            assert not world.tick()
        cause, confirm = FAULTS[evaluator]
        world.breaches.clear()
        cause(world)
        decided = any(evaluator in world.tick() for _ in range(PATIENCE))

        assert decided, f"seed {seed}"
        assert len(world.breaches[evaluator]) == confirm, f"seed {seed}"
