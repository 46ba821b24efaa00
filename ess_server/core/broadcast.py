"""Latest value to many subscribers. Publishing takes no lock and waits for nobody.

Each subscriber has one slot: the newest message. One that never reads misses messages and delays no one.
Heartbeats are spread over phases, so that a stop never queues behind a burst of them. A change reaches the phases as a
wave, in which no heartbeat is made: it is one itself, and newer.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ess_server.core.pace import Pace

PHASES = 64
FULL_PHASE = 32
"""Members from which a phase is worth a wake-up of its own; so many are served in about 1 ms."""
AT_ONCE = 1_024
"""Subscribers that a wave serves before the loop looks at anything else; takes about 40 ms."""


@dataclass(slots=True, eq=False)
class _Phase:
    """Subscribers that get their heartbeat at the same moment, and the message they get."""

    members: int = 0
    version: int = 0
    message: bytes = b""
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: bytes) -> None:
        self.version += 1
        self.message = message

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class BroadcastEndedError(Exception):
    """The last message was delivered; the server is going down."""


class Subscription:
    """One subscriber's view: ``next`` returns the newest message once, skipping what it missed."""

    def __init__(self, phase: _Phase) -> None:
        self._phase = phase
        self._seen = phase.version

    async def next(self) -> bytes:
        """Wait for a message newer than the last one returned. Raises BroadcastEndedError after the last one."""
        while self._seen == self._phase.version:
            if self._phase.ended:
                raise BroadcastEndedError
            await self._phase.changed.wait()
        self._seen = self._phase.version
        return self._phase.message

    def close(self) -> None:
        """Leave; heartbeats of an empty phase are not made."""
        self._phase.members -= 1


class StateBroadcast:
    """Tells every subscriber the present state: at once on ``publish``, and as a heartbeat."""

    def __init__(self, render: Callable[[], bytes], pace: Pace) -> None:
        self._render = render
        self._pace = pace
        self._phases = [_Phase() for _ in range(PHASES)]
        self._to_wake: deque[_Phase] = deque()

    def subscribe(self) -> Subscription:
        """Join the first phase that is not full, else the emptiest: few subscribers cost few wake-ups."""
        open_phases = (p for p in self._phases if p.members < FULL_PHASE)
        phase = next(open_phases, None) or min(self._phases, key=lambda p: p.members)
        phase.members += 1
        return Subscription(phase)

    def publish(self) -> None:
        """Put the present state into every slot, as the same bytes, and begin to wake those who wait for it."""
        message = self._render()
        for phase in self._phases:
            phase.put(message)
        is_under_way = bool(self._to_wake)
        # Those who wait keep their place, and get the newest: changes without end must not starve the last ones.
        self._to_wake.extend(p for p in self._phases if p.members and p not in self._to_wake)
        if not is_under_way:
            self._wake_some()

    def _wake_some(self) -> None:
        woken = 0
        while self._to_wake and woken < AT_ONCE:
            phase = self._to_wake.popleft()
            phase.wake()
            woken += phase.members
        if self._to_wake:
            asyncio.get_running_loop().call_soon(self._wake_some)

    def end(self) -> None:
        """Publish once more; subscriptions end after that message."""
        for phase in self._phases:
            phase.ended = True
        try:
            self.publish()
        finally:
            for phase in self._phases:
                phase.wake()

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            step = self._pace.interval(sum(p.members for p in self._phases)) / PHASES
            for phase in self._phases:
                due += step
                if phase.members:
                    await asyncio.sleep(due - loop.time())
                    if not self._to_wake:
                        self._beat(phase)
            due = max(due, loop.time())
            await asyncio.sleep(due - loop.time())

    def _beat(self, phase: _Phase) -> None:
        members, began = phase.members, self._pace.busy()
        phase.put(self._render())
        phase.wake()
        # Those who were woken send before the loop comes to this.
        asyncio.get_running_loop().call_soon(lambda: self._pace.sent(members, self._pace.busy() - began))
