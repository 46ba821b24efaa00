"""Components asked for their health over ``grpc.health.v1``, each by a task of its own."""

import asyncio
import errno
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ess_server.core.ports import Clock
from ess_server.core.readings import ComponentHealth, ComponentPoll, HealthStatus

RENEW_AFTER = 10.0
"""Seconds without an answer after which a connection is made anew: its address may have moved, its peer be gone."""
MAX_ANSWER_BYTES = 4096
MAX_WORDS = 200
JITTER = 0.1
PAUSE = 1.0
"""Seconds by which a poll may be late before what passed meanwhile is no silence of the component."""

_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ("grpc.enable_retries", 0),
    # A component is reached directly or not at all: a proxy of the environment answers for itself.
    ("grpc.enable_http_proxy", 0),
    # A new channel is to be a new connection.
    ("grpc.use_local_subchannel_pool", 1),
]
_CRITICAL = {
    health_pb2.HealthCheckResponse.NOT_SERVING: "says NOT_SERVING",
    health_pb2.HealthCheckResponse.UNKNOWN: "says UNKNOWN: let it set the status of this service",
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN: "does not know this service: correct `service`",
}
_log = logging.getLogger("ess.health")

Report = Callable[[ComponentPoll, ComponentHealth | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: who may have signed the component's certificate, and what this server shows of itself."""

    ca: Path
    certificate: Path | None
    key: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTarget:
    """A component to be asked. ``service`` empty is the component as a whole; ``tls`` None is plain text."""

    name: str
    address: str
    service: str
    interval: timedelta
    timeout: timedelta
    max_silence: timedelta | None
    tls: TlsFiles | None


class HealthPoller:
    """Asks one component, again and again, never twice at a time.

    SERVING is HEALTHY, every other answer CRITICAL with what to do. Who does not answer says nothing: it is silent,
    and the reason stands in the poll. Nothing that a component does ends its poller or holds up another. The files of
    ``tls`` are read here, once; where that fails, every attempt fails and says so.
    """

    def __init__(self, target: HealthTarget, clock: Clock, report: Report) -> None:
        """``report`` takes how each attempt went, and the word that it brought; it must return at once."""
        self._target = target
        self._clock = clock
        self._report = report
        self._timeout = target.timeout.total_seconds()
        self._credentials, self._unusable = _credentials(target.tls)
        self._channel: grpc.aio.Channel | None = None
        self._asked_since = self._connected = clock.uptime()
        self._answered: float | None = None
        self._tell("not asked yet")

    async def run(self) -> None:
        """Ask until cancelled."""
        interval = self._target.interval.total_seconds()
        # Components that start together are not asked together.
        due = self._clock.uptime() + random.uniform(0, min(interval, 1.0))  # noqa: S311 - jitter
        try:
            while True:
                await asyncio.sleep(due - self._clock.uptime())
                self._began_anew(due)
                started = self._clock.uptime()
                await self._attempt()
                due = max(started + interval * random.uniform(1 - JITTER, 1), self._clock.uptime())  # noqa: S311 - jitter
        finally:
            await self._disconnect()

    def _began_anew(self, due: float) -> None:
        """After a pause of this process or machine, whoever did not answer during it was not silent."""
        now = self._clock.uptime()
        if now > due + PAUSE:
            self._asked_since = now

    async def _attempt(self) -> None:
        started = self._clock.uptime()
        try:
            word = self._word(await self._ask())
            self._answered = self._connected = word.received
            self._tell("", word)
        except Exception as error:  # noqa: BLE001 - whatever fails, the component is silent and asked again
            self._began_anew(started + self._timeout)
            self._tell(self._words(error))
            await self._renew()

    async def _ask(self) -> int:
        """Return the status that the component answers with."""
        check: Any = health_pb2_grpc.HealthStub(self._connection()).Check
        request = health_pb2.HealthCheckRequest(service=self._target.service)
        try:
            status: int = (await check(request, timeout=self._timeout)).status
        except grpc.aio.AioRpcError as error:
            # The way in which Check, unlike Watch, says that it does not know the service.
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            status = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        return status

    def _connection(self) -> grpc.aio.Channel:
        if self._unusable:
            raise ValueError(self._unusable)
        if self._channel is None:
            address = self._target.address
            self._channel = (
                grpc.aio.secure_channel(address, self._credentials, options=_OPTIONS)
                if self._credentials
                else grpc.aio.insecure_channel(address, options=_OPTIONS)
            )
        return self._channel

    async def _renew(self) -> None:
        now = self._clock.uptime()
        if now - self._connected >= RENEW_AFTER:
            self._connected = now
            await self._disconnect()

    async def _disconnect(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _word(self, status: int) -> ComponentHealth:
        serving = status == health_pb2.HealthCheckResponse.SERVING
        says = "" if serving else _CRITICAL.get(status, f"answers with the unknown status {status}")
        where = self._target.address + (f" {self._target.service}" if self._target.service else "")
        return ComponentHealth(
            component=self._target.name,
            status=HealthStatus.HEALTHY if serving else HealthStatus.CRITICAL,
            detail=says and f"{where} {says}",
            time=self._clock.now(),
            received=self._clock.uptime(),
        )

    def _tell(self, problem: str, word: ComponentHealth | None = None) -> None:
        poll = ComponentPoll(
            component=self._target.name,
            max_silence=self._target.max_silence,
            asked_since=self._asked_since,
            tried=self._clock.uptime(),
            answered=self._answered,
            problem=problem,
        )
        self._report(poll, word)

    def _words(self, error: Exception) -> str:
        if not isinstance(error, grpc.aio.AioRpcError):
            return str(error) or type(error).__name__
        match error.code():
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"no answer from {self._target.address} within {self._timeout:g} s"
            case grpc.StatusCode.UNIMPLEMENTED:
                return f"{self._target.address} does not serve grpc.health.v1"
        # The details hold lines of the transport.
        details = " ".join((error.details() or "").split())
        return f"{self._target.address}: {error.code().name}: {details}"[:MAX_WORDS]


def _credentials(tls: TlsFiles | None) -> tuple[grpc.ChannelCredentials | None, str]:
    """Return credentials, None for plain text; and why they cannot be made, empty if they can."""
    if tls is None:
        return None, ""
    try:
        ca, certificate, key = _content(tls.ca), _content(tls.certificate), _content(tls.key)
    except OSError as error:
        problem = f"{error.filename} cannot be read ({error.strerror}): mend it and start the server anew"
        _log.error("components.tls: %s", problem)
        return None, problem
    return grpc.ssl_channel_credentials(ca, private_key=key, certificate_chain=certificate), ""


def _content(file: Path | None) -> bytes | None:
    if file is None:
        return None
    content = file.read_bytes()
    if not content:
        # Without a certificate gRPC would trust those of the system.
        raise OSError(errno.ENODATA, "is empty", str(file))
    return content
