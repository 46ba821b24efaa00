"""The machine's clocks."""

import time
from datetime import UTC, datetime


class MachineClock:
    """The ``Clock`` of the running machine. ``uptime`` counts suspend, and is the same in every process."""

    def now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Return seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
