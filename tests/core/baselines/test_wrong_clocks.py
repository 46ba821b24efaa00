"""Baselines: clocks that stand still, go back or are years off."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ess_server.core.baselines import BaselineLedger
from ess_server.core.equity_series import Entry
from ess_server.core.readings import Baseline
from tests.core.baselines.entries import LATER, START, flow, ledger_of, marks, reading


def test_what_arrives_in_the_instant_of_the_last_reading_is_still_put_in_its_place() -> None:
    """A clock that stands still has not gone back."""
    ledger = BaselineLedger(UTC)
    for entry in (reading(0, 1000), reading(60, 1500), flow(30, 500), reading(40, 1600)):
        ledger.add(entry, START + timedelta(seconds=60))

    assert marks(ledger) == (Decimal(1500), Decimal(1500))


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
