"""Tells the engine's callback what changed, on a thread of its own: a slow callback delays nobody."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from ess_client._clock import now
from ess_client._gate import Gate
from ess_client._model import GateState

_LOGGER = logging.getLogger("ess_client")
_BACKLOG = 1024


class Notifier:
    """Calls back with every state in order; when the callback falls far behind, the oldest are dropped.

    It also notices a lease that lapses, which no message announces. It only tells: checks never depend on it.
    """

    def __init__(self, gate: Gate, lock: threading.Lock, callback: Callable[[GateState], object]) -> None:
        self._gate = gate
        self._changed = threading.Condition(lock)
        self._callback = callback
        self._pending: deque[GateState] = deque(maxlen=_BACKLOG)
        self._last = gate.state(now())
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ess-gate-notify", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, state: GateState) -> None:
        """Hand over the present state. Called under the lock."""
        if state != (self._pending[-1] if self._pending else self._last):
            self._pending.append(state)
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """Deliver what is pending and end, waiting at most ``timeout`` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while (state := self._next()) is not None:
            try:
                self._callback(state)
            except Exception:
                _LOGGER.exception("on_change failed; checks are not affected")

    def _next(self) -> GateState | None:
        with self._changed:
            while True:
                state = self._pending.popleft() if self._pending else self._gate.state(now())
                if state != self._last:
                    self._last = state
                    return state
                if self._pending:
                    continue
                if self._closing:
                    return None
                self._changed.wait(state.lease_remaining.total_seconds() or None)
