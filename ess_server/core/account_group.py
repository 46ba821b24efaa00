"""Several accounts as one: the sum of their equities in one currency, and what its losses are measured from.

The model
    Members are read at different times. A sum is made as soon as every member has been read anew since the sum
    before, from the latest reading of each. So a reading is part of one sum at most: one that is wrong makes a single
    sum wrong, which raises no mark (see ``baselines``) and counts once in ``confirm``. Readings that are not usable,
    in another currency, older than the one before, or older than 15 minutes by the time that the last member is read,
    make no sum. A sum is as old as its oldest part.

    A flow of a member comes before the first sum whose part of that account is not older than the flow, in whatever
    order all of it arrives. So money that is shown on one account already and on the other still, or not yet, is
    neither a gain nor a loss, as long as both flows are reported with their own times.

    Money on its way from one member to another is on none of them. What was withdrawn on balance within ``TRANSIT``
    counts as in flight: it is added to the sum, to the high-water mark and to the day's opening alike, so that a
    transfer changes no loss, neither in money nor in percent of a sum that is small only for a minute. After that it
    is a withdrawal like any other.

What no reading and no flow tells cannot be known: a transfer that is not reported, or reported only after the readings
that show it, is a loss for as long as it is on its way. ``confirm`` is for that.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import TypeVar

from ess_server.core.account_book import NEVER, SavedLedger, is_newer
from ess_server.core.baselines import WINDOW, BaselineLedger
from ess_server.core.equity_series import Entry
from ess_server.core.readings import AccountGroup, AccountMetrics, CashFlow, EquityReading

TRANSIT = timedelta(minutes=5)
"""How long money that left one member may take to arrive on another. Longer would hide a withdrawal for longer."""
MAX_FLOWS = 1000
"""Flows that wait for a sum, and flows in transit, remembered per group."""

_ZERO = Decimal(0)
Timed = TypeVar("Timed", EquityReading, CashFlow)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedGroup:
    """What of a group has to survive a restart.

    ``parts`` are the times of the readings in the latest sum, in the order of the group's accounts; empty before one.
    ``fresh`` are readings since, ``waiting`` flows that no sum contains, ``moved`` those of late that one does.
    """

    group: AccountGroup
    trusted: bool
    latest: EquityReading | None
    parts: tuple[datetime, ...]
    fresh: tuple[EquityReading, ...]
    waiting: tuple[CashFlow, ...]
    moved: tuple[CashFlow, ...]
    ledger: SavedLedger


class GroupBook:
    """One group. Takes usable readings in its currency and flows of its members, none from after ``now``.

    Not thread-safe.
    """

    def __init__(self, group: AccountGroup, zone: tzinfo, *, trusted: bool) -> None:
        self.group = group
        self._trusted = trusted
        self._ledger = BaselineLedger(zone)
        self._latest: EquityReading | None = None
        self._parts: dict[str, datetime] = {}
        self._fresh: dict[str, EquityReading] = {}
        self._waiting: list[CashFlow] = []
        self._moved: deque[CashFlow] = deque(maxlen=MAX_FLOWS)
        self._known_at = datetime.min.replace(tzinfo=UTC)

    @classmethod
    def restore(cls, saved: SavedGroup, zone: tzinfo) -> "GroupBook":
        """Continue from what was saved; its readings count as never received."""
        book = cls(saved.group, zone, trusted=saved.trusted)
        book._ledger = BaselineLedger.restore(saved.ledger.image, zone)
        book._latest = replace(saved.latest, received=NEVER) if saved.latest else None
        book._parts = dict(zip(saved.group.accounts, saved.parts, strict=False))
        book._fresh = {r.account: replace(r, received=NEVER) for r in saved.fresh}
        book._waiting = list(saved.waiting)
        book._moved.extend(saved.moved)
        times = chain(saved.parts, (r.time for r in saved.fresh), (flow.time for flow in saved.waiting))
        book._known_at = max(times, default=book._known_at)
        return book

    def add_equity(self, reading: EquityReading, now: datetime) -> None:
        """Take a reading, and make a sum if it was the last one that was missing."""
        self._follow_clock(now)
        part, known = self._parts.get(reading.account), self._fresh.get(reading.account)
        if (part and reading.time <= part) or (known and not is_newer(reading, known)):
            return
        self._fresh[reading.account] = reading
        if len(self._fresh) == len(self.group.accounts):
            self._add_sum(now)

    def add_cash_flow(self, flow: CashFlow, now: datetime) -> None:
        """Take a flow whose id is new."""
        self._follow_clock(now)
        first = self._first_with(flow)
        if first is None:
            self._waiting.append(flow)
            if len(self._waiting) > MAX_FLOWS:
                oldest = self._waiting.pop(0)
                self._place(oldest, oldest.time, now)
        else:
            self._place(flow, first, now)

    def metrics(self) -> AccountMetrics | None:
        """Return the latest sum beside its baseline, both with what is in flight; None before a sum."""
        if self._latest is None:
            return None
        baseline = self._ledger.baseline if self._trusted else None
        extra = self._in_flight(self._latest.time)
        if baseline is None or not extra:
            return AccountMetrics(equity=self._latest, baseline=baseline)
        return AccountMetrics(
            equity=replace(self._latest, amount=self._latest.amount + extra),
            baseline=replace(
                baseline,
                high_water_mark=baseline.high_water_mark + extra,
                day_open=baseline.day_open + extra,
            ),
        )

    def rebaseline(self) -> None:
        """Start the baseline anew from the latest sum."""
        self._trusted = True
        self._ledger.rebaseline()

    def take_unsaved(self) -> SavedGroup:
        """Return what has to be saved; of the ledger what is new since the last call."""
        image, rewrite = self._ledger.take_unsaved()
        return SavedGroup(
            group=self.group,
            trusted=self._trusted,
            latest=self._latest,
            parts=tuple(self._parts[a] for a in self.group.accounts) if self._parts else (),
            fresh=tuple(self._fresh.values()),
            waiting=tuple(self._waiting),
            moved=tuple(self._moved),
            ledger=SavedLedger(currency=self.group.currency, image=image, rewrite=rewrite),
        )

    def mark_unsaved(self) -> None:
        """Let the next ``take_unsaved`` return everything."""
        self._ledger.mark_unsaved()

    def _add_sum(self, now: datetime) -> None:
        parts = [self._fresh[account] for account in self.group.accounts]
        stale = [part.account for part in parts if part.time < now - WINDOW]
        if stale:
            for account in stale:
                del self._fresh[account]
            return
        self._fresh, self._parts = {}, {part.account: part.time for part in parts}
        time = min(part.time for part in parts)
        self._latest = EquityReading(
            account=self.group.name,
            amount=sum((part.amount for part in parts), _ZERO),
            currency=self.group.currency,
            time=time,
            received=min(part.received for part in parts),
        )
        self._place_waiting(time, now)
        self._ledger.add(Entry(time, True, self._latest.amount, _stamps(parts)), now)

    def _place_waiting(self, time: datetime, now: datetime) -> None:
        """Put the flows that the sum of ``time`` is the first to contain before it."""
        while self._moved and self._moved[0].time <= time - TRANSIT:
            self._moved.popleft()
        waiting, self._waiting = self._waiting, []
        for flow in waiting:
            if flow.time <= self._parts[flow.account]:
                self._place(flow, time, now)
            else:
                self._waiting.append(flow)

    def _place(self, flow: CashFlow, first: datetime, now: datetime) -> None:
        """Put a flow before the sum of time ``first``, which is the first to contain it."""
        ident = f"{flow.account}/{flow.id}"
        self._ledger.add(Entry(min(flow.time, first), False, flow.amount, ident), now)
        self._moved.append(flow)

    def _first_with(self, flow: CashFlow) -> datetime | None:
        """Return the time of the first sum known that contains the flow, None if none does."""
        part = self._parts.get(flow.account)
        if self._latest is None or part is None or part < flow.time:
            return None
        # A sum is as old as its oldest part: no part of one made of later readings has to be looked at.
        entries = self._ledger.image().entries
        later = bisect_left(entries, flow.time, key=itemgetter(0))
        first = next((entry.time for entry in entries[later:] if entry.is_reading), self._latest.time)
        place = self.group.accounts.index(flow.account)
        for entry in reversed(entries[:later]):
            if entry.is_reading:
                if datetime.fromisoformat(entry.id.split()[place]) < flow.time:
                    break
                first = entry.time
        return first

    def _in_flight(self, latest: datetime) -> Decimal:
        late = (flow.amount for flow in self._moved if flow.time > latest - TRANSIT)
        return max(_ZERO, -sum(late, _ZERO))

    def _follow_clock(self, now: datetime) -> None:
        """Nothing is believed about the future: when the clock has gone back, what was known is as of ``now``."""
        went_back, self._known_at = now < self._known_at, now
        if not went_back:
            return
        self._ledger.follow_clock(now)
        # A reading of this very moment is still newer than the part before it.
        before = now - timedelta.resolution
        self._parts = {account: min(time, before) for account, time in self._parts.items()}
        self._fresh = {account: _as_of(now, reading) for account, reading in self._fresh.items()}
        self._waiting = [_as_of(now, flow) for flow in self._waiting]
        if self._latest is not None:
            self._latest = _as_of(before, self._latest)


def _as_of(now: datetime, one: Timed) -> Timed:
    return replace(one, time=min(one.time, now))


def _stamps(parts: list[EquityReading]) -> str:
    return " ".join(part.time.isoformat() for part in parts)
