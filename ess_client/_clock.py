"""The clock of every lease: monotonic, and running through suspend."""

import time
from collections.abc import Callable
from functools import partial

# CLOCK_MONOTONIC stands still while the host is suspended, so a lease would survive the night; where the
# platform has no CLOCK_BOOTTIME, monotonic is what there is.
now: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Seconds since boot, suspend included. Never compared with another host's clock."""
