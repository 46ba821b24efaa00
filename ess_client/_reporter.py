"""The reporter for threaded engines."""

import threading
from types import TracebackType
from typing import Self

import grpc

from ess_client._report_face import TIMEOUT, ReportFace, pause_after
from ess_client._report_queue import CAPACITY
from ess_client._wire import Access, telemetry_of


class Reporter(ReportFace):
    """Tells an ESS server what an engine observes, on a daemon thread that batches.

    A method that reports returns at once and never raises, whatever the server does. When the server is away the
    newest value of each account, component and symbol is kept, and executions and cash flows one by one;
    ``stats`` tells what was lost, and so does the next call to the server.

        with Reporter("127.0.0.1:50051", source="engine-1") as reporter:
            reporter.equity("main", Decimal("10250.30"), "USDT")
            reporter.execution("main", "BTC/USDT:USDT", "rejected", client_order_id="a-17", detail="no margin")

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
        self._changed = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ess-report {target}", daemon=True)

    def start(self) -> Self:
        """Start sending; at most once. Returns the reporter. Raises RuntimeError the second time."""
        self._thread.start()
        return self

    def flush(self, timeout: float) -> bool:
        """Wait until all that was reported so far was answered. False if ``timeout`` seconds pass without."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue.waits, timeout)

    def close(self, timeout: float = 1.0) -> None:
        """Send what waits, for at most ``timeout`` seconds, and end."""
        if self._thread.is_alive():
            self.flush(timeout)
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _noticed(self) -> None:
        self._changed.notify_all()

    def _run(self) -> None:
        failures = 0
        with self._access.channel(self._target) as channel:
            report = telemetry_of(channel).Report
            while self._has_work():
                try:
                    answer = report(self._next(), timeout=TIMEOUT, metadata=self._access.metadata)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                    failures += 1
                    self._failed(error)
                else:
                    failures = 0
                    self._answered(answer)
                self._closing.wait(pause_after(failures))

    def _has_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._queue.waits or self._closing.is_set())
        return not self._closing.is_set()
