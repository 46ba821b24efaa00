"""The gate and the reporter for asyncio engines."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

import grpc

from ess_client._aio_follower import AioFollower
from ess_client._aio_reporter import Reporter
from ess_client._clock import now
from ess_client._face import GateFace, targets_of
from ess_client._gate import Gate, Rearm
from ess_client._model import GateState
from ess_client._session import Session, Subscriber
from ess_client._wire import Access

__all__ = ["OrderGate", "Reporter"]

_BACKLOG = 1024


class OrderGate(GateFace):
    """Follows one or several ESS servers on the running event loop and judges orders locally.

    As ``ess_client.OrderGate``, with tasks instead of threads. A loop that is blocked cannot keep it open: each
    check compares the clock itself.

        async with OrderGate("127.0.0.1:50051", subscriber_id="engine-1") as gate:
            await gate.wait_ready(5)
            gate.require("account/main", "symbol/BTC/USDT:USDT")

    Args:
        targets: gRPC target, or several of them.
        subscriber_id: name of this engine in the server's configuration; empty follows without being counted.
        scopes: scopes that this engine's orders can belong to; for warnings and counts only.
        store_id: the only store to accept; None follows the first one seen.
        rearm: ``"manual"`` denies after each release until ``rearm()`` is called.
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
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
    ) -> None:
        names, access = targets_of(targets), Access(credentials, token)
        access.require_safe(names)
        super().__init__(Gate(names, store_id=store_id, rearm=rearm))
        subscriber = Subscriber(subscriber_id=subscriber_id, scopes=tuple(scopes))
        self._followers = [
            AioFollower(Session(self._gate, name, subscriber), access, self._lock, self._noticed) for name in names
        ]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard = asyncio.Event()
        self._backlogs: list[deque[GateState]] = []
        self._last = self._gate.state(now())
        self._closed = False

    def start(self) -> Self:
        """Start following on the running loop; at most once. Returns the gate. Raises RuntimeError otherwise."""
        if self._loop is not None:
            raise RuntimeError("this gate was started before; make a new one")
        self._loop = asyncio.get_running_loop()
        for follower in self._followers:
            follower.start()
        return self

    async def close(self) -> None:
        """Stop following and deny from now on."""
        self._shut()
        await asyncio.gather(*(follower.close() for follower in self._followers))
        self._closed = True
        # A message that was on its way while the tasks ended may have opened it again.
        self._shut()

    def _shut(self) -> None:
        with self._lock:
            self._gate.shut()
            self._noticed()

    async def wait_ready(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the same face as for threads
        """Wait until a server proves its state, stopped or not. False if ``timeout`` seconds pass without."""
        try:
            async with asyncio.timeout(timeout):
                while self._gate.view.lease_until <= now():
                    await self._heard.wait()
        except TimeoutError:
            return False
        return True

    async def changes(self) -> AsyncIterator[GateState]:
        """The present state and each one after it, a lapse of the lease included, until the gate is closed.

        A reader that falls 1,024 states behind misses the oldest. Checks never depend on it.
        """
        backlog: deque[GateState] = deque(maxlen=_BACKLOG)
        self._backlogs.append(backlog)
        try:
            last = self.state
            yield last
            while True:
                state = backlog.popleft() if backlog else self.state
                if state != last:
                    last = state
                    yield state
                elif backlog:
                    continue
                elif self._closed:
                    return
                else:
                    await self._hear(state.lease_remaining.total_seconds() or None)
        finally:
            self._backlogs.remove(backlog)

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _hear(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return

    def _noticed(self) -> None:
        state = self._gate.state(now())
        if state != self._last:
            self._last = state
            for backlog in self._backlogs:
                backlog.append(state)
        # Decisions may be made on other threads, where an event of the loop must not be touched.
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        heard, self._heard = self._heard, asyncio.Event()
        heard.set()
