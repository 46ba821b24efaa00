"""The gate for threaded engines."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import grpc

from ess_client._clock import now
from ess_client._face import GateFace, targets_of
from ess_client._follower import Follower
from ess_client._gate import Gate, Rearm
from ess_client._model import GateState
from ess_client._notifier import Notifier
from ess_client._session import Session, Subscriber
from ess_client._wire import Access

_CLOSE_TIMEOUT = 2.0


class OrderGate(GateFace):
    """Follows one or several ESS servers on daemon threads and judges orders locally.

    It denies until a server has proven that nothing is stopped, and whenever that proof runs out.

        with OrderGate("127.0.0.1:50051", subscriber_id="engine-1") as gate:
            gate.wait_ready(5)
            gate.require("account/main", "symbol/BTC/USDT:USDT")

    Args:
        targets: gRPC target, or several of them.
        subscriber_id: name of this engine in the server's configuration; empty follows without being counted.
        scopes: scopes that this engine's orders can belong to; for warnings and counts only.
        store_id: the only store to accept; None follows the first one seen.
        rearm: ``"manual"`` denies after each release until ``rearm()`` is called.
        on_change: called with each new ``GateState``, in order, on a thread of its own.
        credentials: TLS; None is plain text.
        token: bearer token; needs TLS unless every target is on this host.

    Raises ValueError for arguments that cannot work.
    """

    def __init__(
        self,
        targets: str | Sequence[str],
        *,
        subscriber_id: str = "",
        scopes: Sequence[str] = (),
        store_id: str | None = None,
        rearm: Rearm = "auto",
        on_change: Callable[[GateState], object] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
    ) -> None:
        names, access = targets_of(targets), Access(credentials, token)
        access.require_safe(names)
        super().__init__(Gate(names, store_id=store_id, rearm=rearm))
        self._changed = threading.Condition(self._lock)
        subscriber = Subscriber(subscriber_id=subscriber_id, scopes=tuple(scopes))
        self._followers = [
            Follower(Session(self._gate, name, subscriber), access, self._lock, self._noticed) for name in names
        ]
        self._notifier = Notifier(self._gate, self._lock, on_change) if on_change else None

    def start(self) -> Self:
        """Start following; at most once. Returns the gate. Raises RuntimeError the second time."""
        for follower in self._followers:
            follower.start()
        if self._notifier:
            self._notifier.start()
        return self

    def close(self) -> None:
        """Stop following and deny from now on. Waits at most a few seconds for threads to end."""
        self._shut()
        for follower in self._followers:
            follower.close()
        for follower in self._followers:
            follower.join(_CLOSE_TIMEOUT)
        # A message that was on its way while the threads ended may have opened it again.
        self._shut()
        if self._notifier:
            self._notifier.close(_CLOSE_TIMEOUT)

    def _shut(self) -> None:
        with self._lock:
            self._gate.shut()
            self._noticed()

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until a server proves its state, stopped or not. False if ``timeout`` seconds pass without."""
        with self._changed:
            return self._changed.wait_for(lambda: self._gate.view.lease_until > now(), timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _noticed(self) -> None:
        self._changed.notify_all()
        if self._notifier:
            self._notifier.offer(self._gate.state(now()))
