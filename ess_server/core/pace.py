"""How often gates can be told, and how many of them, on this machine: measured while it happens, not hoped."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from statistics import median

COMFORTABLE = 0.4
"""Share of a core up to which every gate hears as often as configured. Beyond it heartbeats grow rarer."""
MOST = 0.75
"""Share of a core that heartbeats may take when they are as rare as they may be; what is left is for the rest."""
AFTERWARDS = 1.4
"""What a message costs in all, in units of what is measured until it was sent: its completion comes later."""
FEWEST = 8
"""Messages that have to go out together, and measurements that there have to be, for their cost to say anything."""
REMEMBERED = 63
UNKNOWN = 1_000_000
"""How many gates can be supplied as long as nothing was measured: no limit."""


class Pace:
    """The time between two heartbeats of a gate, and how many gates that is enough for.

    It never changes the lease: a gate that hears too rarely denies.
    """

    def __init__(self, heartbeat: timedelta, lease: timedelta, busy: Callable[[], float]) -> None:
        """``busy`` returns the CPU seconds that the thread of the event loop has used so far."""
        self.busy = busy
        self._heartbeat = heartbeat.total_seconds()
        # A proof is a tick old at most when it is sent, which is a third of the lease at most: a sixth is left.
        self._rarest = max(self._heartbeat, lease.total_seconds() / 2)
        self._costs: deque[float] = deque(maxlen=REMEMBERED)
        self._cost = 0.0

    def sent(self, messages: int, seconds: float) -> None:
        """Note that so many messages went out together, and the CPU seconds until the last one had."""
        if messages >= FEWEST:
            self._costs.append(seconds / messages * AFTERWARDS)
        if len(self._costs) >= FEWEST:
            self._cost = median(self._costs)

    def interval(self, gates: int) -> float:
        """Seconds between two heartbeats of each of so many gates: as configured, at most half a lease."""
        return min(max(self._heartbeat, gates * self._cost / COMFORTABLE), self._rarest)

    @property
    def capacity(self) -> int:
        """How many gates this machine keeps supplied."""
        return int(self._rarest * MOST / self._cost) if self._cost else UNKNOWN
