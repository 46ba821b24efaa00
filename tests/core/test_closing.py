"""Which part of a position is due: bounded by price, in slices, and at market in the end."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.closing import Close, ClosingRules, ClosingSchedule
from ess_server.core.flatten_attempt import Attempt
from ess_server.core.venue_snapshot import Position

BTC = "BTC/USDT:USDT"
SLICED = ClosingRules(slices=4, slice_interval=timedelta(seconds=5), market_after=timedelta(seconds=60))
COLLARED = ClosingRules(collar=Decimal("0.02"), market_after=timedelta(seconds=30))


def held(quantity: str, *, long: bool = True, price: str | None = "100") -> Position:
    """Return a position."""
    mark = None if price is None else Decimal(price)
    return Position(symbol=BTC, long=long, quantity=Decimal(quantity), hedged=False, price=mark)


def test_without_rules_everything_is_due_at_market() -> None:
    """Nothing is held back, and nothing is counted."""
    schedule = ClosingSchedule(ClosingRules())

    assert schedule.due((held("3"),), now=7) == (Close(position=held("3")),)
    assert not schedule.holds_back((held("3"),), now=7)


@pytest.mark.parametrize(("long", "limit"), [(True, "98.00"), (False, "102.00")])
def test_a_collar_bounds_the_price_on_the_side_that_costs(long: bool, limit: str) -> None:  # noqa: FBT001 - a case
    """A long is sold no lower, a short bought back no higher, than the fraction of the mark price allows."""
    (close,) = ClosingSchedule(COLLARED).due((held("3", long=long),), now=0)

    assert close == Close(position=held("3", long=long), limit=Decimal(limit))


def test_after_its_time_what_is_left_goes_at_market() -> None:
    """The bound ends ``market_after`` the first close, for every size that is left."""
    schedule = ClosingSchedule(COLLARED)
    schedule.due((held("3"),), now=100)

    (bounded,) = schedule.due((held("2"),), now=129.9)
    (at_market,) = schedule.due((held("2"),), now=130)

    assert (bounded.limit, at_market.limit) == (Decimal(98), None)
    assert at_market.position.quantity == 2
    assert schedule.holds_back((held("2"),), now=129.9)
    assert not schedule.holds_back((held("2"),), now=130)


def test_without_a_mark_price_a_collar_waits_for_market() -> None:
    """No bound can be named, so nothing is sent before the time at which none is wanted."""
    schedule = ClosingSchedule(COLLARED)

    assert schedule.due((held("3", price=None),), now=0) == ()
    assert schedule.due((held("3", price=None),), now=30) == (Close(position=held("3", price=None)),)


def test_slices_become_due_one_after_the_other() -> None:
    """A quarter at once and another each interval; what the venue shows as closed already counts."""
    schedule = ClosingSchedule(SLICED)
    due = [schedule.due((held(left),), now) for left, now in (("8", 0), ("6", 1), ("6", 5), ("6", 10), ("2", 15))]

    assert [[c.position.quantity for c in closes] for closes in due] == [[2], [], [2], [4], [2]]


def test_a_position_that_somebody_adds_to_is_closed_to_the_same_share() -> None:
    """What others add is part of what has to go."""
    schedule = ClosingSchedule(SLICED)
    schedule.due((held("8"),), now=0)

    (close,) = schedule.due((held("12"),), now=5)

    assert close.position.quantity == 6


def test_each_position_has_a_time_of_its_own() -> None:
    """One that appears later is not hurried because another began earlier."""
    schedule = ClosingSchedule(SLICED)
    schedule.due((held("8"),), now=0)
    late = held("4", long=False)

    assert schedule.due((held("0.000001"), late), now=59) == (
        Close(position=held("0.000001")),
        Close(position=held("1", long=False)),
    )


def test_a_slice_below_the_minimum_releases_the_rest_and_only_the_whole_is_dust() -> None:
    """What the market takes no slice of is tried as a whole before it is called dust."""
    attempt = Attempt(0, ClosingSchedule(SLICED))
    (part,) = attempt.schedule.due((held("8"),), now=0)
    attempt.too_small(part)
    assert attempt.dust == set()

    (whole,) = attempt.schedule.due((held("8"),), now=0)
    attempt.too_small(whole)

    assert whole == Close(position=held("8"))
    assert attempt.dust == {held("8")}


def test_at_market_what_is_too_small_is_dust_at_once() -> None:
    """There is nothing that was held back."""
    attempt = Attempt(0, ClosingSchedule(ClosingRules()))
    attempt.too_small(Close(position=held("8")))

    assert attempt.dust == {held("8")}


@given(
    slices=st.integers(1, 100),
    collar=st.none() | st.decimals("0.001", "0.999", places=3),
    steps=st.lists(st.tuples(st.floats(0, 20), st.decimals("0.001", "50", places=3)), min_size=1, max_size=30),
    long=st.booleans(),
)
def test_no_close_exceeds_what_is_held_and_none_is_held_back_for_ever(
    slices: int,
    collar: Decimal | None,
    steps: list[tuple[float, Decimal]],
    long: bool,  # noqa: FBT001 - drawn
) -> None:
    """However the position changes: no more than is shown is sent, and after ``market_after`` all of it."""
    rules = ClosingRules(collar=collar, slices=slices, market_after=timedelta(seconds=60))
    schedule, now = ClosingSchedule(rules), 0.0
    for delay, quantity in steps:
        now += delay
        position = held(str(quantity), long=long)
        closes = schedule.due((position,), now)
        assert all(0 < c.position.quantity <= quantity for c in closes)
        if now - steps[0][0] >= rules.market_after.total_seconds():
            assert closes == (Close(position=position),)
