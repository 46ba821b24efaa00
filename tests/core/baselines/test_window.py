"""Baselines: what comes later than the window, and what the window costs."""

from datetime import UTC, date
from decimal import Decimal

import pytest

from ess_server.core import baselines
from ess_server.core.baselines import CAPACITY, WINDOW, BaselineLedger
from ess_server.core.equity_series import Entry, Fold, step
from tests.core.baselines.entries import LATER, flow, ledger_of, marks, reading


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
