"""What every gate offers to the engine, however it gets its messages."""

import threading
from collections.abc import Sequence
from typing import Protocol

from ess_client._clock import now
from ess_client._gate import Gate
from ess_client._model import ALLOW, GateState, OrderDenied, Verdict


class OrderCheck(Protocol):
    """The two calls that an order path needs."""

    def check(self, *scopes: str, reduce_only: bool = False) -> Verdict:
        """Judge an order; see ``GateFace.check``."""

    def require(self, *scopes: str, reduce_only: bool = False) -> None:
        """Judge an order and raise ``OrderDenied`` if it is denied."""


class GateFace:
    """Checks and local decisions over one pure gate.

    Safe to call from any thread. A check takes no lock, does no I/O and never waits.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._lock = threading.Lock()

    def check(self, *scopes: str, reduce_only: bool = False) -> Verdict:
        """Judge one order, right before it is sent.

        ``scopes`` are all that the order belongs to, as ``account/<id>``, ``venue/<id>``, ``strategy/<id>``,
        ``symbol/<unified symbol>``. ``reduce_only`` is for orders that the venue itself will not let increase a
        position: they always pass. The verdict is true in a condition exactly when the order may be sent.
        """
        # The clock comes first: a stop that lands between the two reads is then still seen.
        if now() < self._gate.open_until:
            return ALLOW
        return self._gate.verdict(now(), scopes, reduce_only=reduce_only)

    def require(self, *scopes: str, reduce_only: bool = False) -> None:
        """As ``check``, but raises ``OrderDenied`` instead of answering."""
        if now() < self._gate.open_until:
            return
        verdict = self._gate.verdict(now(), scopes, reduce_only=reduce_only)
        if not verdict.allowed:
            raise OrderDenied(verdict)

    @property
    def state(self) -> GateState:
        """The gate now, for people and dashboards."""
        with self._lock:
            return self._gate.state(now())

    def accept_store(self, store_id: str | None = None) -> str:
        """Follow the store that a target offers instead of the present one; a decision of the engine's operator.

        Returns its id. Raises ValueError if none is offered, if several are and ``store_id`` does not choose, or
        if the gate was pinned with ``store_id``.
        """
        with self._lock:
            accepted = self._gate.accept_store(store_id)
            self._noticed()
        return accepted

    def rearm(self) -> None:
        """Trade again after the releases seen so far (``rearm="manual"``). A stop that stands is not affected."""
        with self._lock:
            self._gate.rearm()
            self._noticed()

    def _noticed(self) -> None:
        """Called under the lock after anything that may have changed the state."""


def targets_of(targets: str | Sequence[str]) -> tuple[str, ...]:
    """The targets given, each once. Raises ValueError if one is empty."""
    names = (targets,) if isinstance(targets, str) else tuple(dict.fromkeys(targets))
    if not all(names):
        raise ValueError("a target is empty; name a server, such as 127.0.0.1:50051")
    return names
