"""The machine's clocks. Nothing in the core reads them itself: whoever builds a part hands it its ``Clock``."""

import time
from datetime import UTC, datetime

# Counts time spent suspended, which CLOCK_MONOTONIC does not; Linux only.
_UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Wall clock in UTC, and uptime since boot, the same in every process, suspend included where the system tells."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Seconds since boot."""
        return time.clock_gettime(_UPTIME)
