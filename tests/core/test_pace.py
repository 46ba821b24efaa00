"""How often and to how many: from what a message was measured to cost."""

from datetime import timedelta

import pytest

from ess_server.core.pace import AFTERWARDS, COMFORTABLE, FEWEST, MOST, UNKNOWN, Pace

HEARTBEAT, LEASE = timedelta(milliseconds=250), timedelta(seconds=1)
DEAR = 4e-4 / AFTERWARDS
"""Seconds until a message was sent where it costs 0.4 ms in all."""


def pace_of(*costs: float, messages: int = FEWEST) -> Pace:
    """Return the pace after messages that cost so many seconds each."""
    pace = Pace(HEARTBEAT, LEASE, lambda: 0.0)
    for cost in costs:
        pace.sent(messages, cost * messages)
    return pace


def test_as_configured_until_anything_is_known() -> None:
    """Nothing measured: the configured heartbeat, and nobody is refused."""
    pace = pace_of()
    assert (pace.interval(100_000), pace.capacity) == (0.25, UNKNOWN)


def test_single_messages_and_few_measurements_say_nothing() -> None:
    """A message or two, or a first measurement, would refuse gates for a hiccup."""
    assert pace_of(*[1.0] * 100, messages=FEWEST - 1).capacity == UNKNOWN
    assert pace_of(*[1.0] * (FEWEST - 1)).capacity == UNKNOWN


def test_rarer_where_it_costs_too_much() -> None:
    """Up to COMFORTABLE of a core as configured, then as often as that allows, and half a lease apart at most."""
    pace = pace_of(*[DEAR] * FEWEST)
    assert pace.interval(100) == 0.25
    assert pace.interval(400) == pytest.approx(400 * 4e-4 / COMFORTABLE)
    assert pace.interval(100_000) == 0.5


def test_capacity_is_what_the_rarest_heartbeats_leave_room_for() -> None:
    """MOST of a core, each gate once in half a lease."""
    assert pace_of(*[DEAR] * FEWEST).capacity == pytest.approx(0.5 * MOST / 4e-4, abs=1)


def test_one_that_took_long_changes_nothing() -> None:
    """A message that something else interrupted is not what messages cost."""
    costs = [DEAR] * FEWEST
    assert pace_of(*costs, 1.0, 1.0).capacity == pace_of(*costs).capacity


def test_heartbeat_is_never_hurried() -> None:
    """A heartbeat that is configured beyond half a lease, as only tests may, stays as it is."""
    assert Pace(timedelta(seconds=10), LEASE, lambda: 0.0).interval(5) == 10
