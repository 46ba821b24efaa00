"""What is remembered of a symbol: defects outlive the good update after them, and nonsense poisons nothing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.feeds import FeedTrack, follow, jump_time
from ess_server.core.readings import FeedUpdate
from ess_server.testing import START

from .door import UPDATE

QUOTE = replace(UPDATE, bid=Decimal(99), ask=Decimal(101), received=0.0)


def quote(second: float, **changes: Any) -> FeedUpdate:
    """A quote of that second, told and received."""
    return replace(QUOTE, **{"time": START + timedelta(seconds=second), "received": second, **changes})


def followed(*updates: FeedUpdate) -> FeedTrack:
    """The track of some updates."""
    track = None
    for update in updates:
        track = follow(track, update)
    assert track is not None
    return track


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"corrupt": True}, "declared corrupt"),
        ({"corrupt": True, "detail": "checksum"}, "declared corrupt: checksum"),
        ({"bid": Decimal(0)}, "bid 0 is not a price above zero"),
        ({"ask": Decimal(-1)}, "ask -1 is not a price above zero"),
        ({"last": Decimal("NaN")}, "last NaN is not a price above zero"),
        ({"last": Decimal("sNaN")}, "last sNaN is not a price above zero"),
        ({"ask": Decimal("Infinity")}, "ask Infinity is not a price above zero"),
        ({"bid": Decimal("101.01")}, "crossed book: bid 101.01 is above ask 101"),
    ],
)
def test_update_that_is_wrong_in_itself_is_a_defect_and_nothing_else(changes: dict[str, Any], detail: str) -> None:
    """It is the latest, it renews nothing, and neither price nor clock nor number of it is measured against."""
    first = quote(1)
    bad = quote(2, sequence=999, **changes)
    track = followed(first, bad)

    assert track.defect is not None
    assert (track.defect.detail, track.defect.time, track.defect.received) == (detail, bad.time, 2)
    assert (track.latest, track.sound, track.renewed) == (bad, first, 1)
    assert (track.low, track.high) == (Decimal(100), Decimal(100))
    assert followed(first, bad, quote(3)).defect == track.defect
    assert followed(bad).renewed is None


def test_locked_book_and_one_side_are_sound() -> None:
    """A bid equal to the ask happens; so does an empty side, and an update without any price, which renews nothing."""
    assert followed(quote(1, bid=Decimal(101))).defect is None
    assert followed(quote(1, bid=None)).high == 101
    assert followed(quote(1, ask=None)).high == 99
    assert followed(quote(1, last=Decimal(7))).high == 7
    empty = followed(quote(1, bid=None, ask=None))
    assert (empty.defect, empty.renewed, empty.low) == (None, None, None)


@pytest.mark.parametrize(("number", "rises"), [(8, True), (7, False), (6, False), (None, True)])
def test_number_that_does_not_rise_is_a_defect(number: int | None, rises: bool) -> None:  # noqa: FBT001 - a table
    """Another update under the same or a lower number was repeated or came out of order."""
    track = followed(quote(1, sequence=7), quote(2, sequence=number, bid=Decimal(98)))

    assert (track.defect is None) == rises
    if not rises:
        assert track.defect
        assert track.defect.detail == f"sequence number {number} came after 7"
    assert track.renewed == 2


def test_source_that_counts_anew_is_a_defect_once() -> None:
    """After a restart of the source the new numbers are those that must rise."""
    updates = [quote(1, sequence=900), quote(2, sequence=1, bid=Decimal(98)), quote(3, sequence=2)]
    track = followed(*updates)

    assert track.defect is not None
    assert track.defect.received == 2


@pytest.mark.parametrize("numbers", [{}, {"sequence": 5}])
def test_repetition_renews_nothing_and_is_no_defect(numbers: dict[str, int]) -> None:
    """A frozen source and a report sent again tell the same; they are the latest, and news they are not."""
    again = replace(quote(1, **numbers), received=2.0)
    track = followed(quote(1, **numbers), again)

    assert track.latest is again
    assert (track.renewed, track.defect, track.setback) == (1, None, None)


def test_same_price_at_another_time_or_under_another_number_is_news() -> None:
    """A calm market is not a frozen one; the same number stays a repetition whatever the time."""
    assert followed(quote(1), quote(2)).renewed == 2
    assert followed(quote(1, sequence=1), quote(1, sequence=2, received=2.0)).renewed == 2
    assert followed(quote(1, sequence=1), quote(1, received=2.0)).renewed == 2
    assert followed(quote(1, sequence=1), quote(2, sequence=1)).renewed == 1


def test_longest_setback_of_a_minute_is_kept() -> None:
    """A small one right after does not hide it; a minute later it does."""
    back = [quote(100), quote(90, received=101.0), quote(89, received=102.0)]
    track = followed(*back)

    assert track.setback is not None
    assert (track.setback.by, track.setback.received) == (timedelta(seconds=10), 101)
    later = follow(track, quote(88, received=161.5))
    assert later.setback is not None
    assert (later.setback.by, later.setback.received) == (timedelta(seconds=1), 161.5)
    assert followed(quote(1), quote(1, bid=Decimal(98))).setback is None


def test_prices_reach_back_a_minute() -> None:
    """The range forgets what is older, and remembers what came within one second as one."""
    track = followed(*(quote(s, last=Decimal(s + 1)) for s in range(62)))

    assert (track.low, track.high, len(track.prices)) == (Decimal(2), Decimal(62), 61)
    assert len(followed(*(quote(n / 1000, last=Decimal(n + 1)) for n in range(1000))).prices) == 1


PRICES = st.none() | st.sampled_from([Decimal(p) for p in ("NaN", "sNaN", "Infinity", "-1", "0", "50", "99", "200")])
UPDATES = st.builds(
    lambda bid, ask, last, number, corrupt, time: quote(
        time, bid=bid, ask=ask, last=last, sequence=number, corrupt=corrupt
    ),
    PRICES,
    PRICES,
    PRICES,
    st.none() | st.integers(0, 5),
    st.booleans(),
    st.integers(0, 5),
)


@given(st.lists(UPDATES, min_size=1, max_size=30))
def test_nonsense_never_enters_a_range_and_memory_is_bounded(updates: list[FeedUpdate]) -> None:
    """Whatever comes, in any order: prices are finite and positive, and a wrong update leaves a defect."""
    track = followed(*(replace(u, received=float(n)) for n, u in enumerate(updates)))
    prices = [p for r in track.prices for p in (r.low, r.high)]

    assert all(p.is_finite() and p > 0 for p in prices)
    assert (track.low, track.high) == ((min(prices), max(prices)) if prices else (None, None))
    if any(u.corrupt for u in updates):
        assert track.defect is not None


def ranges(*prices: tuple[float, str]) -> FeedTrack:
    """The track of prices, each a number of seconds after the start."""
    return followed(*(quote(second, bid=None, ask=None, last=Decimal(price)) for second, price in prices))


def test_shorter_setback_neither_hides_the_longest_nor_is_hidden() -> None:
    """Both are there to be judged: each is a reading of its own."""
    track = followed(*(quote(float(n), time=START - timedelta(seconds=back)) for n, back in enumerate((0, 10, 5, 12))))

    assert track.setback is not None
    assert track.last_setback is not None
    assert (track.setback.by, track.last_setback.by) == (timedelta(seconds=10), timedelta(seconds=7))


OLD = tuple((n * 0.2, "100") for n in range(5))
"""A second in which nothing happens."""


@pytest.mark.parametrize(
    ("prices", "second"),
    [
        ((*OLD, (2, "50")), 2),
        ((*OLD, (2, "50"), (2.1, "100"), (3.5, "100"), (9, "101")), 2),
        ((*OLD, (2, "50"), (2.1, "51"), (3.5, "49"), (9, "60")), 9),
        ((*OLD, (2, "200"), (3.5, "100"), (9, "100")), 2),
        ((*OLD, (2, "200"), (3.5, "210"), (9, "190")), 9),
        (((0, "100"), (0.1, "50"), (0.2, "100"), (5, "100")), 0.1),
        (((0, "100"), (0.1, "50"), (0.2, "51"), (5, "50")), 5),
        (((0, "50"), (0.1, "100"), (0.2, "50"), (5, "51")), 0.1),
        (((0, "69"), (2, "50"), (4, "95"), (9, "95")), 9),
    ],
)
def test_jump_is_as_old_as_the_last_price_at_its_end(prices: tuple[tuple[float, str], ...], second: float) -> None:
    """A single wrong price shows a jump once, however often the old level is seen after it; a new level goes on."""
    track = ranges(*prices)

    assert jump_time(track.prices, track.prices, Decimal(40)) == START + timedelta(seconds=second)


def test_jump_is_known_by_what_was_before_its_window() -> None:
    """When the old level has left the window, a wrong price in it is still the wrong one."""
    track = ranges(*OLD, (2, "50"), *((2.2 + n, "100") for n in range(12)))
    within = [p for p in track.prices if p.last >= 2]

    assert within[0].low == 50
    assert jump_time(track.prices, within, Decimal(40)) == START + timedelta(seconds=2)
