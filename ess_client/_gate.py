"""The pure gate: told what arrived and what the clock read, it says which orders may be sent.

No I/O, no clock, no thread. ``docs/gate.md`` states the rules, ``tests/vectors/gate.json`` proves them for every
language. Calls that change it come from one thread at a time; ``open_until`` and ``verdict`` may be read from any.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import inf
from typing import Literal

from ess_client._history import History, denies
from ess_client._model import ALLOW, DenyReason, GateState, Proof, Stop, Verdict
from ess_client._scopes import GLOBAL, Coverage
from ess_client._stream import Stream
from ess_client._view import View

Rearm = Literal["auto", "manual"]


class Gate:
    """One engine's gate over one or several targets.

    ``open_until`` is the reading of the clock before which every order is allowed: a stop sets it to minus
    infinity, so that one comparison is state and lease in one.

    Args:
        targets: names of the servers to follow, at least one.
        store_id: the only store to accept; None follows the first one seen.
        rearm: ``"manual"`` denies after each release that the gate lived through until ``rearm()`` is called.
    """

    __slots__ = (
        "_followed",
        "_histories",
        "_latest",
        "_manual",
        "_pinned",
        "_standing",
        "_streams",
        "_unarmed",
        "open_until",
        "view",
    )

    def __init__(self, targets: Iterable[str], *, store_id: str | None = None, rearm: Rearm = "auto") -> None:
        self._streams = {target: Stream() for target in targets}
        if not self._streams:
            raise ValueError("targets is empty; name at least one server, such as 127.0.0.1:50051")
        if rearm not in ("auto", "manual"):
            raise ValueError(f"rearm is {rearm!r}; use 'auto' or 'manual'")
        self._pinned = store_id is not None
        self._manual = rearm == "manual"
        self._followed = store_id or ""
        self._histories: dict[str, History] = {}
        self._standing: dict[str, Stop] = {}
        self._unarmed: dict[str, Stop] = {}
        self._latest = -inf
        self.open_until = -inf
        self.view = View(closed=DenyReason.NEVER_CONNECTED)

    @property
    def store_id(self) -> str:
        """Store that is followed; empty before the first."""
        return self._followed

    @property
    def revision(self) -> int:
        """Highest revision seen of the store that is followed; 0 before the first."""
        history = self._histories.get(self._followed)
        return history.revision if history else 0

    def opened(self, target: str, t0: float) -> None:
        """A stream to ``target`` is about to be opened; ``t0`` was read before the call was made."""
        self._tick(t0)
        self._streams[target].open(t0)
        self._publish()

    def received(self, target: str, proof: Proof, now: float) -> bool:
        """Take in a message that arrived at ``now``. False: close this stream and open another."""
        self._tick(now)
        stream = self._streams[target]
        anchor = stream.admit(proof, now)
        if anchor is None:
            stream.void()
        usable = anchor is not None and anchor.is_fresh(now)
        if proof.store_id and (usable or denies(proof)):
            self._learn(stream, proof, follow=usable)
        if anchor is not None and usable and self._is_current(proof):
            stream.renew(anchor, proof, now)
        self._publish()
        return usable

    def acknowledged(self, target: str, instance_id: str, sent_uptime: float, sent_at: float) -> None:
        """Take in the reply to an acknowledgement that was sent when the clock read ``sent_at``."""
        self._streams[target].reanchor(instance_id, sent_uptime, sent_at)

    def closed(self, target: str) -> None:
        """The stream to ``target`` has ended, however it did. What it has proven holds until it lapses."""
        self._streams[target].close()

    def shut(self) -> None:
        """Nothing is followed any more: take back every proof, so that checks deny from now on."""
        for stream in self._streams.values():
            stream.void()
        self._publish()

    def accept_store(self, store_id: str | None = None) -> str:
        """Follow the store that a target offers instead of the present one, and return its id.

        Raises ValueError if none is offered, if ``store_id`` is not among them or is needed to choose, or if the
        gate is pinned.
        """
        offered = self._offered()
        if self._pinned:
            raise ValueError(f"this gate is pinned to store {self._followed!r}; change its store_id instead")
        chosen = store_id or (offered[0] if len(offered) == 1 else "")
        if chosen not in offered:
            raise ValueError(f"no target offers store {chosen!r}; name one of those offered: {list(offered)}")
        self._follow(chosen)
        self._publish()
        return self._followed

    def rearm(self) -> None:
        """Give the local go-ahead after the releases seen so far. A stop that stands is not affected."""
        self._unarmed = {}
        self._publish()

    def verdict(self, now: float, scopes: Sequence[str], *, reduce_only: bool = False) -> Verdict:
        """Judge an order. ``reduce_only`` passes always: an exit is never blocked."""
        return ALLOW if reduce_only else self.view.verdict(now, scopes)

    def state(self, now: float) -> GateState:
        """The gate at ``now``, for people."""
        view, history = self.view, self._histories.get(self._followed, History())
        status, verdict = view.summary(now)
        return GateState(
            status=status,
            reason=verdict.reason,
            detail=verdict.detail,
            store_id=self._followed,
            revision=self.revision,
            installation=history.installation,
            stops=tuple(history.stops.values()),
            warnings=history.warnings,
            unarmed=tuple(self._unarmed.values()),
            offered_stores=self._offered(),
            lease_remaining=timedelta(seconds=max(view.lease_until - now, 0)),
        )

    def _tick(self, now: float) -> None:
        """A clock that runs backwards cannot measure a lease."""
        if now >= self._latest:
            self._latest = now
            return
        self._latest = now
        self.shut()

    def _learn(self, stream: Stream, proof: Proof, *, follow: bool) -> None:
        stream.store_id = proof.store_id
        if follow and not self._followed:
            self._follow(proof.store_id)
        if proof.store_id != self._followed:
            stream.deadline = -inf
        if self._histories.setdefault(proof.store_id, History()).learn(proof):
            self._forget_leases(proof.store_id)

    def _is_current(self, proof: Proof) -> bool:
        return proof.store_id == self._followed and self._histories[proof.store_id].is_borne_out_by(proof)

    def _follow(self, store_id: str) -> None:
        self._forget_leases(self._followed)
        self._followed = store_id

    def _forget_leases(self, store_id: str) -> None:
        """Only a message of the store that is followed, at its highest revision, gives one back."""
        for stream in self._streams.values():
            if stream.store_id == store_id:
                stream.deadline = -inf

    def _offered(self) -> tuple[str, ...]:
        """Other stores that targets serve, once there is one to be different from."""
        seen = dict.fromkeys(stream.store_id for stream in self._streams.values()) if self._followed else {}
        return tuple(store for store in seen if store not in ("", self._followed))

    def _publish(self) -> None:
        offered = self._offered()
        kept = {self._followed, *(stream.store_id for stream in self._streams.values())}
        self._histories = {store: seen for store, seen in self._histories.items() if store in kept}
        foreign_stop = any(store in offered and seen.standing for store, seen in self._histories.items())
        self._disarm(foreign_stop=foreign_stop)
        history = self._histories.get(self._followed)
        self.open_until = -inf
        self.view = View(
            lease_until=max(stream.deadline for stream in self._streams.values()),
            stops=Coverage(history.stops.values() if history else ()),
            unarmed=Coverage(self._unarmed.values()),
            closed=self._closed(history, offered, foreign_stop=foreign_stop),
            lapsed=DenyReason.STORE_CHANGED if offered else DenyReason.LEASE_EXPIRED,
            followed=self._followed,
            offered=", ".join(offered),
        )
        self.open_until = self.view.open_until

    def _disarm(self, *, foreign_stop: bool) -> None:
        history = self._histories.get(self._followed)
        standing = dict(history.standing) if history else {}
        if foreign_stop:
            standing.setdefault(GLOBAL, Stop(scope=GLOBAL, reason="stopped in another store"))
        if self._manual:
            released = {scope: stop for scope, stop in self._standing.items() if scope not in standing}
            self._unarmed = {**self._unarmed, **released}
        self._standing = standing

    @staticmethod
    def _closed(history: History | None, offered: tuple[str, ...], *, foreign_stop: bool) -> DenyReason | None:
        if foreign_stop or (history is None and offered):
            return DenyReason.STORE_CHANGED
        if history is None:
            return DenyReason.NEVER_CONNECTED
        return DenyReason.GATE_TOO_OLD if history.too_old else None
