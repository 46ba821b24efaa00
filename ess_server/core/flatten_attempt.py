"""What has been tried for one piece of work on an account."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from ess_server.core.closing import Close, ClosingSchedule
from ess_server.core.errors import describe
from ess_server.core.flatten_plan import FlattenSettings, Plan, ready_to_close
from ess_server.core.flatten_verify import Verification
from ess_server.core.venue_snapshot import Position

T = TypeVar("T")

UNREAD_WHEN_FLAT = 3
"""Failed reads in a row after which a flat account's silence is told as an event."""
INCOMPLETE_AFTER = 5
"""Rounds of cancelling and closing without a clean read after which an account is INCOMPLETE."""


@dataclass(slots=True)
class Attempt:
    """A new one begins whenever the work changes.

    ``read_at`` is the uptime of the last good read, in seconds, and at first that of the work itself. ``rounds`` counts
    those in which nothing was held back or a request failed, ``held_back`` those in a row in which all that was left
    was held back.
    """

    read_at: float
    schedule: ClosingSchedule
    rounds: int = 0
    held_back: int = 0
    unread: int = 0
    cancelling_since: dict[str, float] = field(default_factory=dict)
    dust: set[Position] = field(default_factory=set)
    dust_tried: float = 0.0
    verification: Verification = field(default_factory=Verification)
    swept: bool = False
    sweeps: int = 0
    failure: str = ""

    def __post_init__(self) -> None:
        self.dust_tried = self.read_at

    @property
    def incomplete(self) -> bool:
        """Whether it takes longer than it should."""
        return self.rounds >= INCOMPLETE_AFTER

    def clean(self) -> None:
        """Nothing was left to do."""
        self.rounds = self.held_back = 0
        self.failure = ""
        self.cancelling_since.clear()

    def begin_round(self, wanted: Plan, now: float, settings: FlattenSettings) -> Sequence[Close]:
        """Return the closes that are due at uptime ``now``."""
        self.verification = Verification()
        symbols = {o.symbol for o in wanted.cancels}
        self.cancelling_since = {s: self.cancelling_since.get(s, now) for s in symbols}
        ready = ready_to_close(wanted, self.cancelling_since, now, settings.close_after)
        closes = self.schedule.due(ready, now)
        if not wanted.cancels and self.schedule.holds_back(ready, now):
            self.held_back += 1
        else:
            self.held_back = 0
            self.rounds += 1
        return closes

    def take(self, outcomes: Sequence[object]) -> bool:
        """Note what became of requests; whether any of them failed."""
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        self.failure = f"{len(failures)} request(s) failed, the first: {describe(failures[0])}" if failures else ""
        return bool(failures)

    def shuffled(self, items: Sequence[T], rng: random.Random) -> Sequence[T]:
        """Return another order at every retry, so that what hangs cannot starve the rest behind it."""
        return items if self.rounds == 1 else rng.sample(items, len(items))

    def tries_dust(self, now: float, every: timedelta) -> bool:
        """Whether what was too small is to be tried again at uptime ``now``: no more than once in this time."""
        if now - self.dust_tried < every.total_seconds():
            return False
        self.dust_tried = now
        return True

    def too_small(self, close: Close) -> None:
        """The market takes no order as small as this."""
        if not self.schedule.release(close.position):
            self.dust.add(close.position)
