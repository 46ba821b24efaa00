"""Readings and flows of a series that starts shortly before midnight in Berlin, and a ledger that took them."""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from ess_server.core.baselines import BaselineLedger
from ess_server.core.equity_series import Entry

BERLIN = ZoneInfo("Europe/Berlin")
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
