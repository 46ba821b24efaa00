"""Baselines: one series of readings and flows, whatever the order in which they arrive."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core import baselines
from ess_server.core.baselines import (
    CAPACITY,
    WINDOW,
    BaselineLedger,
    daily_loss_percent,
    drawdown_percent,
)
from ess_server.core.equity_series import Entry, Fold, step
from ess_server.core.readings import Baseline
from tests.exploration import explored

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([ZoneInfo(z) for z in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")])
# Seven minutes before midnight in Berlin: fourteen minutes from here lie on two days.
START = datetime(2026, 3, 27, 22, 53, tzinfo=UTC)
LATER = START + timedelta(days=400)


def reading(second: float, amount: str | int) -> Entry:
    """A reading some seconds after the start."""
    return Entry(START + timedelta(seconds=second), True, Decimal(amount))


def flow(second: float, amount: str | int, ident: str = "f") -> Entry:
    """A cash flow some seconds after the start."""
    return Entry(START + timedelta(seconds=second), False, Decimal(amount), ident)


def ledger_of(*entries: Entry, zone: tzinfo = UTC, now: datetime = LATER) -> BaselineLedger:
    """A ledger that took these entries in this order."""
    ledger = BaselineLedger(zone)
    for entry in entries:
        ledger.add(entry, now)
    return ledger


def marks(ledger: BaselineLedger) -> tuple[Decimal, Decimal]:
    """High-water mark and opening equity."""
    baseline = ledger.baseline
    assert baseline is not None
    return baseline.high_water_mark, baseline.day_open


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


def test_loss_is_understated_by_one_move_at_most() -> None:
    """The mark is one reading behind the highest; the opening is that of the day unless both neighbours are lower."""
    rising = ledger_of(reading(0, 1000), reading(1, 1010), reading(2, 1020), reading(3, 900))
    midnight = 24 * 3600
    gap = ledger_of(reading(0, 1000), reading(midnight, 1100), reading(midnight + 1, 1090))
    late = ledger_of(reading(0, 1000), reading(midnight, 900), reading(midnight + 1, 1000))

    assert marks(rising) == (Decimal(1010), Decimal(1000))
    assert marks(gap) == (Decimal(1090), Decimal(1090))
    assert marks(late) == (Decimal(1000), Decimal(900))


def test_deposit_that_arrives_after_the_reading_that_contains_it_leaves_no_phantom_mark() -> None:
    """The deposit is put before the reading: the mark is what was there, not that plus the deposit again."""
    ledger = ledger_of(reading(0, 1000), reading(60, 1500), flow(30, 500))

    assert (Decimal(1500), Decimal(1500)) == marks(ledger)


def test_deposit_that_arrives_before_the_reading_that_contains_it_is_no_drawdown() -> None:
    """Until a reading is from after the deposit, the marks stay beside the equity that they belong to."""
    ledger = ledger_of(reading(0, 1000), flow(30, 500))
    before = marks(ledger)
    ledger.add(reading(60, 1480), LATER)

    assert (Decimal(1000), Decimal(1000)) == before
    assert (Decimal(1500), Decimal(1500)) == marks(ledger)


def test_flow_before_the_first_reading_is_part_of_it() -> None:
    """The first reading contains every earlier flow, in either order of arrival."""
    assert (Decimal(1000), Decimal(1000)) == marks(ledger_of(flow(0, 500), reading(30, 1000)))
    assert (Decimal(1000), Decimal(1000)) == marks(ledger_of(reading(30, 1000), flow(0, 500)))


def test_withdrawal_lowers_both_marks_by_its_amount() -> None:
    """The loss in money stays what it was: 100 below the mark before and after."""
    ledger = ledger_of(reading(0, 1000), reading(10, 900), flow(20, -400), reading(30, 500))

    assert (Decimal(600), Decimal(600)) == marks(ledger)


def test_withdrawal_of_the_whole_opening_or_more_opens_the_day_anew() -> None:
    """Nothing is left to measure from, so the next reading opens the day; no mark is ever zero or below."""
    exactly = ledger_of(reading(0, 1000), flow(10, -1000), reading(20, 50))
    ledger = ledger_of(
        reading(0, 100), reading(10, 1000), flow(20, -900), reading(30, 50), flow(40, -2000), reading(50, 7)
    )

    assert marks(exactly) == (Decimal(50), Decimal(50))
    assert marks(ledger) == (Decimal(7), Decimal(7))


def test_day_opens_at_local_midnight_on_days_of_23_and_25_hours() -> None:
    """The day boundary is the zone's own, through both daylight-saving changes of Berlin in 2026."""
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
        second = timedelta(seconds=1)
        ledger = BaselineLedger(BERLIN)
        opens = []
        for time, amount in (
            (midnight - second, 40),
            (midnight, 30),
            (midnight + timedelta(hours=hours) - second, 20),
            (midnight + timedelta(hours=hours), 10),
        ):
            ledger.add(Entry(time, True, Decimal(amount)), LATER)
            opens.append(marks(ledger)[1])

        assert [Decimal(40), Decimal(30), Decimal(30), Decimal(10)] == opens


def test_date_that_comes_twice_opens_once() -> None:
    """Where clocks go back over midnight, the opening stays that of the first time the date was reached."""
    newfoundland = ZoneInfo("America/St_Johns")  # until 2011 at 00:01, back to 23:01 of the day before
    midnight = datetime(2010, 11, 7, tzinfo=newfoundland).astimezone(UTC)
    ledger = BaselineLedger(newfoundland)
    for minute, amount in ((-1, 10), (0, 20), (30, 30), (60, 40), (62, 50)):
        ledger.add(Entry(midnight + timedelta(minutes=minute), True, Decimal(amount)), LATER)

    assert ledger.baseline == Baseline(high_water_mark=Decimal(40), day=date(2010, 11, 7), day_open=Decimal(20))


def beyond(ledger: BaselineLedger) -> BaselineLedger:
    """The ledger after an hour of flat readings, so that its start lies beyond the window."""
    last = int(marks(ledger)[0]) - 100
    for second in range(120, 3600, 60):
        ledger.add(reading(second, last), LATER)
    return ledger


@pytest.mark.parametrize(
    ("second", "high_water_mark", "day_open"),
    [
        (-1, 1100, 1000),
        (0, 1100, 1000),
        (5, 1100, 1500),
        (10, 1100, 1500),
        (15, 1100, 1500),
        (25, 1600, 1500),
        (70, 1600, 1500),
    ],
    ids=[
        "before all",
        "at the opening",
        "after it",
        "at the mark",
        "before it was confirmed",
        "after that",
        "after all",
    ],
)
def test_deposit_later_than_the_window_moves_only_what_was_read_before_it(
    second: int, high_water_mark: int, day_open: int
) -> None:
    """Opened at 0 s with 1000 and highest at 10 s with 1100: a deposit of 500 moves the marks it comes after."""
    entries = [reading(0, 1000), reading(10, 1100), reading(20, 1100), reading(60, 1000)]
    ledger = beyond(ledger_of(*entries))
    ledger.add(flow(second, 500), LATER)

    assert (Decimal(high_water_mark), Decimal(day_open)) == marks(ledger)


def test_reading_later_than_the_window_moves_nothing() -> None:
    """Which flows it would contain is no longer known."""
    ledger = beyond(ledger_of(reading(0, 1000), reading(10, 1100)))
    before = ledger.image()
    ledger.add(reading(20, 9999), LATER)

    assert before == ledger.image()


@pytest.mark.parametrize(("amount", "high_water_mark"), [(-900, 1000), (-1100, 1100), (-5000, 1100)])
def test_flow_later_than_the_window_that_would_leave_nothing_moves_nothing(amount: int, high_water_mark: int) -> None:
    """No mark is brought to zero or below by a flow that cannot be put in its place; one that stays above moves."""
    ledger = beyond(ledger_of(reading(0, 900), reading(10, 1100), reading(11, 1100)))
    ledger.add(flow(20, amount), LATER)

    assert marks(ledger) == (Decimal(high_water_mark), Decimal(900))


def test_flow_at_the_very_time_of_a_reading_is_part_of_it_however_late() -> None:
    """In the window or beyond it, a reading contains what happened up to its own time."""
    ledger = BaselineLedger(UTC, capacity=1)
    for entry in (reading(0, 1000), reading(10, 1070), flow(0, 500, "beyond"), flow(10, 70, "within")):
        ledger.add(entry, LATER)
    ledger.add(reading(20, 900), LATER)

    assert marks(ledger) == (Decimal(1070), Decimal(1070))


def test_what_arrives_in_the_instant_of_the_last_reading_is_still_put_in_its_place() -> None:
    """A clock that stands still has not gone back."""
    ledger = BaselineLedger(UTC)
    for entry in (reading(0, 1000), reading(60, 1500), flow(30, 500), reading(40, 1600)):
        ledger.add(entry, START + timedelta(seconds=60))

    assert marks(ledger) == (Decimal(1500), Decimal(1500))


def test_flow_later_than_the_window_and_before_any_reading_is_part_of_the_first() -> None:
    """Flows alone fill the window; one from before them has no mark to move."""
    ledger = BaselineLedger(UTC, capacity=1)
    for entry in (flow(10, 1, "a"), flow(20, 1, "b"), flow(5, 500, "c"), reading(30, 1000)):
        ledger.add(entry, LATER)

    assert (Decimal(1000), Decimal(1000)) == marks(ledger)


def test_flow_after_the_last_reading_that_left_the_window_still_waits_for_a_reading() -> None:
    """Pushed out of the window by other flows, it takes effect with the next reading all the same."""
    ledger = BaselineLedger(UTC, capacity=1)
    for entry in (reading(0, 1000), flow(10, 1, "a"), flow(20, 2, "b"), flow(30, 4, "c"), flow(5, 500, "d")):
        ledger.add(entry, LATER)
    before = marks(ledger)
    ledger.add(reading(40, 100), LATER)

    assert (Decimal(1000), Decimal(1000)) == before
    assert (Decimal(1507), Decimal(1507)) == marks(ledger)


def test_window_is_bounded_in_entries_and_time() -> None:
    """However much comes, no more than the capacity is kept, and nothing older than the window."""
    crowded = BaselineLedger(UTC)
    for number in range(3 * CAPACITY):
        crowded.add(reading(number / 100, 1000), LATER)
    sparse = BaselineLedger(UTC)
    for number in range(100):
        sparse.add(reading(number * 60, 1000), LATER)
    kept = sparse.image().entries

    assert len(crowded.image().entries) == CAPACITY
    assert kept[-1].time - kept[0].time == WINDOW


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Every entry that is folded from now on."""
    folded: list[Entry] = []

    def counting(fold: Fold | None, entry: Entry, today: date) -> Fold | None:
        folded.append(entry)
        return step(fold, entry, today)

    monkeypatch.setattr(baselines, "step", counting)
    return folded


def test_entry_that_changes_nothing_after_it_costs_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full window is not folded again for a reading in order, nor for a late one that changes nothing after it."""
    folded, costs = counted(monkeypatch), []
    ledger = BaselineLedger(UTC)
    for number in range(CAPACITY):
        ledger.add(reading(number / 10, 1000), LATER)
        marks(ledger)
    costs.append(len(folded))
    for late in (
        reading(CAPACITY / 10, 1000),
        reading(CAPACITY / 20 + 0.01, 1000),
        reading(CAPACITY / 20 + 0.01, 1000),
        flow(CAPACITY / 20 + 0.02, 1),
    ):
        before = len(folded)
        ledger.add(late, LATER)
        marks(ledger)
        costs.append(len(folded) - before)

    assert costs[:2] == [CAPACITY, 1]
    assert costs[2] <= 3
    assert costs[3] == 0
    assert costs[4] > CAPACITY / 2 - 5


def test_late_entries_are_folded_once_however_many_come_before_the_next_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand flows from within the window or from beyond it cost what one does."""
    ledger = BaselineLedger(UTC)
    for number in range(CAPACITY):
        ledger.add(reading(number / 2, 1_000_000), LATER)
    marks(ledger)
    folded = counted(monkeypatch)
    for number in range(1000):
        ledger.add(flow(-5000 + number, -1, f"beyond-{number}"), LATER)
    marks(ledger)
    beyond_window = len(folded)
    for number in range(1000):
        ledger.add(flow(CAPACITY / 2 - 4 - number / 1000, -1, f"within-{number}"), LATER)
    marks(ledger)

    assert beyond_window <= CAPACITY
    assert len(folded) - beyond_window <= 2 * CAPACITY


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")])
def test_entry_of_the_year_one_leaves_the_ledger_as_it_was(zone: tzinfo) -> None:
    """A zero time is refused; baseline and image stay, and what comes then counts."""
    ledger = ledger_of(reading(0, 1000), reading(10, 900), zone=zone)
    image = ledger.image()
    with pytest.raises(OverflowError):
        ledger.add(Entry(datetime(1, 1, 1, tzinfo=UTC), True, Decimal(880)), LATER)
    after = ledger.image()
    ledger.add(reading(20, 700), LATER)

    assert after == image
    assert marks(ledger) == (Decimal(1000), Decimal(1000))


def test_entry_from_the_future_counts_as_of_now() -> None:
    """A source whose clock is years ahead cannot shut out what comes after it."""
    now = START + timedelta(seconds=100)
    ledger = ledger_of(reading(0, 1000), reading(10**9, 1100), now=now)
    ledger.add(reading(101, 1200), now + timedelta(seconds=1))

    assert ledger.baseline == Baseline(high_water_mark=Decimal(1100), day=date(2026, 3, 27), day_open=Decimal(1000))


def test_clock_that_went_back_keeps_the_marks_and_takes_what_comes() -> None:
    """After an hour in 2027 by mistake the mark stands, the day is today's, and new readings and flows count."""
    wrong = START + timedelta(days=300)
    before = wrong - timedelta(seconds=1)
    ledger = ledger_of(
        reading(0, 1000), Entry(before, True, Decimal(1100)), Entry(wrong, True, Decimal(1100)), now=wrong
    )
    now = START + timedelta(seconds=60)
    for entry in (reading(59, 9999), flow(60, 20), reading(60, 920), flow(61, 30), reading(62, 950)):
        ledger.add(entry, max(now, entry.time))
    after = ledger.baseline
    ledger.add(Entry(now + timedelta(days=1), True, Decimal(800)), LATER)

    assert after == Baseline(high_water_mark=Decimal(1150), day=date(2026, 3, 27), day_open=Decimal(1150))
    assert ledger.baseline == Baseline(high_water_mark=Decimal(1150), day=date(2026, 3, 28), day_open=Decimal(800))


def test_clock_that_went_back_before_any_reading_loses_no_flow() -> None:
    """With flows alone known there is nothing to keep; the first reading opens."""
    ledger = ledger_of(flow(1000, 500), now=START + timedelta(seconds=1000))
    ledger.add(reading(10, 1000), START + timedelta(seconds=10))

    assert (Decimal(1000), Decimal(1000)) == marks(ledger)


def test_rebaseline_measures_from_the_latest_reading_and_the_flows_since() -> None:
    """Old highs are gone, a flow after the latest reading is not, and one from before it moves nothing."""
    ledger = ledger_of(reading(0, 2000), reading(10, 1000), flow(20, 500))
    ledger.rebaseline()
    anew = marks(ledger)
    ledger.add(flow(5, 70, "late"), LATER)
    ledger.add(flow(15, 7, "since"), LATER)
    ledger.add(reading(30, 1400), LATER)

    assert (Decimal(1000), Decimal(1000)) == anew
    assert (Decimal(1507), Decimal(1507)) == marks(ledger)


def test_rebaseline_before_any_reading_does_nothing() -> None:
    """There is no baseline to start anew, and none appears."""
    ledger = ledger_of(flow(0, 500))
    ledger.rebaseline()

    assert ledger.baseline is None


def test_unsaved_entries_are_bounded_and_then_everything_is_unsaved() -> None:
    """A writer that never comes costs a bounded memory, and when it comes it gets all that counts."""
    ledger = BaselineLedger(UTC, capacity=10)
    for number in range(5):
        ledger.add(reading(number, 1000), LATER)
    few = ledger.take_unsaved()
    nothing = ledger.take_unsaved()
    for number in range(5, 40):
        ledger.add(reading(number, 1000), LATER)
    many = ledger.take_unsaved()
    ledger.mark_unsaved()

    assert (len(few[0].entries), few[1]) == (5, False)
    assert (len(nothing[0].entries), nothing[1]) == (0, False)
    assert (ledger.image(), True) == many
    assert (ledger.image(), True) == ledger.take_unsaved()


def test_marks_that_were_changed_as_a_whole_replace_what_was_saved() -> None:
    """After a rebaseline, and after the clock went back, entries that were saved no longer hold."""
    anew, back = ledger_of(reading(0, 1000), reading(10, 900)), ledger_of(reading(0, 1000), reading(10, 900))
    for ledger in (anew, back):
        ledger.take_unsaved()
    anew.rebaseline()
    back.add(reading(5, 900), START + timedelta(seconds=5))

    assert anew.take_unsaved() == (anew.image(), True)
    assert back.take_unsaved() == (back.image(), True)


def test_restore_passes_over_entries_that_the_anchor_covers() -> None:
    """Rows that a writer left behind are not folded twice."""
    window = timedelta(seconds=2)
    ledger = BaselineLedger(UTC, window=window)
    for entry in (reading(0, 1000), flow(1, 500), reading(2, 1500), flow(3, 10, "g"), reading(4, 1500)):
        ledger.add(entry, LATER)
    image, _ = ledger.take_unsaved()
    restored = BaselineLedger.restore(image, UTC, window=window)

    assert len(image.entries) == 5
    assert len(ledger.image().entries) == 3
    assert restored.image() == ledger.image()


@given(st.decimals("0.01", "1e9", places=2), st.decimals("0.01", "1e9", places=2))
def test_loss_in_percent_is_never_negative_and_below_a_hundred(mark: Decimal, equity: Decimal) -> None:
    """No gain shows as a negative loss, and while equity is above zero a loss is below 100 %."""
    baseline = Baseline(high_water_mark=mark, day=date(2026, 1, 1), day_open=mark)
    loss = drawdown_percent(baseline, equity)

    assert loss == daily_loss_percent(baseline, equity)
    assert 0 <= loss < 100
    assert (loss == 0) == (equity >= mark)


def test_loss_in_percent_is_measured_from_its_own_mark() -> None:
    """Drawdown is measured from the high-water mark, the daily loss from the opening."""
    baseline = Baseline(high_water_mark=Decimal(2000), day=date(2026, 1, 1), day_open=Decimal(1000))

    assert Decimal(55) == drawdown_percent(baseline, Decimal(900))
    assert Decimal(10) == daily_loss_percent(baseline, Decimal(900))
