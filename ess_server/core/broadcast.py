"""Latest value to many subscribers. Publishing takes no lock and waits for nobody.

Each subscriber has at most one message on its way, and then gets the newest that came meanwhile. One that never reads
misses messages and delays no one. Heartbeats are spread over phases, so that a stop never queues behind a burst of
them. A change reaches the phases as a wave, in which no heartbeat is made: it is one itself, and newer.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from ess_server.core.pace import Pace

PHASES = 64
FULL_PHASE = 32
"""Members from which a phase is worth a wake-up of its own; so many are served in about 1 ms."""
AT_ONCE = 1_024
"""Subscribers that a wave serves before the loop looks at anything else; takes about 30 ms."""

Send = Callable[[bytes], Coroutine[Any, Any, None]]
"""Hands a message to the transport; done when that has taken it."""


@dataclass(slots=True, eq=False)
class _Phase:
    """Subscribers that get their heartbeat at the same moment, and the message they get."""

    members: "dict[Subscription, None]" = field(default_factory=dict)
    version: int = 0
    message: bytes = b""
    ended: bool = False

    def put(self, message: bytes) -> None:
        self.version += 1
        self.message = message

    def wake(self) -> None:
        for member in tuple(self.members):
            member.wake()


class BroadcastEndedError(Exception):
    """The last message was delivered; the server is going down."""


class Subscription:
    """One subscriber. Its messages are driven by hand: a task for each would cost a wave half as much again."""

    __slots__ = ("_on_its_way", "_over", "_phase", "_seen", "_send", "_sent")

    def __init__(self, phase: _Phase) -> None:
        self._phase = phase
        self._seen = phase.version
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send: Send | None = None
        self._sent: Callable[[], None]
        self._on_its_way: Coroutine[Any, Any, None] | None = None
        phase.members[self] = None

    async def served(self, send: Send, sent: Callable[[], None]) -> None:
        """Hand every message that is newer than this subscription to ``send``, and call ``sent`` after each.

        Raises BroadcastEndedError after the last one was taken, and what ``send`` raises.
        """
        self._send, self._sent = send, sent
        self.wake()
        await self._over

    def wake(self) -> None:
        """Send the newest message now, unless one is on its way: then that comes first."""
        if self._send is None or self._on_its_way or self._over.done():
            return
        if self._seen != self._phase.version:
            self._seen = self._phase.version
            self._on_its_way = self._send(self._phase.message)
            self._go_on()
        elif self._phase.ended:
            self._over.set_exception(BroadcastEndedError())

    def close(self) -> None:
        """Leave; heartbeats of an empty phase are not made."""
        self._phase.members.pop(self, None)

    def _go_on(self, _: "asyncio.Future[None] | None" = None) -> None:
        """Run what is on its way up to where it waits, as a task would."""
        assert self._on_its_way
        try:
            self._on_its_way.send(None).add_done_callback(self._go_on)
        except StopIteration:
            self._on_its_way = None
            self._sent()
            self.wake()
        except asyncio.CancelledError:
            self._over.cancel()
        except Exception as error:  # noqa: BLE001 - whoever serves this subscriber gets it
            if not self._over.done():
                self._over.set_exception(error)


class StateBroadcast:
    """Tells every subscriber the present state: at once on ``publish``, and as a heartbeat."""

    def __init__(self, render: Callable[[], bytes], pace: Pace) -> None:
        self._render = render
        self._pace = pace
        self._phases = [_Phase() for _ in range(PHASES)]
        self._to_wake: deque[_Phase] = deque()

    def subscribe(self) -> Subscription:
        """Join the first phase that is not full, else the emptiest: few subscribers cost few wake-ups."""
        open_phases = (p for p in self._phases if len(p.members) < FULL_PHASE)
        return Subscription(next(open_phases, None) or min(self._phases, key=lambda p: len(p.members)))

    def publish(self) -> None:
        """Put the present state into every slot, as the same bytes, and let the wave begin with the next step."""
        message = self._render()
        for phase in self._phases:
            phase.put(message)
        is_under_way = bool(self._to_wake)
        # Those who wait keep their place, and get the newest: changes without end must not starve the last ones.
        self._to_wake.extend(p for p in self._phases if p.members and p not in self._to_wake)
        if self._to_wake and not is_under_way:
            asyncio.get_running_loop().call_soon(self._wake_some)

    def _wake_some(self) -> None:
        woken = 0
        while self._to_wake and woken < AT_ONCE:
            phase = self._to_wake.popleft()
            woken += len(phase.members)
            phase.wake()
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
            step = self._pace.interval(sum(len(p.members) for p in self._phases)) / PHASES
            for phase in self._phases:
                due += step
                if phase.members:
                    await asyncio.sleep(due - loop.time())
                    if not self._to_wake:
                        self._beat(phase)
            due = max(due, loop.time())
            await asyncio.sleep(due - loop.time())

    def _beat(self, phase: _Phase) -> None:
        phase.put(self._render())
        began = self._pace.busy()
        phase.wake()
        self._pace.sent(len(phase.members), self._pace.busy() - began)
