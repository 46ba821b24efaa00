"""What proves an account flat."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.flatten_verify import CleanRead, Verification, denial, witnessed
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SETTINGS = FlattenSettings()
EMPTY = VenueSnapshot(time=NOW)
HOLDING = VenueSnapshot(
    time=NOW, positions=(Position(symbol="BTC/USDT:USDT", long=True, quantity=Decimal(1), hedged=False),)
)
RESTING = VenueSnapshot(
    time=NOW, orders=(OpenOrder(id="1", symbol="BTC/USDT:USDT", conditional=False, reduce_only=True),)
)


def read(began: float) -> CleanRead:
    """Return a clean read of 50 ms."""
    return CleanRead(began=began, ended=began + 0.05, time=NOW)


def test_two_reads_a_gap_apart_then_the_quiet_window_then_one_more() -> None:
    """Each read says when the next is wanted; the last begins a whole window after the second ended."""
    verification = Verification()
    waits = [verification.take(read(at), SETTINGS) for at in (10, 10.25, 10.375, 13.25, 13.5)]

    seconds = [None if wait is None else round(wait.total_seconds(), 3) for wait in waits]
    assert seconds == [0.3, 0.1, 3, 0.175, None]
    assert (verification.first, verification.second) == (read(10), read(10.375))


def test_a_long_window_is_looked_into() -> None:
    """What appears in it is not left to itself until its end."""
    settings = replace(SETTINGS, quiet_window=timedelta(seconds=60))
    verification = Verification()
    waits = [verification.take(read(at), settings) for at in (0, 1, 3.25, 57.5, 61.25)]

    seconds = [None if wait is None else round(wait.total_seconds(), 3) for wait in waits]
    assert seconds == [0.3, 2, 2, 3.55, None]


@pytest.mark.parametrize(
    ("witness", "snapshot", "denied"),
    [
        (Witness(positions=True, evidence="margin 3"), EMPTY, "no position is listed"),
        (Witness(orders=True, evidence="margin 3"), EMPTY, "no order is listed"),
        (Witness(positions=True, orders=False), HOLDING, ""),
        (Witness(positions=False, orders=True), RESTING, ""),
        (Witness(positions=False, orders=False), EMPTY, ""),
        (Witness(), EMPTY, ""),
    ],
)
def test_a_witness_denies_only_what_is_not_shown(witness: Witness, snapshot: VenueSnapshot, denied: str) -> None:
    """Margin of what stays is no contradiction, and a witness that does not tell denies nothing."""
    assert denial(witness, snapshot).startswith(denied)
    assert bool(denial(witness, snapshot)) == bool(denied)
    assert not denied or witness.evidence in denial(witness, snapshot)


@pytest.mark.parametrize(
    ("witness", "snapshot", "worth"),
    [
        (Witness(positions=False, orders=False, evidence="margin 0"), EMPTY, "none of positions and orders: margin 0"),
        (Witness(positions=False, orders=False, evidence="margin 0"), HOLDING, "none of orders: margin 0"),
        (Witness(positions=False, evidence="margin 0"), RESTING, "none of positions: margin 0"),
        (Witness(), EMPTY, "none"),
    ],
)
def test_the_log_says_what_the_witness_was_worth(witness: Witness, snapshot: VenueSnapshot, worth: str) -> None:
    """Only what it could have denied is claimed."""
    assert witnessed(witness, snapshot) == worth
