"""Arithmetic of one position."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ess_server.venue.paper.position import closable, fold

AMOUNTS = st.integers(-1000, 1000).map(lambda n: Decimal(n) / 1000)
PRICES = st.integers(1, 10_000_000).map(lambda n: Decimal(n) / 100)


def test_growing_averages_the_entry() -> None:
    """Property: adding to a position moves the entry to the volume-weighted average and realizes nothing."""
    assert fold(Decimal(1), Decimal(100), Decimal(3), Decimal(200)) == (Decimal(4), Decimal(175), Decimal(0))


def test_shrinking_realizes_and_keeps_the_entry() -> None:
    """Property: a short that is partly bought back realizes the difference and keeps its entry."""
    assert fold(Decimal(-4), Decimal(100), Decimal(1), Decimal(90)) == (Decimal(-3), Decimal(100), Decimal(10))


def test_crossing_zero_enters_anew() -> None:
    """Property: an order beyond the position realizes all of it and the rest enters at the trade's price."""
    assert fold(Decimal(1), Decimal(100), Decimal(-3), Decimal(110)) == (Decimal(-2), Decimal(110), Decimal(10))


@given(quantity=AMOUNTS, entry=PRICES, trades=st.lists(st.tuples(AMOUNTS, PRICES), max_size=30), mark=PRICES)
def test_equity_is_cash_paid_plus_value_held(
    quantity: Decimal, entry: Decimal, trades: list[tuple[Decimal, Decimal]], mark: Decimal
) -> None:
    """Property: realized plus unrealized profit equals what buying, selling and holding at the mark is worth."""
    held, at, realized, paid = quantity, entry if quantity else Decimal(0), Decimal(0), quantity * entry
    for traded, price in trades:
        held, at, gain = fold(held, at, traded, price)
        realized += gain
        paid += traded * price
    assert abs(realized + held * (mark - at) - (held * mark - paid)) < Decimal("1e-6")


@given(quantity=AMOUNTS)
def test_closable_is_the_whole_opposite_position_and_nothing_else(quantity: Decimal) -> None:
    """Property: exactly the side against the position can close it, and exactly its size."""
    assert closable(quantity, 1) + closable(quantity, -1) == abs(quantity)
    assert closable(quantity, 1 if quantity > 0 else -1) == 0
