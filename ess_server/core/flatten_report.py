"""What one account's work tells the outside: its progress, and each step of the story once."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ess_server.core.flatten_plan import wants_work
from ess_server.core.flatten_verify import Verification
from ess_server.core.model import Account, AccountProgress, FlattenStatus, Work
from ess_server.core.ports import Clock
from ess_server.core.venue_snapshot import VenueSnapshot

OnProgress = Callable[[AccountProgress], None]
OnEvent = Callable[[str, str, Mapping[str, str]], None]
"""Takes kind, account and details; ``stop_id``, ``time`` (ISO 8601) and ``uptime`` (seconds) are always there."""

_log = logging.getLogger(__name__)
_TROUBLE = frozenset({"flatten.reopened", "venue.fault"})
LOUDER_AFTER = (0.0, 10.0, 30.0, 60.0)
"""Seconds after which trouble that lasts is told again; from then on every ``LOUDER_EVERY``."""
LOUDER_EVERY = 60.0
_RETOLD_AFTER_REOPENING = frozenset({"flatten.first_cancel", "flatten.first_close"})


def idle_progress(account: Account, work: Work | None) -> AccountProgress:
    """Return what can be said before anything was read for ``work``.

    Without work the status is PENDING and ``stop_id`` empty.
    """
    stop_id = work.stop_id if work is not None else ""
    status = FlattenStatus.HELD if work is not None and work.held else FlattenStatus.PENDING
    detail = "" if wants_work(work) or status is FlattenStatus.HELD else "nothing to cancel or close"
    return AccountProgress(account=account.id, venue=account.venue, status=status, detail=detail, stop_id=stop_id)


class FlattenReport:
    """Keeps the progress of one account and says each step once.

    After FLAT, trouble is told again, and after trouble FLAT is; a venue where new orders keep appearing tells
    of them once per ``reopen_quiet``. A listener that raises is logged and changes nothing.
    """

    def __init__(
        self, account: Account, clock: Clock, reopen_quiet: timedelta, on_progress: OnProgress, on_event: OnEvent
    ) -> None:
        self.progress = idle_progress(account, None)
        self._account = account
        self._clock = clock
        self._reopen_quiet = reopen_quiet.total_seconds()
        self._on_progress = on_progress
        self._on_event = on_event
        self._told: set[str] = set()
        self._troubles: dict[str, tuple[float, int]] = {}
        self._reopened: float | None = None

    def begin(self, work: Work | None) -> None:
        """Start over for new work; counts of the last good read are kept."""
        self._told.clear()
        self._troubles.clear()
        self._reopened = None
        fresh = idle_progress(self._account, work)
        self.update(status=fresh.status, detail=fresh.detail, stop_id=fresh.stop_id)

    def rename(self, work: Work | None) -> None:
        """Show the same work under its newest stop."""
        stop_id = idle_progress(self._account, work).stop_id
        if stop_id != self.progress.stop_id:
            self.update(stop_id=stop_id)

    def counted(self, snapshot: VenueSnapshot) -> None:
        """Take the counts of a good read; told with the next change of status."""
        self.progress = replace(
            self.progress,
            open_orders=len(snapshot.orders),
            open_positions=len(snapshot.positions),
            read_time=snapshot.time,
        )

    def update(self, **changes: Any) -> None:  # noqa: ANN401 - fields of AccountProgress
        """Change the progress and tell it."""
        self.progress = replace(self.progress, **changes)
        try:
            self._on_progress(self.progress)
        except Exception:  # noqa: BLE001 - a listener is optional, the stop is not
            _log.exception("a listener of flatten progress failed")

    def tell(self, kind: str, **details: str) -> None:
        """Tell a step, unless it has been told."""
        if kind in self._told or (kind == "flatten.reopened" and self._reopened_lately()):
            return
        self._told.add(kind)
        if kind in _TROUBLE:
            self._told.discard("flatten.flat")
        if kind == "flatten.reopened":
            self._told -= _RETOLD_AFTER_REOPENING
            self._reopened = self._clock.uptime()
        self._send(kind, details)

    def always(self, kind: str, **details: str) -> None:
        """Tell something, however often it was told before."""
        self._told.discard("flatten.flat")
        self._send(kind, details)

    def insist(self, kind: str, **details: str) -> None:
        """Tell trouble that lasts: at once, then again and louder, for as long as it is reported."""
        now = self._clock.uptime()
        since, times = self._troubles.get(kind, (now, 0))
        beyond = max(0, times - len(LOUDER_AFTER) + 1)
        if now - since < LOUDER_AFTER[min(times, len(LOUDER_AFTER) - 1)] + beyond * LOUDER_EVERY:
            return
        self._troubles[kind] = (since, times + 1)
        self._told.discard("flatten.flat")
        louder = {"louder": str(times), "lasting_s": f"{now - since:.0f}"} if times else {}
        self._send(kind, {**louder, **details})

    def tell_flat(self, proof: Verification, **evidence: str) -> None:
        """Tell the two clean reads and that it is done, with its evidence, unless told since the last trouble."""
        if "flatten.flat" in self._told:
            return
        self._told -= _TROUBLE
        self._troubles.clear()
        self._told.add("flatten.flat")
        for number, read in enumerate((proof.first, proof.second), start=1):
            if read is not None:
                stamp = {"time": read.time.isoformat(), "uptime": f"{read.ended:.6f}"}
                self._send("flatten.clean_read", {"read": str(number), **stamp})
        kind = "flatten.flat" if self.progress.status.is_flat else "flatten.cancelled"
        self._send(kind, {"status": self.progress.status.name, **evidence})

    def _reopened_lately(self) -> bool:
        return self._reopened is not None and self._clock.uptime() - self._reopened < self._reopen_quiet

    def _send(self, kind: str, details: Mapping[str, str]) -> None:
        full = {
            "stop_id": self.progress.stop_id,
            "time": self._clock.now().isoformat(),
            "uptime": f"{self._clock.uptime():.6f}",
            "open_orders": _count(self.progress.open_orders),
            "open_positions": _count(self.progress.open_positions),
            **details,
        }
        try:
            self._on_event(kind, self._account.id, full)
        except Exception:  # noqa: BLE001 - a listener is optional, the stop is not
            _log.exception("a listener of flatten events failed")


def _count(number: int | None) -> str:
    return "" if number is None else str(number)
