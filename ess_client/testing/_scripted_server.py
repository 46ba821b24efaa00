"""A server of the real contract on a real port that says what a test tells it to."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self
from uuid import uuid4

import grpc

from ess_client._clock import now
from ess_client._wire import duration
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as pb_grpc

_MAX_STREAMS = 64


class ScriptedServer(pb_grpc.EmergencyStopServiceServicer):
    """Serves WatchState and AcknowledgeState on loopback; nothing is stored, nothing is traded.

    ``requests`` and ``acknowledgements`` hold what was received, oldest first. ``alter`` may change each message
    before it is sent. ``port`` 0 takes a free one; ``store_id`` and ``revision`` are what it claims to be at;
    ``lease``, ``heartbeat`` and ``first_delay`` (before the first message of a stream) are seconds.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        store_id: str = "store-1",
        revision: int = 1,
        lease: float = 1.0,
        heartbeat: float = 0.1,
        first_delay: float = 0.0,
        credentials: grpc.ServerCredentials | None = None,
        options: Sequence[tuple[str, object]] = (),
    ) -> None:
        self.store_id = store_id
        self.revision = revision
        self.lease = lease
        self.heartbeat = heartbeat
        self.first_delay = first_delay
        self.instance_id = uuid4().hex
        self.alter: Callable[[pb.WatchStateResponse], object] | None = None
        self.requests: list[pb.WatchStateRequest] = []
        self.acknowledgements: list[pb.AcknowledgeStateRequest] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self._stops: dict[str, pb.Stop] = {}
        self._change = threading.Condition()
        self._version = self._ends = 0
        self._end_status: grpc.StatusCode | None = None
        self._server = grpc.server(ThreadPoolExecutor(_MAX_STREAMS), options=[("grpc.so_reuseport", 0), *options])
        pb_grpc.add_EmergencyStopServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # generated
        self.port = self._listen(f"127.0.0.1:{port}", credentials)

    @property
    def target(self) -> str:
        """What a gate is to be pointed at."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Begin to serve. Returns the server."""
        self._server.start()
        return self

    def close(self) -> None:
        """End every stream with UNAVAILABLE and free the port."""
        self.end(grpc.StatusCode.UNAVAILABLE)
        self._server.stop(0).wait()

    def stop(self, scope: str = "global", reason: str = "stopped by the test") -> int:
        """Latch a scope and tell everyone. Returns the revision."""
        with self._change:
            self.revision += 1
            self._stops[scope] = pb.Stop(scope=scope, revision=self.revision, action=pb.STOP_ACTION_BLOCK, durable=True)
            self._stops[scope].cause.reason = reason
        self.wake()
        return self.revision

    def release(self, scope: str = "global") -> int:
        """Release a scope, ``global`` all of them, and tell everyone. Returns the revision."""
        with self._change:
            self.revision += 1
            self._stops = {each: stop for each, stop in self._stops.items() if scope not in ("global", each)}
        self.wake()
        return self.revision

    def wake(self) -> None:
        """Send a message to everyone now."""
        with self._change:
            self._version += 1
            self._change.notify_all()

    def end(self, status: grpc.StatusCode | None) -> None:
        """End the streams that are open, None with OK."""
        with self._change:
            self._ends += 1
            self._end_status = status
            self._change.notify_all()

    def message(self) -> pb.WatchStateResponse:
        """The message that would be sent now."""
        with self._change:
            message = pb.WatchStateResponse(
                server_instance_id=self.instance_id,
                proven_uptime=duration(now()),
                lease=duration(self.lease),
                gate_level=1,
            )
            message.state.store_id = self.store_id
            message.state.revision = self.revision
            message.state.status = pb.STOP_STATUS_ACTIVE if self._stops else pb.STOP_STATUS_INACTIVE
            message.state.stops.extend(self._stops.values())
            message.sent_uptime.CopyFrom(duration(now()))
        if self.alter:
            self.alter(message)
        return message

    def WatchState(  # noqa: N802 - the contract's name
        self, request: pb.WatchStateRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchStateResponse]:
        """One stream."""
        with self._change:
            self.requests.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            ends = self._ends
        time.sleep(self.first_delay)
        while context.is_active():
            version = self._version
            yield self.message()
            with self._change:
                self._change.wait_for(lambda: (self._version, self._ends) != (version, ends), self.heartbeat)  # noqa: B023 - called before the loop goes on
                if self._ends != ends and self._end_status is not None:
                    context.abort(self._end_status, "ended by the script")
                if self._ends != ends:
                    return

    def AcknowledgeState(  # noqa: N802 - the contract's name
        self,
        request: pb.AcknowledgeStateRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - what grpc hands over
    ) -> pb.AcknowledgeStateResponse:
        """Remember it and answer."""
        with self._change:
            self.acknowledgements.append(request)
            self._change.notify_all()
        return pb.AcknowledgeStateResponse(server_instance_id=self.instance_id, sent_uptime=duration(now()))

    def _listen(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        if credentials:
            return self._server.add_secure_port(address, credentials)
        return self._server.add_insecure_port(address)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
