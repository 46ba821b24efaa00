"""Keeps Python's collector of reference cycles away from stops.

Left alone it would walk every object of every open stream in the middle of a wave: 30 ms with 1,000 of them, 300 ms
with 10,000. So it never runs by itself. What a second has left behind is looked through while nothing is latched; all
there is only when so many streams have ended that it is worth it.
"""

import asyncio
import gc
from collections.abc import Callable

from ess_server.core.subscribers import SubscriberRegistry

LOOK = 1.0
"""Seconds between two looks at what is new; each takes as long as what was made since the last one."""
QUIET = 5.0
"""Seconds after a stop was latched in which nothing is collected: gates confirm, people look, more stops come."""
PUT_OFF_AT_MOST = 60.0
"""Seconds after which it is done all the same: a flood of triggers must not fill the memory."""
ENDED = 500
"""Streams that must have ended for everything to be looked through, or as many as are open: at 40 kB each, what is
left lying is no more than what is in use, or 20 MB."""


def collect_by_hand() -> None:
    """Set aside for good what was made so far, and let Python collect nothing by itself until the process ends.

    Not to be taken back at the end: what gRPC leaves behind waits for its peers when it is collected.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


class Garbage:
    """Collects while it is quiet. For a process in which Python does not."""

    def __init__(self, subscribers: SubscriberRegistry, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds."""
        self._subscribers = subscribers
        self._clock = clock
        self._latched = float("-inf")
        self._collected = clock()
        self._ended = 0

    def latched(self, _revision: int) -> None:
        """Note that a stop was latched."""
        self._latched = self._clock()

    async def run(self) -> None:
        """Collect while it is quiet, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            self.look()

    def look(self) -> None:
        """Collect if it is quiet, or was put off for too long."""
        now = self._clock()
        if now - self._latched < QUIET and now - self._collected < PUT_OFF_AT_MOST:
            return
        self._collected = now
        ended = self._subscribers.ended
        is_worth_it = ended - self._ended >= max(ENDED, self._subscribers.open_streams)
        if is_worth_it:
            self._ended = ended
        gc.collect(2 if is_worth_it else 1)
