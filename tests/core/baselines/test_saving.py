"""Baselines: what is given to be saved, and what is made of it at a start."""

from datetime import UTC, timedelta

from ess_server.core.baselines import BaselineLedger
from tests.core.baselines.entries import LATER, START, flow, ledger_of, reading


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
