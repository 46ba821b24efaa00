"""A server of the real contract that answers what a test tells it to."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from ess_client.pb import emergency_stop_pb2 as pb

Answer = Callable[[Any], Any]
_SERVICE = pb.DESCRIPTOR.services_by_name["EmergencyStopService"]
_STREAM_ENDS_AFTER = 10.0


class StatusError(Exception):
    """Answer with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


class ScriptedService:
    """``answers`` maps a method to what makes its answer of a request; ``requests`` holds what was received.

    The answer of WatchState is a list of messages; the stream then stays open for a while, or ends with the status
    that stands last in the list.
    """

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.requests: list[Any] = []
        self._server = grpc.server(ThreadPoolExecutor(8))
        handlers = {method.name: self._handler(method) for method in _SERVICE.methods}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers),))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """End it."""
        self._server.stop(0).wait()

    def _handler(self, method: Any) -> grpc.RpcMethodHandler:
        codec = {
            "request_deserializer": GetMessageClass(method.input_type).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            self.requests.append(request)
            try:
                return self.answers[method.name](request)
            except StatusError as status:
                context.abort(status.code, status.details)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            for message in answer(request, context):
                if isinstance(message, StatusError):
                    context.abort(message.code, message.details)
                yield message
            end = time.monotonic() + _STREAM_ENDS_AFTER
            while context.is_active() and time.monotonic() < end:
                time.sleep(0.02)

        if method.name == "WatchState":
            return grpc.unary_stream_rpc_method_handler(stream, **codec)
        return grpc.unary_unary_rpc_method_handler(answer, **codec)


def inactive(**changes: Any) -> pb.GetStateResponse:
    """Return a state in which trading is allowed, but for ``changes``."""
    response = pb.GetStateResponse(
        state=pb.StopState(store_id="s", revision=7, status=pb.STOP_STATUS_INACTIVE),
        summary="Trading is allowed: no stop is latched (revision 7)",
        gate_level=1,
        server_version="1.2.3",
    )
    response.lease.seconds = 1
    response.proof_age.nanos = 200_000_000
    response.MergeFrom(pb.GetStateResponse(**changes))
    return response


def latched(**changes: Any) -> pb.TriggerResponse:
    """Return the answer to a trigger that was latched."""
    stop = pb.Stop(stop_id="1", scope="global", action=pb.STOP_ACTION_FLATTEN, revision=7, durable=True)
    stop.MergeFrom(changes.pop("stop", pb.Stop()))
    return pb.TriggerResponse(stop=stop, summary="TRADING STOPPED (ESS ACTIVE) since noon", **changes)
