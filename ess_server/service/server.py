"""Builds and runs the gRPC server: services, health, reflection, limits, keepalive enforcement."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ess_client.pb import emergency_stop_pb2, emergency_stop_pb2_grpc, telemetry_pb2, telemetry_pb2_grpc
from ess_server.core.broadcast import StateBroadcast
from ess_server.core.errors import EssError
from ess_server.service.emergency_stop import EmergencyStopServicer
from ess_server.service.status import ErrorToStatus
from ess_server.service.telemetry import TelemetryServicer
from ess_server.service.watch import WatchMessages

STOP_SERVICE = emergency_stop_pb2.DESCRIPTOR.services_by_name["EmergencyStopService"].full_name
TELEMETRY_SERVICE = telemetry_pb2.DESCRIPTOR.services_by_name["TelemetryService"].full_name
LAST_WRITES = timedelta(milliseconds=500)
CLOSED_WITHIN = timedelta(seconds=1)

OPTIONS = (
    # A second server on the port must fail, not share it.
    ("grpc.so_reuseport", 0),
    # Clients may ping often and without data: cutting an engine off for pinging would stop its trading.
    ("grpc.http2.min_ping_interval_without_data_ms", 100),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # Finds peers that are gone, so that their streams are given back. Hygiene only: gates have their lease.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files. With ``client_ca`` every client must present a certificate that it signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class ListenError(EssError):
    """The address cannot be served."""


def check_tls(tls: TlsFiles) -> None:
    """Raise ListenError in one sentence if the files cannot be used: gRPC would take them and then serve nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        why = _words_of(error)
        raise ListenError(
            f"tls: {tls.certificate} and {tls.key} cannot be used ({why}): "
            "name a certificate and its key in PEM form in [server.tls]"
        ) from error
    try:
        if tls.client_ca:
            context.load_verify_locations(tls.client_ca)
    except OSError as error:
        why = _words_of(error)
        raise ListenError(
            f"tls: client_ca {tls.client_ca} cannot be used ({why}): name certificates in PEM form in [server.tls]"
        ) from error


def _words_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM file").replace("_", " ").lower()
    return error.strerror or str(error)


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    check_tls(tls)
    chain = [(tls.key.read_bytes(), tls.certificate.read_bytes())]
    roots = tls.client_ca.read_bytes() if tls.client_ca else None
    return grpc.ssl_server_credentials(chain, roots, require_client_auth=roots is not None)


class GrpcServer:
    """The server of one installation. Everything it serves is ready before it listens."""

    def __init__(
        self,
        *,
        stops: EmergencyStopServicer,
        telemetry: TelemetryServicer,
        broadcast: StateBroadcast,
        messages: WatchMessages,
    ) -> None:
        self._broadcast = broadcast
        self._messages = messages
        self._health = health.aio.HealthServicer()
        self._closing: asyncio.Future[None] | None = None
        self._server = grpc.aio.server(interceptors=(ErrorToStatus(),), options=OPTIONS)
        self._add_stop_service(stops)
        register: Any = telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server
        register(telemetry, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (STOP_SERVICE, TELEMETRY_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self, listen: str, tls: TlsFiles | None) -> int:
        """Listen on ``host:port`` and return the port. Raises ListenError in one sentence."""
        try:
            if tls:
                port = self._server.add_secure_port(listen, _credentials(tls))
            else:
                port = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise ListenError(
                f"listen: {listen} cannot be bound; is another server using it? Choose another port"
            ) from error
        await self._server.start()
        for name in ("", STOP_SERVICE, TELEMETRY_SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop(self) -> None:
        """Tell every stream that the server goes down, end it with an error status, and close."""
        self._messages.draining = True
        self._broadcast.end()
        self._closing = asyncio.ensure_future(self._server.stop(LAST_WRITES.total_seconds()))
        # A health watcher that never reads holds the servicer's lock; the stop must not wait for it.
        farewell = asyncio.ensure_future(self._health.enter_graceful_shutdown())
        # A connection whose peer takes no bytes closes only when the transport gives it up, seconds later.
        await asyncio.wait([self._closing], timeout=CLOSED_WITHIN.total_seconds())
        farewell.cancel()
        await asyncio.gather(farewell, return_exceptions=True)

    def _add_stop_service(self, stops: EmergencyStopServicer) -> None:
        """Register the generated handlers, but WatchState with messages that are bytes already."""
        recorder = _Recorder()
        register: Any = emergency_stop_pb2_grpc.add_EmergencyStopServiceServicer_to_server
        register(stops, recorder)
        watch = recorder.handlers["WatchState"]
        recorder.handlers["WatchState"] = grpc.unary_stream_rpc_method_handler(
            watch.unary_stream,
            request_deserializer=watch.request_deserializer,
            response_serializer=lambda message: message,
        )
        generic = grpc.method_handlers_generic_handler(STOP_SERVICE, recorder.handlers)
        self._server.add_generic_rpc_handlers((generic,))


class _Recorder:
    """Takes the handlers that generated code would register."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Ignore the generic form; the registered one holds the same handlers."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Keep the handlers."""
        self.handlers = dict(handlers)
