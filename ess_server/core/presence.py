"""When this process stood still: stopped, suspended, or kept from the processor."""

from collections import deque

from ess_server.core.ports import Clock
from ess_server.core.readings import Instant

LONGEST_STEP = 1.0
"""Seconds between two looks of the monitor at most; it looks several times a second. What is beyond is a pause."""
MAX_PAUSES = 100
"""Pauses remembered; of more, the oldest are forgotten, and what was silent since then counts as silent in them."""


class Presence:
    """Tells the monitor's own sleep from the silence of others: what nobody listened to has not been silent.

    In a pause nothing is proven, so that every gate denies within its lease. For the event loop only.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = clock.uptime()
        self._pauses: deque[tuple[float, float]] = deque(maxlen=MAX_PAUSES)

    def look(self) -> Instant:
        """Return the present moment, at which the monitor looks."""
        uptime = self._clock.uptime()
        if uptime - self._looked > LONGEST_STEP:
            self._pauses.append((self._looked + LONGEST_STEP, uptime))
        self._looked = uptime
        return Instant(self._clock.now(), uptime, tuple(self._pauses))
