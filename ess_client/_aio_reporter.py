"""The reporter for asyncio engines."""

import asyncio
from types import TracebackType
from typing import Self

import grpc

from ess_client._report_face import TIMEOUT, ReportFace, pause_after
from ess_client._report_queue import CAPACITY
from ess_client._wire import Access, telemetry_of


class Reporter(ReportFace):
    """Tells an ESS server what an engine observes, with a task of the running loop that batches.

    As ``ess_client.Reporter``; what reports is a plain call, from the loop or any other thread.

        async with Reporter("127.0.0.1:50051", source="engine-1") as reporter:
            reporter.equity("main", Decimal("10250.30"), "USDT")
            await reporter.flush(1)

    Args:
        target: gRPC target.
        source: name of the engine or component that reports.
        capacity: observations that wait at most.
        credentials: TLS; None is plain text.
        token: bearer token; needs TLS unless the target is on this host.

    Raises ValueError for arguments that cannot work.
    """

    def __init__(
        self,
        target: str,
        *,
        source: str = "",
        capacity: int = CAPACITY,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__(target, Access(credentials, token), source, capacity)
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._woken = False

    def start(self) -> Self:
        """Start sending on the running loop; at most once. Returns the reporter. Raises RuntimeError otherwise."""
        if self._loop is not None:
            raise RuntimeError("this reporter was started before; make a new one")
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name=f"ess-report {self._target}")
        return self

    async def flush(self, timeout: float) -> bool:  # noqa: ASYNC109 - the same face as for threads
        """Wait until all that was reported so far was answered. False if ``timeout`` seconds pass without."""
        try:
            async with asyncio.timeout(timeout):
                while self._queue.waits:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, timeout: float = 1.0) -> None:  # noqa: ASYNC109 - as above
        """Send what waits, for at most ``timeout`` seconds, and end."""
        if self._task is None:
            return
        await self.flush(timeout)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _noticed(self) -> None:
        # A wake that is under way already sees what is added before it runs.
        if self._loop is not None and not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken = False
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _run(self) -> None:
        failures = 0
        async with self._access.aio_channel(self._target) as channel:
            report = telemetry_of(channel).Report
            while True:
                while not self._queue.waits:
                    await self._changed.wait()
                try:
                    answer = await report(self._next(), timeout=TIMEOUT, metadata=self._access.metadata)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                    failures += 1
                    self._failed(error)
                else:
                    failures = 0
                    self._answered(answer)
                await asyncio.sleep(pause_after(failures))
