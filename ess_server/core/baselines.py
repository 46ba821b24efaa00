"""What losses are measured from: high-water mark and the day's opening equity, moved by deposits and withdrawals.

The model
    Readings of equity and cash flows form one series in the order of their times, whatever the order in which
    they arrive; at one instant a flow comes before a reading, so a reading contains every flow up to its own time.
    The high-water mark rises to what two readings in a row have both shown, the lower of the two, for a single one
    may be wrong. The first reading of a day, in the configured time zone, opens that day, at no more than the
    higher of the readings on either side of it; until the next one is in, at no more than the one before it. So a
    single reading that is too high raises neither, and a real loss is understated by one reading's move at most.
    The very first reading has none before it and is believed, so that no loss from it goes unseen.
    A flow adds its amount to the high-water mark and to the day's opening, so that the loss in
    money stays what it was. It takes effect with the first reading that contains it: a deposit of which the latest
    reading knows nothing yet is no drawdown.

    What arrives late is put in its place, within a window of recent entries (15 minutes and 1024 entries by
    default). Older than that, a reading moves nothing, and a flow moves only those marks that were set before it.
    An entry that comes in order is folded at once, in one step. Late ones are folded when the baseline is next read:
    however many came, what they change is folded again once. The same reading again is no second reading.

    Nothing is believed about the future: an entry from after ``now`` counts as of ``now``. When the clock itself
    has gone back, what was known is kept as of ``now`` and the window starts empty.

What is not usable (NaN, infinity, zero or less) never gets here: see ``EquityReading.usable``.
"""

from bisect import bisect, bisect_left
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from operator import itemgetter

from ess_server.core.equity_series import Entry, Fold, shift, step
from ess_server.core.readings import Baseline

WINDOW = timedelta(minutes=15)
"""How far back an entry may arrive late and still be put in its place."""
CAPACITY = 1024
"""Entries that the window holds at most."""

_ZERO = Decimal(0)
_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerImage:
    """Everything that a ledger has to remember: ``anchor`` covers all up to ``edge``, ``entries`` come after it."""

    anchor: Fold | None
    edge: Entry | None
    entries: tuple[Entry, ...]


class BaselineLedger:
    """The series of one account in one currency, folded as it comes in. Not thread-safe."""

    def __init__(self, zone: tzinfo, *, window: timedelta = WINDOW, capacity: int = CAPACITY) -> None:
        self._zone = zone
        self._window = window
        self._capacity = capacity
        self._anchor: Fold | None = None
        self._edge: Entry | None = None
        self._entries: list[Entry] = []
        self._days: list[date] = []
        self._folds: list[Fold | None] = []
        self._stale_from = 0
        self._stale_to = 0
        self._unsaved: list[Entry] = []
        self._rewrite = False
        self._known: Baseline | None = None

    @classmethod
    def restore(
        cls, image: LedgerImage, zone: tzinfo, *, window: timedelta = WINDOW, capacity: int = CAPACITY
    ) -> "BaselineLedger":
        """Continue from what ``image`` remembers; entries up to its edge, left over by a writer, are passed over."""
        ledger = cls(zone, window=window, capacity=capacity)
        ledger._anchor = image.anchor
        ledger._edge = image.edge
        for entry in sorted(image.entries):
            if image.edge is None or entry > image.edge:
                ledger._insert(entry, entry.time.astimezone(zone).date())
        return ledger

    @property
    def baseline(self) -> Baseline | None:
        """The baseline as of the latest reading; None before one."""
        fold = self._fold
        if fold is None:
            return None
        known = self._known
        # Most readings leave it as it was.
        if (
            known is None
            or known.high_water_mark is not fold.high_water_mark
            or known.day_open is not fold.day_open
            or known.day != fold.day
        ):
            known = self._known = fold.baseline
        return known

    def add(self, entry: Entry, now: datetime) -> None:
        """Put an entry in its place in the series.

        Raises OverflowError, and changes nothing, for a time at an end of the calendar: it has no date in the time
        zone, or no window before it.
        """
        if entry.time > now:
            entry = entry._replace(time=now)
        time = entry.time
        day, horizon = time.astimezone(self._zone).date(), time - self._window
        if self._entries and time > self._entries[-1].time:
            # Nearly every entry: it is later than all that is known, so that the clock has not gone back either.
            self._append(entry, day)
            self._evict(horizon)
            self._note_unsaved(entry)
            return
        self.follow_clock(now)
        if self._edge is not None and entry <= self._edge:
            self._add_beyond_window(entry)
        elif self._insert(entry, day):
            self._evict(self._entries[-1].time - self._window)
            self._note_unsaved(entry)

    def follow_clock(self, now: datetime) -> None:
        """When the clock has gone back, keep what was known as of ``now`` and start with an empty window."""
        last = self._last
        if last is not None and last.time > now:
            self._close_window(now)

    def rebaseline(self) -> None:
        """Measure from the latest reading, with the flows since; does nothing before one."""
        fold = self._fold
        if fold is None:
            return
        self._rewrite = True
        self._edge = self._last
        self._anchor = fold._replace(
            high_water_mark=fold.amount, high_water_time=fold.time, day_open=fold.amount, open_time=fold.time
        )
        self._forget(len(self._entries))

    def image(self) -> LedgerImage:
        """Return what a restored ledger needs to continue as this one would."""
        return self._image(tuple(self._entries))

    def take_unsaved(self) -> tuple[LedgerImage, bool]:
        """Return what is new since the last call, and whether it replaces all that was saved before."""
        image = self.image() if self._rewrite else self._image(tuple(self._unsaved))
        rewrite, self._rewrite, self._unsaved = self._rewrite, False, []
        return image, rewrite

    def mark_unsaved(self) -> None:
        """Let the next ``take_unsaved`` return everything: what was taken has not been saved."""
        self._rewrite = True

    @property
    def _fold(self) -> Fold | None:
        if self._stale_from < len(self._entries):
            self._refold(len(self._entries))
        return self._folds[-1] if self._folds else self._anchor

    @property
    def _last(self) -> Entry | None:
        return self._entries[-1] if self._entries else self._edge

    def _image(self, entries: tuple[Entry, ...]) -> LedgerImage:
        return LedgerImage(anchor=self._anchor, edge=self._edge, entries=entries)

    def _append(self, entry: Entry, day: date) -> None:
        """Put an entry behind the others, folded if they are."""
        if self._stale_from == len(self._entries):
            self._folds.append(step(self._folds[-1], entry, day))
            self._stale_from += 1
        else:
            self._folds.append(None)
            self._stale_to = len(self._folds)
        self._days.append(day)
        self._entries.append(entry)

    def _insert(self, entry: Entry, day: date) -> bool:
        """Put an entry in its place, to be folded later; False for a reading that is there already."""
        entries = self._entries
        if not entries or entry > entries[-1]:
            place = len(entries)
        else:
            place = bisect(entries, entry)
            if entry.is_reading and place and entries[place - 1] == entry:
                return False
        self._days.insert(place, day)
        entries.insert(place, entry)
        self._folds.insert(place, None)
        self._stale_to = max(self._stale_to + (place < self._stale_to), place + 1)
        self._stale_from = min(self._stale_from, place)
        return True

    def _refold(self, end: int) -> None:
        """Fold what is stale before ``end``; what lies between stale entries counts as stale."""
        place = self._stale_from
        while place < end:
            before = self._folds[place - 1] if place else self._anchor
            fold = step(before, self._entries[place], self._days[place])
            unchanged = fold == self._folds[place]
            self._folds[place] = fold
            place += 1
            if unchanged and place >= self._stale_to:
                place = len(self._entries)
        self._stale_from = max(self._stale_from, place)
        if place >= self._stale_to:
            self._stale_to = 0

    def _evict(self, horizon: datetime) -> None:
        """Drop what is older than ``horizon``, and what is too much."""
        entries = self._entries
        if entries[0].time >= horizon and len(entries) <= self._capacity:
            return
        # Of a steady source one at a time falls out of the window.
        old = 1 if entries[1].time >= horizon else bisect_left(entries, horizon, key=itemgetter(0))
        count = max(len(entries) - self._capacity, old)
        if self._stale_from < count:
            self._refold(count)
        self._edge, self._anchor = self._entries[count - 1], self._folds[count - 1]
        self._forget(count)

    def _forget(self, count: int) -> None:
        """Drop the oldest entries, which are folded."""
        del self._entries[:count], self._days[:count], self._folds[:count]
        self._stale_from = max(0, self._stale_from - count)
        self._stale_to = max(0, self._stale_to - count)

    def _note_unsaved(self, entry: Entry) -> None:
        self._unsaved.append(entry)
        if len(self._unsaved) > self._capacity:
            self._unsaved = []
            self._rewrite = True

    def _add_beyond_window(self, entry: Entry) -> None:
        if entry.is_reading or self._anchor is None:
            return
        self._anchor = shift(self._anchor, entry)
        self._stale_from = 0

    def _close_window(self, now: datetime) -> None:
        fold = self._fold
        if fold is not None:
            self._anchor = fold._replace(
                time=min(fold.time, now),
                high_water_time=min(fold.high_water_time, now),
                open_time=min(fold.open_time, now),
                day=min(fold.day, now.astimezone(self._zone).date()),
            )
        # The lowest entry of this instant: what arrives now still follows it.
        self._edge = Entry(now, False, Decimal("-Infinity"))
        self._forget(len(self._entries))
        self._rewrite = True


def drawdown_percent(baseline: Baseline, equity: Decimal) -> Decimal:
    """Return the loss from the high-water mark, in percent of it; never below 0."""
    return _loss_percent(baseline.high_water_mark, equity)


def daily_loss_percent(baseline: Baseline, equity: Decimal) -> Decimal:
    """Return the loss from the day's opening equity, in percent of it; never below 0."""
    return _loss_percent(baseline.day_open, equity)


def _loss_percent(mark: Decimal, equity: Decimal) -> Decimal:
    return (mark - equity) * _PERCENT / mark if equity < mark else _ZERO
