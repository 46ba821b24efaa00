"""One series of readings and cash flows, folded entry by entry; what the rules mean is told in ``baselines``."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from ess_server.core.readings import Baseline

_ZERO = Decimal(0)


class Entry(NamedTuple):
    """A reading or a flow in the series; entries compare in the order in which they are folded.

    ``time`` is aware UTC, ``amount`` finite and for a reading above zero. ``id`` is that of a flow; of a reading it is
    empty, or what its owner remembers it by.
    """

    time: datetime
    is_reading: bool
    amount: Decimal
    id: str = ""


class Fold(NamedTuple):
    """The series up to some entry, in one value: the last reading, its baseline, and flows since that reading."""

    time: datetime
    amount: Decimal
    high_water_mark: Decimal
    high_water_time: datetime
    day: date
    day_open: Decimal
    open_time: datetime
    pending: Decimal

    @property
    def baseline(self) -> Baseline:
        """The baseline as of the last reading."""
        return Baseline(high_water_mark=self.high_water_mark, day=self.day, day_open=self.day_open)


def step(fold: Fold | None, entry: Entry, today: date) -> Fold | None:
    """Fold one more entry, the next in order, which is of ``today``.

    None until the first reading, which contains every flow before it.
    """
    time, is_reading, amount, _ = entry
    if fold is None:
        return Fold(time, amount, amount, time, today, amount, time, _ZERO) if is_reading else None
    if not is_reading:
        return fold._replace(pending=fold.pending + amount)
    pending = fold.pending
    before = fold.amount + pending
    # A withdrawal of all that was read leaves nothing to confirm with.
    agreed, agreed_time = (before, fold.time) if 0 < before < amount else (amount, time)
    mark, mark_time = fold.high_water_mark, fold.high_water_time
    day, day_open, open_time = fold.day, fold.day_open, fold.open_time
    if pending:
        mark, day_open = mark + pending, day_open + pending
    if agreed > mark:
        mark, mark_time = agreed, agreed_time
    # A withdrawal of more than the opening leaves nothing to measure from.
    if today > day or day_open <= 0:
        day, day_open, open_time = max(day, today), agreed, time
    elif open_time == fold.time < time:
        day_open = max(day_open, agreed)
    return Fold(time, amount, mark, mark_time, day, day_open, open_time, _ZERO)


def shift(fold: Fold, flow: Entry) -> Fold:
    """Move by a flow too late for its place: only what was read before it does not contain it yet.

    A mark that this would bring to zero or below is left as it is.
    """
    if flow.time > fold.time:
        return fold._replace(pending=fold.pending + flow.amount)
    mark, day_open = fold.high_water_mark, fold.day_open
    if flow.time > fold.high_water_time and mark + flow.amount > 0:
        mark += flow.amount
    if flow.time > fold.open_time and day_open + flow.amount > 0:
        day_open += flow.amount
    return fold._replace(high_water_mark=mark, day_open=day_open)
