"""Latest value to many subscribers. Publishing takes no lock and waits for nobody.

Each subscriber has at most one message on its way, and then gets the newest that came meanwhile. One that never reads
misses messages and delays no one. Whoever is to be sent something waits in one queue, which is served in steps that are
short enough for a trigger to come in between. Heartbeats are spread over phases, and made only when nobody waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from ess_server.core.pace import Pace

PHASES = 64
FULL_PHASE = 32
"""Members from which a phase is worth a wake-up of its own; so many are served in about 1 ms."""
AT_ONCE = 256
"""Messages that are sent before the loop looks at anything else; takes about 7 ms."""
SETTLED = 0.002
"""Seconds after which a message was taken by a transport that has room for it."""

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


class BroadcastEndedError(Exception):
    """The last message was delivered; the server is going down."""


class Subscription:
    """One subscriber. Its messages are driven by hand: a task for each would cost a wave half as much again.

    Nor is a callback made for each: whether the transport has taken a message is looked at later, see ``settle``.
    """

    __slots__ = (
        "_is_watched",
        "_line_up",
        "_on_its_way",
        "_over",
        "_phase",
        "_seen",
        "_send",
        "_sent",
        "_taken",
        "is_unsettled",
        "waits",
    )

    def __init__(self, phase: _Phase, line_up: "Callable[[Subscription], None]") -> None:
        self.waits = False
        """Whether it stands in the queue."""
        self.is_unsettled = False
        """Whether it is to be settled."""
        self._phase = phase
        self._line_up = line_up
        self._seen = phase.version
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send: Send | None = None
        self._sent: Callable[[], None]
        self._on_its_way: Coroutine[Any, Any, None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._is_watched = False
        phase.members[self] = None

    async def served(self, send: Send, sent: Callable[[], None]) -> None:
        """Hand every message that is newer than this subscription to ``send``, and call ``sent`` after each.

        Raises BroadcastEndedError after the last one was taken, and what ``send`` raises.
        """
        self._send, self._sent = send, sent
        self._line_up(self)
        await self._over

    def deliver(self) -> bool:
        """Begin to send the newest message, and return True; unless it was sent, or another one is on its way."""
        if self._send is None or not self._is_free() or self._over.done():
            return False
        if self._seen != self._phase.version:
            self._seen = self._phase.version
            self._on_its_way = self._send(self._phase.message)
            self._go_on()
            return True
        if self._phase.ended:
            self._over.set_exception(BroadcastEndedError())
        return False

    def settle(self) -> None:
        """Take note of the transport having taken the last message, and line up for what came meanwhile."""
        if self._is_free() and (self._phase.ended or self._seen != self._phase.version):
            self._line_up(self)

    def close(self) -> None:
        """Leave; heartbeats of an empty phase are not made."""
        self._phase.members.pop(self, None)

    def _is_free(self) -> bool:
        if self._taken and self._taken.done():
            self._go_on()
        if self._taken and not self._is_watched:
            self._is_watched = True
            self._taken.add_done_callback(self._was_taken)
        return self._on_its_way is None

    def _was_taken(self, _: "asyncio.Future[None]") -> None:
        self._is_watched = False
        self.settle()

    def _go_on(self) -> None:
        """Run what is on its way up to where it waits, as a task would."""
        running, self._on_its_way, self._taken = self._on_its_way, None, None
        assert running
        try:
            self._taken = running.send(None)
        except StopIteration:
            if not self._over.done():
                self._sent()
        except asyncio.CancelledError:
            self._over.cancel()
        except Exception as error:  # noqa: BLE001 - whoever serves this subscriber gets it
            self._fail(error)
        else:
            self._on_its_way = running if self._taken else None
            if self._taken is None:
                self._fail(TypeError("a transport waits for futures only"))

    def _fail(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)


class StateBroadcast:
    """Tells every subscriber the present state: at once on ``publish``, and as a heartbeat."""

    def __init__(self, render: Callable[[], bytes], pace: Pace) -> None:
        self._render = render
        self._pace = pace
        self._phases = [_Phase() for _ in range(PHASES)]
        self._queue: deque[Subscription] = deque()
        self._unsettled: deque[Subscription] = deque()

    def subscribe(self) -> Subscription:
        """Join the first phase that is not full, else the emptiest: few subscribers cost few wake-ups."""
        open_phases = (p for p in self._phases if len(p.members) < FULL_PHASE)
        phase = next(open_phases, None) or min(self._phases, key=lambda p: len(p.members))
        return Subscription(phase, self._line_up)

    def publish(self) -> None:
        """Put the present state into every slot, as the same bytes; sending begins with the loop's next step."""
        message = self._render()
        for phase in self._phases:
            phase.put(message)
        self._line_up_all(self._phases)

    def end(self) -> None:
        """Publish once more; subscriptions end after that message."""
        for phase in self._phases:
            phase.ended = True
        try:
            self.publish()
        finally:
            self._line_up_all(self._phases)

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
                    # A change that is under way comes first; and where sending is slow, heartbeats must not pile up.
                    while self._queue:  # noqa: ASYNC110 - looked at once a step, so that heartbeats keep their distance
                        await asyncio.sleep(step)
                    phase.put(self._render())
                    self._line_up_all([phase])
            due = max(due, loop.time())
            await asyncio.sleep(due - loop.time())

    def _line_up_all(self, phases: Iterable[_Phase]) -> None:
        for phase in phases:
            for member in phase.members:
                self._line_up(member)

    def _line_up(self, one: Subscription) -> None:
        """Let it wait for its turn. Who waits already keeps its place: changes without end starve nobody."""
        if one.waits:
            return
        one.waits = True
        self._queue.append(one)
        if len(self._queue) == 1:
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        try:
            self._serve_some()
        finally:
            if self._queue:
                asyncio.get_running_loop().call_soon(self._serve)

    def _serve_some(self) -> None:
        began, sent = self._pace.busy(), 0
        # Whoever is served stays at the head until that is done, so that nobody begins a second round meanwhile.
        while self._queue and sent < AT_ONCE:
            one = self._queue[0]
            one.waits = False
            if one.deliver():
                sent += 1
                self._settle_later(one)
            self._queue.popleft()
        self._pace.sent(sent, self._pace.busy() - began)

    def _settle_later(self, one: Subscription) -> None:
        if one.is_unsettled:
            return
        one.is_unsettled = True
        self._unsettled.append(one)
        if len(self._unsettled) == 1:
            asyncio.get_running_loop().call_later(SETTLED, self._settle)

    def _settle(self) -> None:
        """Look what was taken, but not while others still wait to be told; whoever is sent more settles by itself."""
        try:
            for _ in range(0 if self._queue else min(AT_ONCE, len(self._unsettled))):
                one = self._unsettled.popleft()
                one.is_unsettled = False
                one.settle()
        finally:
            if self._unsettled:
                asyncio.get_running_loop().call_later(SETTLED, self._settle)
