"""Baselines: one series of readings and flows, whatever the order in which they arrive."""

from datetime import timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.baselines import BaselineLedger, daily_loss_percent, drawdown_percent
from ess_server.core.equity_series import Entry
from ess_server.core.readings import Baseline
from tests.core.baselines.entries import BERLIN, LATER, START, flow, ledger_of, reading
from tests.exploration import explored

ZONES = st.sampled_from([ZoneInfo(z) for z in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")])


def expected(entries: list[Entry], zone: tzinfo) -> Baseline | None:
    """The model written down without folding: every reading moved by the flows between it and the last reading."""
    readings = sorted({e for e in entries if e.is_reading})
    if not readings:
        return None
    last = readings[-1]

    def moved(entry: Entry) -> Decimal:
        return entry.amount + sum(f.amount for f in entries if not f.is_reading and entry.time < f.time <= last.time)

    today = last.time.astimezone(zone).date()
    of_today = [r for r in readings if r.time.astimezone(zone).date() == today]
    agreed = {two: min(moved(one), moved(two)) for one, two in pairwise(readings)}
    second = next((r for r in of_today if r.time > of_today[0].time), None)
    opened = agreed.get(of_today[0], moved(of_today[0]))
    return Baseline(
        high_water_mark=max([moved(readings[0]), *agreed.values()]),
        day=today,
        day_open=max(opened, agreed[second]) if second else opened,
    )


SECONDS = st.integers(0, 14 * 60).map(lambda s: START + timedelta(seconds=s))
READINGS = st.builds(lambda t, a: Entry(t, True, Decimal(a)), SECONDS, st.integers(1000, 2000))
FLOWS = st.builds(lambda t, a: (t, Decimal(a)), SECONDS, st.integers(-90, 90))


@st.composite
def series(draw: st.DrawFn) -> list[Entry]:
    """Up to twenty entries within one window, flows with ids of their own, in any order."""
    flows = draw(st.lists(FLOWS, max_size=8))
    numbered = [Entry(t, False, a, f"flow-{i}") for i, (t, a) in enumerate(flows)]
    return draw(st.permutations(draw(st.lists(READINGS, max_size=12)) + numbered))


@explored(300)
@given(series(), ZONES)
def test_arrival_in_any_order_gives_the_baseline_of_the_series(entries: list[Entry], zone: ZoneInfo) -> None:
    """Within the window the baseline depends on the times alone, over a midnight and with flows at any place."""
    assert expected(entries, zone) == ledger_of(*entries, zone=zone).baseline


@explored(200)
@given(series(), st.integers(0, 2**20 - 1))
def test_baseline_is_the_same_however_often_it_is_read(entries: list[Entry], read: int) -> None:
    """What is folded late is folded right: read after any of the entries, it is that of the entries so far."""
    ledger = BaselineLedger(BERLIN)
    for number, entry in enumerate(entries):
        ledger.add(entry, LATER)
        if read >> number & 1:
            assert expected(entries[: number + 1], BERLIN) == ledger.baseline
    assert expected(entries, BERLIN) == ledger.baseline


@given(series(), st.integers(0, 5))
def test_readings_that_come_twice_change_nothing(entries: list[Entry], seed: int) -> None:
    """A reading delivered again, in whatever order, leaves the baseline as it was."""
    again = [*entries, *(e for e in entries if e.is_reading)]
    Random(seed).shuffle(again)

    assert expected(entries, BERLIN) == ledger_of(*again, zone=BERLIN).baseline


@explored(200)
@given(st.lists(st.tuples(st.integers(0, 4000), st.booleans(), st.integers(1, 100)), max_size=60), st.data())
def test_restart_anywhere_in_a_long_series_continues_as_if_there_had_been_none(
    steps: list[tuple[int, bool, int]], data: st.DataObject
) -> None:
    """An image taken after any entry restores a ledger that goes on alike, evictions and late entries included."""
    window, capacity, now = timedelta(seconds=500), 5, LATER
    entries = [reading(s, 1000 + a) if r else flow(s, a - 50, f"{n}") for n, (s, r, a) in enumerate(steps)]
    cut = data.draw(st.integers(0, len(entries)))
    whole = BaselineLedger(BERLIN, window=window, capacity=capacity)
    restarted = BaselineLedger(BERLIN, window=window, capacity=capacity)
    for number, entry in enumerate(entries):
        if number == cut:
            restarted = BaselineLedger.restore(restarted.image(), BERLIN, window=window, capacity=capacity)
        whole.add(entry, now)
        restarted.add(entry, now)

        assert whole.image() == restarted.image()
        assert len(whole.image().entries) <= capacity


@explored(200)
@given(
    st.lists(st.tuples(st.integers(0, 100_000), st.integers(1000, 2000)), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 100_000), st.integers(-15, 15)), max_size=20),
    ZONES,
)
def test_a_long_series_in_order_never_forgets(
    readings: list[tuple[int, int]], flows: list[tuple[int, int]], zone: ZoneInfo
) -> None:
    """What left the window long ago still counts, over more than a day and with flows."""
    entries = [reading(s, a) for s, a in readings]
    entries += [flow(s, a, f"{n}") for n, (s, a) in enumerate(flows)]

    assert expected(entries, zone) == ledger_of(*sorted(entries), zone=zone).baseline


@explored(200)
@given(st.lists(st.integers(0, 40_000), min_size=3, max_size=20, unique=True), st.data(), st.integers(1, 10**6), ZONES)
def test_one_wrong_reading_makes_no_loss_once_the_next_is_in(
    seconds: list[int], data: st.DataObject, wrong: int, zone: ZoneInfo
) -> None:
    """In a series of 1000, over a midnight too, one other value after the first shows no loss but its own."""
    place = data.draw(st.integers(1, len(seconds) - 1))
    ledger = BaselineLedger(zone)
    for number, second in enumerate(sorted(seconds)):
        amount = Decimal(wrong if number == place else 1000)
        ledger.add(reading(second, str(amount)), LATER)
        baseline = ledger.baseline
        assert baseline is not None
        if number != place:
            assert drawdown_percent(baseline, amount) == daily_loss_percent(baseline, amount) == 0
