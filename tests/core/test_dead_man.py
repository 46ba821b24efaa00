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
    most_symbols,
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


def test_no_more_symbols_get_a_timer_than_the_venue_takes_requests_for() -> None:
    """Those that have one keep it, whatever comes; the rest gets one as soon as there is room, and it is known."""
    symbols = TimedSymbols(["left"], most=3)
    symbols.looked({"A", "C", "left"})
    assert (symbols.renewed, symbols.full) == (("A", "C", "left"), False)
    symbols.looked({"A", "B", "C"})
    assert (symbols.renewed, symbols.full) == (("A", "C", "left"), True)
    symbols.stopped(["left"])
    symbols.looked({"B", "C"})
    assert (symbols.renewed, symbols.full) == (("A", "B", "C"), False)

    crowded = TimedSymbols("ABCD", most=2)
    crowded.looked(set("ABCDE"))
    assert (crowded.renewed, crowded.full) == (("A", "B", "C", "D"), True)


@pytest.mark.parametrize(
    ("exchange", "seconds", "sharing", "most"),
    [
        ("binanceusdm", 60, 1, 20),
        ("binanceusdm", 60, 4, 5),
        ("binancecoinm", 10, 9, 1),
        ("okx", 60, 1, None),
        ("elsewhere", 60, 1, None),
    ],
)
def test_timers_leave_three_quarters_of_an_address_to_the_rest(
    exchange: str, seconds: int, sharing: int, most: int | None
) -> None:
    """All accounts behind it together start one a second at most; where there is one for the account none is missed."""
    assert most_symbols(exchange, timedelta(seconds=seconds), sharing) == most


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
