"""Two tasks per target: one reads the stream, one acknowledges."""

import asyncio
import logging
import threading
from collections.abc import Callable

import grpc
import grpc.aio

from ess_client._clock import now
from ess_client._session import ACK_SPREAD, ACK_TIMEOUT, MAX_BACKOFF, SILENCE, Session, StreamLostError
from ess_client._wire import Access, service_of, words_of
from ess_client.pb import emergency_stop_pb2 as pb

_LOGGER = logging.getLogger("ess_client")
_LOOK = 1.0


class AioFollower:
    """Follows one target until closed: every failure ends in another attempt, and none opens the gate."""

    def __init__(self, session: Session, access: Access, lock: threading.Lock, noticed: Callable[[], None]) -> None:
        self._session = session
        self._access = access
        self._lock = lock
        self._noticed = noticed
        self._wake = asyncio.Event()
        self._ack_channel: grpc.aio.Channel | None = None
        self._reported = ""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start both tasks on the running loop."""
        for run in (self._watch, self._acknowledge):
            self._tasks.append(asyncio.create_task(run(), name=f"ess-gate {self._session.target}"))

    async def close(self) -> None:
        """End both tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            pause = MAX_BACKOFF
            try:
                try:
                    await self._follow_once()
                finally:
                    pause = self._ended()
            except (grpc.RpcError, StreamLostError) as error:
                self._report(words_of(error))
            except TimeoutError:
                self._report(f"nothing heard for {SILENCE:.0f} s")
            except Exception:
                _LOGGER.exception("following %s failed; this target proves nothing", self._session.target)
            await asyncio.sleep(pause)

    def _ended(self) -> float:
        with self._lock:
            pause = self._session.close()
            self._noticed()
        return pause

    async def _follow_once(self) -> None:
        async with self._access.aio_channel(self._session.target) as channel:
            with self._lock:
                request = self._session.open()
            call = service_of(channel).WatchState(request, metadata=self._access.metadata)
            try:
                await self._read(call)
            finally:
                call.cancel()

    async def _read(self, call: "grpc.aio.UnaryStreamCall[pb.WatchStateRequest, pb.WatchStateResponse]") -> None:
        while True:
            async with asyncio.timeout(SILENCE):
                message = await call.read()
            arrived_at = now()
            if not isinstance(message, pb.WatchStateResponse):
                raise StreamLostError("the server ended the stream with OK")
            with self._lock:
                keep = self._session.receive(message, arrived_at)
                self._noticed()
            if self._session.ack_in() <= ACK_SPREAD:
                self._wake.set()
            if not keep:
                raise StreamLostError("a message proves nothing by this stream's clock")
            self._reported = ""

    async def _acknowledge(self) -> None:
        try:
            while True:
                await self._acknowledge_once()
        finally:
            await self._drop_ack_channel()

    async def _acknowledge_once(self) -> None:
        try:
            async with asyncio.timeout(min(self._session.ack_in(), _LOOK)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
        try:
            await self._send_acknowledgement()
        except grpc.RpcError as error:
            _LOGGER.debug("acknowledging to %s failed: %s", self._session.target, words_of(error))
            await self._drop_ack_channel()
        except Exception:
            _LOGGER.exception("acknowledging to %s failed", self._session.target)
            await self._drop_ack_channel()
            await asyncio.sleep(_LOOK)

    async def _send_acknowledgement(self) -> None:
        with self._lock:
            request = self._session.acknowledgement()
        if request is not None:
            # A channel of its own: a stream limit or a full window of the watch must not hold this up.
            self._ack_channel = self._ack_channel or self._access.aio_channel(self._session.target)
            acknowledge = service_of(self._ack_channel).AcknowledgeState
            reply = await acknowledge(request, timeout=ACK_TIMEOUT, metadata=self._access.metadata)
            with self._lock:
                self._session.acknowledged(reply)

    async def _drop_ack_channel(self) -> None:
        if self._ack_channel is not None:
            await self._ack_channel.close()
            self._ack_channel = None

    def _report(self, trouble: str) -> None:
        """Log a trouble when it is a new one: an outage is one line, not one per attempt."""
        _LOGGER.log(
            logging.DEBUG if trouble == self._reported else logging.WARNING,
            "lost %s: %s; reconnecting",
            self._session.target,
            trouble,
        )
        self._reported = trouble
