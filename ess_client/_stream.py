"""The watch stream of one target: whose clock it speaks for, and how long its last proof holds."""

from dataclasses import dataclass
from math import inf

from ess_client._model import Proof

MAX_LEASE = 2.0
"""Seconds. A longer lease in a message counts as this much, whatever the server was configured with."""
DRIFT = 0.01
"""Share of a lease that two clocks may run apart within it."""
MAX_ANCHOR_AGE = 120.0
"""Seconds. Two missed acknowledgements; clocks drift, so an older anchor says too little."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Two readings that belong together: the gate's clock, and the server's clock no earlier than it."""

    local: float
    sent: float

    def local_time(self, uptime: float) -> float:
        """A reading of the server's clock by the gate's clock, never later than it really was."""
        return self.local + (uptime - self.sent)

    def is_fresh(self, now: float) -> bool:
        """Whether it is young enough to measure by."""
        return now - self.local <= MAX_ANCHOR_AGE


class Stream:
    """What the gate knows of one target. ``deadline`` outlives the stream that proved it, until it lapses."""

    __slots__ = ("_anchor", "_instance_id", "_opened_at", "deadline", "store_id")

    def __init__(self) -> None:
        self._opened_at: float | None = None
        self._anchor: Anchor | None = None
        self._instance_id = ""
        self.store_id = ""
        self.deadline = -inf

    def open(self, t0: float) -> None:
        """Begin a stream; ``t0`` is the gate's clock before the call was made."""
        self._opened_at = t0

    def close(self) -> None:
        """End the stream. What it has proven holds until it lapses."""
        self._opened_at = None
        self._anchor = None

    def void(self) -> None:
        """Take back everything the stream has proven."""
        self.close()
        self.deadline = -inf

    def admit(self, proof: Proof, now: float) -> Anchor | None:
        """The anchor to measure the message by, None if it is not sound; the first of a stream anchors it."""
        if self._opened_at is not None:
            self._anchor = Anchor(self._opened_at, proof.sent_uptime)
            self._instance_id = proof.server_instance_id
            self._opened_at = None
        # Written so that a NaN, which is what an absent field becomes, fails each comparison.
        sound = (
            self._anchor is not None
            and bool(proof.store_id)
            and bool(proof.server_instance_id)
            and proof.server_instance_id == self._instance_id
            and proof.proven_uptime <= proof.sent_uptime
            and self._anchor.local_time(proof.proven_uptime) <= now + DRIFT * lease_of(proof)
        )
        return self._anchor if sound else None

    def renew(self, anchor: Anchor, proof: Proof, now: float) -> None:
        """Let an admitted message set the deadline."""
        proven_at = min(anchor.local_time(proof.proven_uptime), now)
        self.deadline = proven_at + (1 - DRIFT) * lease_of(proof)

    def reanchor(self, instance_id: str, sent_uptime: float, sent_at: float) -> None:
        """Take the reading of an acknowledgement's reply, asked for at ``sent_at``; the newest one counts."""
        anchor = self._anchor
        if anchor is not None and instance_id == self._instance_id and sent_at >= anchor.local:
            self._anchor = Anchor(sent_at, sent_uptime)


def lease_of(proof: Proof) -> float:
    """Seconds for which the message's proof holds, NaN if it does not say."""
    return min(proof.lease, MAX_LEASE)
