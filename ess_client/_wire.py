"""Between the contract's messages and the gate's own types, and how channels are made."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration

from ess_client._model import LimitWarning, Proof, Stop
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb.emergency_stop_pb2_grpc import EmergencyStopServiceStub
from ess_client.pb.telemetry_pb2_grpc import TelemetryServiceStub

# Fixed per stream attempt: a channel shares neither back-off nor connection with an earlier one, and never takes
# the detour of an HTTP proxy that some environment variable names. Keepalive stays off: the lease is what makes
# the gate safe, a silent stream is reopened, and pings only risk being cut with too_many_pings.
CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # Of a channel that is kept: a server that is back is not to wait two minutes for its reporters.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

_LOCAL = ("localhost:", "127.", "[::1]:", "unix:", "unix-abstract:", "ipv4:127.", "ipv6:[::1]:")


@dataclass(frozen=True, slots=True)
class Access:
    """How a server is reached: TLS or plain text, and what proves who asks."""

    credentials: grpc.ChannelCredentials | None = None
    token: str | None = field(default=None, repr=False)

    def require_safe(self, targets: Iterable[str]) -> None:
        """Raise ValueError if the token would cross a network in plain text."""
        if self.token and self.credentials is None:
            for target in targets:
                if not target.startswith(_LOCAL):
                    raise ValueError(f"a token for {target} needs TLS; pass credentials=grpc.ssl_channel_credentials()")

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Sent with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def channel(self, target: str) -> grpc.Channel:
        """A channel for threads."""
        if self.credentials is None:
            return grpc.insecure_channel(target, CHANNEL_OPTIONS)
        return grpc.secure_channel(target, self.credentials, CHANNEL_OPTIONS)

    def aio_channel(self, target: str) -> grpc.aio.Channel:
        """A channel for the running event loop."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(target, CHANNEL_OPTIONS)
        return grpc.aio.secure_channel(target, self.credentials, CHANNEL_OPTIONS)


def client_version() -> str:
    """Library and version, as the contract asks."""
    try:
        return f"ess-python/{version('emergency-stop-system')}"
    except PackageNotFoundError:
        return "ess-python/unknown"


def duration(seconds: float) -> Duration:
    """Seconds as the contract writes them."""
    nanos = round(seconds * 1e9)
    return Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)


def proof_of(message: pb.WatchStateResponse) -> Proof:
    """Read a watch message; what is absent proves nothing."""
    state = message.state
    return Proof(
        store_id=state.store_id,
        server_instance_id=message.server_instance_id,
        revision=state.revision,
        status=state.status,
        proven_uptime=_seconds(message, "proven_uptime"),
        sent_uptime=_seconds(message, "sent_uptime"),
        lease=_seconds(message, "lease"),
        stops=tuple(_stop(stop) for stop in state.stops),
        gate_level=message.gate_level,
        warnings=tuple(
            LimitWarning(evaluator=each.evaluator, scope=each.scope, tier_percent=each.tier_percent)
            for each in state.warnings
        ),
        installation=state.installation,
    )


def sent_uptime_of(reply: pb.AcknowledgeStateResponse) -> float:
    """The server's clock in a reply, NaN if it left it out."""
    return _seconds(reply, "sent_uptime")


def _seconds(message: pb.WatchStateResponse | pb.AcknowledgeStateResponse, name: str) -> float:
    if not message.HasField(name):
        return math.nan
    value: Duration = getattr(message, name)
    return value.seconds + value.nanos / 1e9


def _stop(stop: pb.Stop) -> Stop:
    # A timestamp that no calendar holds must not keep the stop itself from being applied.
    try:
        activate_time = stop.activate_time.ToDatetime(UTC) if stop.HasField("activate_time") else None
    except (ValueError, OverflowError):
        activate_time = None
    return Stop(
        scope=stop.scope,
        stop_id=stop.stop_id,
        revision=stop.revision,
        reason=stop.cause.reason,
        activate_time=activate_time,
        durable=stop.durable,
    )


def service_of(channel: grpc.Channel | grpc.aio.Channel) -> Any:  # noqa: ANN401 - generated stubs carry no types
    """The service's calls over a channel."""
    return EmergencyStopServiceStub(channel)  # type: ignore[no-untyped-call]  # generated


def telemetry_of(channel: grpc.Channel | grpc.aio.Channel) -> Any:  # noqa: ANN401 - generated stubs carry no types
    """The telemetry service's calls over a channel."""
    return TelemetryServiceStub(channel)  # type: ignore[no-untyped-call]  # generated


def words_of(error: Exception) -> str:
    """What went wrong with a call, without anything that was sent."""
    code, details = getattr(error, "code", None), getattr(error, "details", None)
    return f"{code().name}: {details()}" if callable(code) and callable(details) else str(error)
