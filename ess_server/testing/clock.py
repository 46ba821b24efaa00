"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta
from threading import Lock

from ess_server.core.readings import Instant

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""A Monday noon, far from any day boundary and any daylight-saving change."""


class FakeClock:
    """A ``Clock`` under the test's control; may be read and moved from several threads."""

    def __init__(self, time: datetime = START, uptime: float = 1000.0) -> None:
        self._lock = Lock()
        self._time = time
        self._uptime = uptime

    def now(self) -> datetime:
        """Return the wall clock, aware UTC."""
        with self._lock:
            return self._time

    def uptime(self) -> float:
        """Return seconds of uptime."""
        with self._lock:
            return self._uptime

    def instant(self) -> Instant:
        """Return both clocks, read at one moment."""
        with self._lock:
            return Instant(self._time, self._uptime)

    def advance(self, by: float | timedelta) -> None:
        """Let time pass on both clocks, in seconds or as a timedelta. Raises ValueError below zero."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError("uptime never goes back; use jump for the wall clock")
        with self._lock:
            self._time += step
            self._uptime += step.total_seconds()

    def jump(self, by: float | timedelta) -> None:
        """Set the wall clock forward or back, in seconds or as a timedelta; uptime does not notice."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        with self._lock:
            self._time += step
