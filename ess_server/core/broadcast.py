"""Latest value to many subscribers. Publishing takes no lock and waits for nobody.

Each subscriber has one slot: the newest message. One that never reads misses messages and delays no one.
Heartbeats are spread over phases, so that a stop never queues behind a burst of them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

PHASES = 16
FULL_PHASE = 32
"""Members from which a phase is worth a wake-up of its own; so many are served in about 3 ms."""


@dataclass(slots=True)
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

    def __init__(self, render: Callable[[], bytes], heartbeat: timedelta) -> None:
        self._render = render
        self._heartbeat = heartbeat
        self._phases = [_Phase() for _ in range(PHASES)]

    def subscribe(self) -> Subscription:
        """Join the first phase that is not full, else the emptiest: few subscribers cost few wake-ups."""
        open_phases = (p for p in self._phases if p.members < FULL_PHASE)
        phase = next(open_phases, None) or min(self._phases, key=lambda p: p.members)
        phase.members += 1
        return Subscription(phase)

    def publish(self) -> None:
        """Put the present state into every slot, as the same bytes."""
        message = self._render()
        for phase in self._phases:
            phase.put(message)

    def end(self) -> None:
        """Publish once more; subscriptions end after that message."""
        for phase in self._phases:
            phase.ended = True
        try:
            self.publish()
        finally:
            for phase in self._phases:
                phase.changed.set()

    async def run(self) -> None:
        """Send heartbeats until cancelled."""
        loop = asyncio.get_running_loop()
        step = self._heartbeat.total_seconds() / PHASES
        due = loop.time()
        while True:
            for phase in self._phases:
                due += step
                if phase.members:
                    await asyncio.sleep(due - loop.time())
                    phase.put(self._render())
            due = max(due, loop.time())
            await asyncio.sleep(due - loop.time())
