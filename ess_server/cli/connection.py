"""Where the server is, how it is called, and what its failures mean here."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit
from ess_server.cli.target import Target

R = TypeVar("R")

MOST_TRIES = 100
PAUSE = 0.05
"""Seconds between tries."""

_OPTIONS = (
    # Neither a proxy nor a long back-off may stand between a person and the stop.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)
_EXITS = {
    grpc.StatusCode.UNAVAILABLE: Exit.UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.UNREACHABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exit.UNREACHABLE,
    grpc.StatusCode.UNIMPLEMENTED: Exit.UNREACHABLE,
    grpc.StatusCode.INVALID_ARGUMENT: Exit.USAGE,
}
_NOT_TLS = "WRONG_VERSION_NUMBER"
_FROZEN = "before receiving SETTINGS frame"
STORE_FAILED = "STORE_FAILED"
"""Begins the message of a server that answers UNAVAILABLE because it could not write."""


class Remote:
    """Calls of one server. Use as a context; failed calls raise ``grpc.RpcError``."""

    def __init__(self, target: Target) -> None:
        self.target = target
        credentials = _credentials(target)
        self._channel = (
            grpc.secure_channel(target.address, credentials, options=_OPTIONS)
            if credentials
            else grpc.insecure_channel(target.address, options=_OPTIONS)
        )
        self._stub: Any = rpc.EmergencyStopServiceStub(self._channel)  # type: ignore[no-untyped-call] # generated

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def state(self) -> pb.GetStateResponse:
        """Return everything a person needs."""
        response: pb.GetStateResponse = self.call("GetState", pb.GetStateRequest())
        return response

    def call(self, name: str, request: object) -> Any:  # noqa: ANN401 - as the method returns
        """Call a method once."""
        return getattr(self._stub, name)(request, timeout=self.target.timeout)

    def insist(self, name: str, request: object, *, within: float) -> Any:  # noqa: ANN401 - as the method returns
        """Call a method again and again, for ``within`` seconds, until the server answers."""
        end = time.monotonic() + within
        for _ in range(MOST_TRIES):
            try:
                left = max(end - time.monotonic(), PAUSE)
                return getattr(self._stub, name)(request, timeout=left)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() + PAUSE >= end:
                    raise
            time.sleep(PAUSE)
        raise AssertionError("tries and pauses add up to more than any time that is allowed")

    def watch(self, request: pb.WatchStateRequest, *, within: float | None = None) -> Any:  # noqa: ANN401 - grpc's stream
        """Open the stream, for at most ``within`` seconds if that is given."""
        return self._stub.WatchState(request, timeout=within)

    def asking(self, question: Callable[[Self], R]) -> R:
        """Return the answer of ``question``; a failed call becomes a CommandError."""
        try:
            return question(self)
        except grpc.RpcError as error:
            raise failure(error, self.target) from None


def failure(error: grpc.RpcError, target: Target) -> CommandError:
    """Return the sentence and exit code for a failed call."""
    code, details = error.code(), error.details() or ""
    if details.startswith(STORE_FAILED):
        return CommandError(details, Exit.REFUSED, next_steps=(f"{target.ess} status",))
    exit_code = _EXITS.get(code, Exit.REFUSED)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        message = f"{target.address} is no ESS server, or one of another version ({details})"
    elif exit_code is Exit.UNREACHABLE:
        message = f"{target.address} does not answer: {_reason(code, details)}"
    else:
        return CommandError(details or f"the server failed with {code.name}", exit_code)
    return CommandError(message, exit_code, next_steps=_where_to_look(target))


def _reason(code: grpc.StatusCode, details: str) -> str:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "nothing came back in time"
    if _FROZEN in details:
        return "it takes the connection and says nothing: it is frozen, or wants TLS"
    if _NOT_TLS in details:
        return "it speaks no TLS; leave --ca, --cert and --key out (ESS_CA, ESS_CERT, ESS_KEY)"
    # gRPC wraps the cause into layers, outermost first.
    return details.rpartition("last error: ")[2].rpartition(": ")[2].rstrip("]") or "no reason given"


def _where_to_look(target: Target) -> tuple[str, ...]:
    elsewhere = "name another server with --target HOST:PORT or ESS_TARGET"
    tls = () if target.ca else ("with TLS, name its certificate authority with --ca FILE",)
    return ("start it with: ess serve --config FILE", elsewhere, *tls)


def _credentials(target: Target) -> grpc.ChannelCredentials | None:
    if not target.ca and not target.certificate:
        return None
    if bool(target.certificate) != bool(target.key):
        raise CommandError("--cert and --key belong together; name both", Exit.USAGE)
    read = [_pem(path) for path in (target.ca, target.key, target.certificate)]
    return grpc.ssl_channel_credentials(*read)


def _pem(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror})", Exit.USAGE) from None
