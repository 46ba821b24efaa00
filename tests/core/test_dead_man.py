"""Which of the venue's timers are renewed, and which may be stopped."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.dead_man import (
    FALSE_SAFETY,
    IDLE_LOOKS,
    TIMERS,
    DeadMan,
    TimedSymbols,
    dead_man_entry,
    read_dead_man,
    renew_every,
)


def test_a_timer_is_renewed_until_several_looks_have_shown_no_order() -> None:
    """Left alone it would cancel an order that was placed just before it ran out; stopped, it is forgotten."""
    symbols = TimedSymbols(["left"])
    assert symbols.renewed == ("left",)
    symbols.looked({"A", "B"})
    symbols.looked({"A", "B", "left"})
    assert symbols.renewed == ("A", "B", "left")
    for _ in range(IDLE_LOOKS):
        assert symbols.idle == ()
        symbols.looked({"A"})
    assert (symbols.renewed, symbols.idle, symbols.armed) == (("A",), ("B", "left"), ("A", "B", "left"))

    symbols.stopped(["left", "never"])
    assert symbols.armed == ("A", "B")
    symbols.looked({"B"})
    assert symbols.renewed == ("A", "B")


@given(st.lists(st.sets(st.sampled_from("ABC"))))
def test_no_symbol_with_orders_is_without_a_timer_and_none_is_stopped(looks: list[set[str]]) -> None:
    """Whatever was seen before, and whenever timers were stopped: who has orders is renewed and not stopped."""
    symbols = TimedSymbols()
    for resting in looks:
        symbols.looked(resting)
        assert resting <= set(symbols.renewed)
        assert not resting & set(symbols.idle)
        assert set(symbols.armed) == set(symbols.renewed) | set(symbols.idle)
        symbols.stopped(symbols.idle)


@pytest.mark.parametrize("wanted", [None, DeadMan(after=timedelta(seconds=60), armed=("é",), ended=True)])
def test_what_is_wanted_crosses_the_pipe(wanted: DeadMan | None) -> None:
    """A process gets the time, the timers that run, and whether they are only to be stopped."""
    assert read_dead_man(json.loads(json.dumps(dead_man_entry(wanted)))) == wanted


def test_two_renewals_may_fail() -> None:
    """A timer is renewed three times in its length, within the range of every venue in the table."""
    assert renew_every(timedelta(seconds=60)) == timedelta(seconds=20)
    for one in TIMERS.values():
        assert timedelta(seconds=5) < one.shortest < one.longest
    assert not FALSE_SAFETY & TIMERS.keys()
