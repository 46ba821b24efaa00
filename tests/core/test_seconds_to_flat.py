"""How long a flatten would take: exact where it can be counted by hand, and never less for more."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.examination import Load, RequestLimits
from ess_server.core.seconds_to_flat import seconds_to_flat

LIMITS = RequestLimits(
    read_burst=100, read_per_second=10, read_weight=20, send_burst=10, send_per_second=5, cancel_batch=1, concurrency=4
)
TRIP = timedelta(milliseconds=100)
SOME = Load(orders=4, conditional=2, positions=2, symbols=2, parts=3)


def seconds(load: Load, limits: RequestLimits = LIMITS, *, sharing: int = 1, pauses: float = 0) -> float:
    """Return the prediction in seconds."""
    pause = timedelta(seconds=pauses)
    return seconds_to_flat(load, limits, round_trip=TRIP, sharing=sharing, pauses=pause).total_seconds()


@pytest.mark.parametrize(
    ("load", "limits", "expected"),
    [
        # three readings
        (Load(), LIMITS, 0.3),
        # five readings, six cancels in two waves, three closes in one
        (SOME, LIMITS, 0.5 + 0.2 + 0.1),
        # one request for each market and kind: two and two
        (SOME, replace(LIMITS, cancel_batch=0), 0.5 + 0.1 + 0.1),
        # one request for each kind
        (SOME, replace(LIMITS, cancel_batch=None), 0.5 + 0.1 + 0.1),
        (SOME, replace(LIMITS, cancel_batch=3), 0.5 + 0.1 + 0.1),
        # nine requests, of which four wait for a fifth of a second each
        (SOME, replace(LIMITS, send_burst=5), 0.8 + 0.8),
        # five readings of 20 are paid from 80, the rest comes at 10 a second
        (SOME, replace(LIMITS, read_burst=80), 0.8 + 2.0),
        (replace(SOME, orders=0, conditional=0), LIMITS, 0.5 + 0.1),
    ],
)
def test_it_can_be_counted_by_hand(load: Load, limits: RequestLimits, expected: float) -> None:
    """Each part of the sum, one by one."""
    assert seconds(load, limits) == pytest.approx(expected)


def test_accounts_that_share_an_address_wait_for_each_other() -> None:
    """Three accounts read 300 of weight, 200 beyond what is there at once; a pause brings in some of the last 60."""
    assert seconds(SOME, sharing=3) == pytest.approx(0.8 + 20)
    assert seconds(SOME, sharing=3, pauses=3.3) == pytest.approx(0.8 + 20)
    assert seconds(SOME, sharing=3, pauses=60) == pytest.approx(0.8 + 14 + 60)
    assert seconds(SOME, replace(LIMITS, shared=False), sharing=3) == pytest.approx(0.8)


loads = st.builds(
    Load,
    orders=st.integers(0, 300),
    conditional=st.integers(0, 300),
    positions=st.integers(0, 50),
    symbols=st.integers(1, 50),
    parts=st.integers(0, 300),
)


@given(load=loads, batch=st.none() | st.integers(0, 20), sharing=st.integers(1, 20))
def test_more_to_undo_or_more_accounts_never_take_less(load: Load, batch: int | None, sharing: int) -> None:
    """Property: monotone in everything that a person may add to an account or an address."""
    limits = replace(LIMITS, cancel_batch=batch)
    least = seconds(load, limits, sharing=sharing)

    assert seconds(load, limits, sharing=sharing + 1) >= least
    for name in ("orders", "conditional", "positions", "parts", "symbols"):
        more = replace(load, **{name: getattr(load, name) + 1})
        assert seconds(more, limits, sharing=sharing) >= least
