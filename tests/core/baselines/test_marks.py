"""Baselines: what moves the high-water mark and the opening of the day, and the loss from them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.baselines import BaselineLedger, daily_loss_percent, drawdown_percent
from ess_server.core.equity_series import Entry
from ess_server.core.readings import Baseline
from tests.core.baselines.entries import BERLIN, LATER, flow, ledger_of, marks, reading


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
