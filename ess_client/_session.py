"""The dialogue with one target: what to send, when, and what to make of what arrives. No I/O, no thread."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from ess_client._clock import now
from ess_client._gate import Gate
from ess_client._wire import client_version, duration, proof_of, sent_uptime_of
from ess_client.pb import emergency_stop_pb2 as pb

MAX_BACKOFF = 1.0
"""Seconds between two attempts at most; each wait is drawn between zero and the present limit."""
FIRST_BACKOFF = 0.05
SETTLED = 2.0
"""Seconds that a stream must have lasted for the next wait to be short again."""
SILENCE = 5.0
"""Seconds without a message after which a stream is given up, whatever its connection says."""
ACK_TIMEOUT = 0.5
ACK_PERIOD = 20.0
"""Seconds between acknowledgements when nothing happens; each reply re-anchors the lease."""
ACK_RETRY = 1.0
ACK_SPREAD = 0.05
"""Seconds over which gates spread their acknowledgements, so that those of the first do not delay the stop of
the last."""
SLOW_REPLY = 0.1
"""Seconds. A reply that took longer anchors loosely, so the next one is asked for soon."""


class StreamLostError(Exception):
    """The stream says nothing that counts any more, though the transport reports no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Who asks. ``session_id`` is random, so that two engines of one name are told apart."""

    subscriber_id: str = ""
    scopes: tuple[str, ...] = ()
    session_id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Applied:
    """A revision that the gate has applied, and the seconds from its arrival to the gate's verdict."""

    store_id: str
    revision: int
    seconds: float


class Session:
    """One target of one gate. Calls are made under the gate's lock; the two that only look need none."""

    def __init__(self, gate: Gate, target: str, subscriber: Subscriber, clock: Callable[[], float] = now) -> None:
        self.target = target
        self._gate = gate
        self._subscriber = subscriber
        self._clock = clock
        self._attempts = 0
        self._opened_at = 0.0
        self._heard_at = 0.0
        self._applied: Applied | None = None
        self._ack_at: float | None = None
        self._ack_sent_at = 0.0
        self._ack_of: Applied | None = None

    def open(self) -> pb.WatchStateRequest:
        """The request of a stream that is opened right afterwards."""
        self._opened_at = self._heard_at = self._clock()
        self._gate.opened(self.target, self._opened_at)
        return pb.WatchStateRequest(
            subscriber_id=self._subscriber.subscriber_id,
            session_id=self._subscriber.session_id,
            scopes=self._subscriber.scopes,
            client_version=client_version(),
            store_id=self._gate.store_id,
            highest_revision=self._gate.revision,
        )

    def receive(self, message: pb.WatchStateResponse, arrived_at: float) -> bool:
        """Apply a message. False: the stream is to be closed and another one opened."""
        keep = self._gate.received(self.target, proof_of(message), self._clock())
        self._heard_at = self._clock()
        store_id, revision = message.state.store_id, message.state.revision
        known = self._applied is not None and (self._applied.store_id, self._applied.revision) == (store_id, revision)
        if not known and (store_id, revision) == (self._gate.store_id, self._gate.revision):
            self._applied = Applied(store_id, revision, self._heard_at - arrived_at)
            self._ack_at = self._heard_at + random.uniform(0, ACK_SPREAD)  # noqa: S311 - spreads load, guards nothing
        elif self._ack_at is None:
            self._ack_at = self._heard_at
        return keep

    def close(self) -> float:
        """The stream has ended. Returns the seconds to wait before the next attempt."""
        self._gate.closed(self.target)
        self._ack_at = None
        if self._clock() - self._opened_at >= SETTLED:
            self._attempts = 0
        limit = min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(self._attempts, 10))
        self._attempts += 1
        return random.uniform(0, limit)  # noqa: S311 - spreads load, guards nothing

    def is_silent(self) -> bool:
        """Whether the stream has been quiet for so long that it is to be given up."""
        return self._clock() - self._heard_at > SILENCE

    def ack_in(self) -> float:
        """Seconds until an acknowledgement is due."""
        ack_at = self._ack_at
        return ACK_PERIOD if ack_at is None else max(0.0, ack_at - self._clock())

    def acknowledgement(self) -> pb.AcknowledgeStateRequest | None:
        """The acknowledgement to send at once, None if none is due. A nameless gate only wants the reply."""
        if self.ack_in() > 0:
            return None
        self._ack_sent_at = self._clock()
        self._ack_at = self._ack_sent_at + ACK_RETRY
        applied = self._ack_of = self._applied
        request = pb.AcknowledgeStateRequest(store_id=self._gate.store_id)
        if applied and applied.store_id == self._gate.store_id and self._subscriber.subscriber_id:
            request.acknowledgements.add(
                subscriber_id=self._subscriber.subscriber_id,
                session_id=self._subscriber.session_id,
                revision=applied.revision,
                apply_duration=duration(applied.seconds),
            )
        return request

    def acknowledged(self, reply: pb.AcknowledgeStateResponse) -> None:
        """Take in the reply to the latest acknowledgement; without one it is sent again after ``ACK_RETRY``."""
        self._gate.acknowledged(self.target, reply.server_instance_id, sent_uptime_of(reply), self._ack_sent_at)
        if self._ack_at is not None and self._applied is self._ack_of:
            taken = self._clock() - self._ack_sent_at
            self._ack_at = self._ack_sent_at + (ACK_RETRY if taken > SLOW_REPLY else ACK_PERIOD)
