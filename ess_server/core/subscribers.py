"""Which gates are known to deny. A gate is counted once it has named itself or the configuration expects it.

A gate that has not confirmed a revision still denies for certain once one lease has passed since the latch:
no proof sent before the latch can reach further, by the gate's own arithmetic (see docs/gate.md).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from heapq import nsmallest

from ess_server.core.errors import CapacityError
from ess_server.core.model import Actor, Scope
from ess_server.core.ports import Clock

LEASE_MARGIN = 1.01
"""Clocks of server and gate may run at rates this far apart; the gate itself uses 0.99 of its lease."""
MAX_REMEMBERED = 10_000
NAMED = 8
"""Gates that have not confirmed and are told by name; the list of all is asked for."""


class SubscriberStatus(Enum):
    """Whether a gate is known to deny, in the order of the contract's ``SubscriberStatus``."""

    CONFIRMED = 1
    PENDING = 2
    EXPIRED = 3
    MISSING = 4


@dataclass(slots=True, kw_only=True)
class Subscriber:
    """One process of one gate. ``confirmed_revision`` is 0 until it has confirmed one.

    ``met_revision`` was latched last when it came: how long it took to confirm that one says nothing.
    """

    subscriber_id: str
    session_id: str
    actor: Actor
    scopes: tuple[str, ...]
    client_version: str
    connect_time: datetime
    last_seen_time: datetime
    last_seen: float
    met_revision: int = 0
    connected: int = 1
    confirmed_revision: int = 0
    confirm_duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """How far a revision has been applied, by number of gates."""

    revision: int
    expected: int
    confirmed: int
    expired: int
    pending: int
    missing: int
    elapsed: timedelta | None
    unconfirmed: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """True when every counted gate is known to deny."""
        return self.pending == 0 and self.missing == 0


@dataclass(slots=True)
class _Latched:
    """The newest change that gates have to confirm."""

    revision: int = 0
    uptime: float = float("-inf")
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class SubscriberRegistry:
    """Every gate that is connected, was connected, or is expected."""

    def __init__(self, *, expected: Iterable[str], lease: timedelta, limit: Callable[[], int], clock: Clock) -> None:
        """``limit`` returns how many streams may be open now."""
        self._expected = tuple(dict.fromkeys(expected))
        self._lease = lease
        self._limit = limit
        self._clock = clock
        self._gates: dict[tuple[str, str], Subscriber] = {}
        self._open = 0
        self.ended = 0
        """Streams that have ended since the start."""
        self._latched = _Latched()

    def opened(
        self, *, subscriber_id: str, session_id: str, actor: Actor, scopes: Sequence[str], client_version: str
    ) -> Subscriber | None:
        """Count a new stream; None for one that watches without a name.

        Raises CapacityError when as many streams are open as there may be: refusing a new stream is better
        than slowing those that are there.
        """
        if self._open >= self._limit():
            raise CapacityError(f"max_subscribers: {self._open} streams are open; connect to another server")
        self._open += 1
        if not subscriber_id:
            return None
        key, now = (subscriber_id, session_id), self._clock.now()
        known = self._gates.get(key)
        if known:
            known.connected += 1
            known.actor, known.scopes, known.client_version = actor, tuple(scopes), client_version
            self.seen(known)
            return known
        self._forget_old()
        gate = Subscriber(
            subscriber_id=subscriber_id,
            session_id=session_id,
            actor=actor,
            scopes=tuple(scopes),
            client_version=client_version,
            connect_time=now,
            last_seen_time=now,
            last_seen=self._clock.uptime(),
            met_revision=self._latched.revision,
        )
        self._gates[key] = gate
        return gate

    def closed(self, gate: Subscriber | None) -> None:
        """Count the end of a stream."""
        self._open -= 1
        self.ended += 1
        if gate:
            gate.connected -= 1
            self.seen(gate)

    def seen(self, gate: Subscriber) -> None:
        """Note a write that the transport took, or a confirmation."""
        gate.last_seen, gate.last_seen_time = self._clock.uptime(), self._clock.now()

    def latched(self, revision: int) -> None:
        """From now on gates have to confirm ``revision``."""
        self._latched = _Latched(revision=revision, uptime=self._clock.uptime())

    def confirm(self, subscriber_id: str, session_id: str, revision: int) -> bool:
        """Note what a gate has applied; False if no such gate is known."""
        gate = self._gates.get((subscriber_id, session_id))
        if gate is None:
            return False
        self.seen(gate)
        if revision > gate.confirmed_revision:
            # A later revision, such as a release's, says nothing of how long the stop took.
            if max(gate.confirmed_revision, gate.met_revision) < self._latched.revision <= revision:
                gate.confirm_duration = timedelta(seconds=max(0.0, self._clock.uptime() - self._latched.uptime))
            gate.confirmed_revision = revision
            self._latched.changed.set()
            self._latched.changed = asyncio.Event()
        return True

    def status(self, gate: Subscriber) -> SubscriberStatus:
        """Whether this gate is known to deny what was latched last."""
        if gate.confirmed_revision >= self._latched.revision:
            return SubscriberStatus.CONFIRMED
        lapsed = self._clock.uptime() - self._latched.uptime > self._lease.total_seconds() * LEASE_MARGIN
        return SubscriberStatus.EXPIRED if lapsed else SubscriberStatus.PENDING

    def missing(self) -> tuple[str, ...]:
        """Expected gates that have not been seen since the server started."""
        seen = {g.subscriber_id for g in self._gates.values()} if self._expected else set()
        return tuple(name for name in self._expected if name not in seen)

    def gates(self) -> Sequence[tuple[Subscriber, SubscriberStatus]]:
        """Every counted gate with its status: pending first, then expired, then confirmed."""
        order = (SubscriberStatus.PENDING, SubscriberStatus.EXPIRED, SubscriberStatus.CONFIRMED)
        ranked = [(g, self.status(g)) for g in self._counted()]
        return sorted(ranked, key=lambda r: (order.index(r[1]), r[0].subscriber_id, r[0].session_id))

    def expects(self, subscriber_id: str) -> bool:
        """Whether the configuration lists this name."""
        return subscriber_id in self._expected

    def knows_scope(self, scope: Scope) -> bool:
        """Whether a gate has named this scope as one of its own."""
        return any(str(scope) in g.scopes for g in self._gates.values())

    @property
    def open_streams(self) -> int:
        """Streams that are open, unnamed ones included."""
        return self._open

    def enforcement(self) -> Enforcement:
        """Counts for the revision latched last."""
        gates, missing = self._counted(), self.missing()
        of_status: dict[SubscriberStatus, list[Subscriber]] = {status: [] for status in SubscriberStatus}
        for gate in gates:
            of_status[self.status(gate)].append(gate)
        confirmed = of_status[SubscriberStatus.CONFIRMED]
        pending = of_status[SubscriberStatus.PENDING]
        waits = nsmallest(NAMED, {g.subscriber_id for g in pending})
        took = [g.confirm_duration for g in confirmed if g.confirm_duration is not None]
        return Enforcement(
            revision=self._latched.revision,
            expected=len(gates) + len(missing),
            confirmed=len(confirmed),
            expired=len(of_status[SubscriberStatus.EXPIRED]),
            pending=len(pending),
            missing=len(missing),
            elapsed=max(took, default=None),
            unconfirmed=tuple(dict.fromkeys((*missing, *waits)))[:NAMED],
        )

    async def settled(self, revision: int, within: timedelta) -> None:
        """Wait until no connected gate is pending for ``revision``, at most ``within``."""
        end = self._clock.uptime() + within.total_seconds()
        while self._latched.revision == revision and self.enforcement().pending:
            left = end - self._clock.uptime()
            if left <= 0:
                return
            lapse = self._latched.uptime + self._lease.total_seconds() * LEASE_MARGIN - self._clock.uptime()
            changed = self._latched.changed
            try:
                async with asyncio.timeout(min(left, max(lapse, 0.0) + 0.005)):
                    await changed.wait()
            except TimeoutError:
                continue

    def _counted(self) -> Sequence[Subscriber]:
        newest = self._newest()
        return [g for g in self._gates.values() if g.connected or not self._replaced(g, newest)]

    def _newest(self) -> Mapping[str, Subscriber]:
        """Of each name the process that is connected, else the one that was seen last."""
        newest: dict[str, Subscriber] = {}
        for gate in self._gates.values():
            known = newest.get(gate.subscriber_id)
            if known is None or (gate.connected > 0, gate.last_seen) > (known.connected > 0, known.last_seen):
                newest[gate.subscriber_id] = gate
        return newest

    def _replaced(self, gate: Subscriber, newest: Mapping[str, Subscriber]) -> bool:
        """Whether the process, which has left, ended long enough ago and its name has connected again since."""
        lapsed = self._clock.uptime() - gate.last_seen > self._lease.total_seconds() * LEASE_MARGIN
        return lapsed and newest[gate.subscriber_id] is not gate

    def _forget_old(self) -> None:
        if len(self._gates) < MAX_REMEMBERED:
            return
        oldest = sorted((g for g in self._gates.values() if not g.connected), key=lambda g: g.last_seen)
        for gate in oldest[: MAX_REMEMBERED // 10]:
            del self._gates[gate.subscriber_id, gate.session_id]
