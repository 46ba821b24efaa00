"""What proves an account flat: two clean reads, a quiet window, a last clean read, and a witness."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.venue_snapshot import VenueSnapshot, Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRead:
    """A reading that left nothing to do; ``began`` and ``ended`` are seconds of uptime."""

    began: float
    ended: float
    time: datetime


@dataclass(slots=True)
class Verification:
    """The clean reads so far; whatever is sent, seen or not readable in between starts it anew.

    Two reads show that the venue agrees with itself. The quiet window is for what was under way when they were made:
    fills that the venue reports late, and orders of engines that had passed their check (ccxt's and venues' own
    issue lists are full of both).
    """

    first: CleanRead | None = None
    second: CleanRead | None = None

    def take(self, read: CleanRead, settings: FlattenSettings) -> timedelta | None:
        """Take a clean read; return the time until the next one is wanted, None when no more is."""
        gap = settings.verify_gap
        if self.first is None:
            self.first = read
            return gap
        if self.second is None:
            missing = gap.total_seconds() - (read.began - self.first.ended)
            if missing > 0:
                return timedelta(seconds=missing)
            self.second = read
            return _next_look(settings.quiet_window, settings)
        missing = settings.quiet_window.total_seconds() - (read.began - self.second.ended)
        return _next_look(timedelta(seconds=missing), settings) if missing > 0 else None


def _next_look(left: timedelta, settings: FlattenSettings) -> timedelta:
    """Return the time until the next read: a look in the middle of a short window costs more than it tells."""
    return left if left <= 2 * settings.sweep_interval else settings.sweep_interval


def denial(witness: Witness, snapshot: VenueSnapshot) -> str:
    """Say how the witness denies an empty snapshot; empty if it does not.

    Beside positions or orders that stay (dust, other symbols, exits) its sums prove nothing about the rest.
    """
    if witness.positions and not snapshot.positions:
        return f"no position is listed, but the account holds some: {witness.evidence}"
    if witness.orders and not snapshot.orders:
        return f"no order is listed, but the account has some: {witness.evidence}"
    return ""


def witnessed(witness: Witness, snapshot: VenueSnapshot) -> str:
    """Return what the witness is worth beside this snapshot, in words for the audit log."""
    said = [
        name
        for name, word, rest in (
            ("positions", witness.positions, snapshot.positions),
            ("orders", witness.orders, snapshot.orders),
        )
        if word is False and not rest
    ]
    return f"none of {' and '.join(said)}: {witness.evidence}" if said else "none"
