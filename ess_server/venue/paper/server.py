"""HTTP and websockets over TLS in front of the dialects: reads requests, plays scripted faults, writes replies."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from aiohttp import web

from ess_server.venue.paper.admin import Admin, Controlled
from ess_server.venue.paper.dialects.base import Call, Dialect, Reply, dialect_of
from ess_server.venue.paper.faults import MAX_DELAY, Fault, FaultKind, Operation
from ess_server.venue.paper.tls import PaperAuthority

_log = logging.getLogger(__name__)
_SHUTDOWN_S = 0.5
_LOOK_S = 0.25
_ADMIN = "/paper/"


class Served(Controlled, Protocol):
    """What the front needs from the venue."""

    @property
    def dialects(self) -> Sequence[Dialect]:
        """Each answers on its own hosts."""


class HttpFront:
    """The server socket and the way of one request through it."""

    def __init__(self, venue: Served) -> None:
        self._venue = venue
        self._admin = Admin(venue)
        self._runner: web.ServerRunner | None = None
        self._ca_file: Path | None = None
        self.port = 0

    @property
    def ca_file(self) -> Path:
        """The CA certificate. Raises RuntimeError before ``start``."""
        if self._ca_file is None:
            raise RuntimeError("the paper venue has not been started")
        return self._ca_file

    async def start(self, host: str, port: int, cert_dir: Path) -> None:
        """Listen. Raises OSError."""
        authority = PaperAuthority(name for dialect in self._venue.dialects for name in dialect.hosts)
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, ssl_context=authority.context).start()
        except OSError:
            await self.stop()
            raise
        self.port = int(self._runner.addresses[0][1])
        self._ca_file = authority.write(cert_dir)

    async def stop(self) -> None:
        """Stop listening and cut off, half a second later, what is still waiting. Idempotent."""
        if self._runner is not None:
            self._venue.streams.drop()
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = await _read(request)
        if call.path.startswith(_ADMIN):
            return _response(self._admin.answer(call))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listened(request, call)
        dialect = dialect_of(call.host, self._venue.dialects)
        operation = None if dialect is None else dialect.operation(call)
        if dialect is None or operation is None:
            return self._unknown(call)
        return await self._served(request, call, dialect, operation)

    def _unknown(self, call: Call) -> web.StreamResponse:
        self._venue.books.journal.add("unknown_path", method=call.method, host=call.host, path=call.path)
        return _response(_problem(404, f"The paper venue has no {call.method} {call.path} on {call.host}."))

    async def _listened(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        dialect = dialect_of(call.host, self._venue.dialects)
        channel = None if dialect is None else dialect.channel(call)
        if channel is None:
            return self._unknown(call)
        return await self._venue.streams.serve(request, channel)

    async def _served(
        self, request: web.BaseRequest, call: Call, dialect: Dialect, operation: Operation
    ) -> web.StreamResponse:
        account = dialect.account(call)
        fault = self._venue.faults.take(operation, account, call.path)
        if fault is None:
            return _response(_answer(dialect, call))
        self._venue.books.journal.add("fault", account, what=fault.kind, method=call.method, path=call.path)
        reply = _answer(dialect, call) if fault.applies else None
        return await self._faulty(request, call, dialect, fault, reply)

    async def _faulty(
        self, request: web.BaseRequest, call: Call, dialect: Dialect, fault: Fault, reply: Reply | None
    ) -> web.StreamResponse:
        if fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.delay.total_seconds())
            return _response(reply or _answer(dialect, call))
        if fault.kind is FaultKind.REJECT:
            return _response(dialect.rejection(fault))
        if fault.kind is FaultKind.STATUS:
            return _response(Reply(fault.status, fault.body.encode(), fault.headers, "text/html"))
        if fault.kind is FaultKind.BODY:
            return _response(Reply(200, fault.body.encode(), fault.headers))
        if fault.kind is FaultKind.TRUNCATE:
            await _truncated(request, reply)
        if fault.kind is FaultKind.HANG:
            await _hang(request)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)


async def _truncated(request: web.BaseRequest, reply: Reply | None) -> None:
    """Promise the whole reply and send its first half."""
    if reply is None:
        return
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    response.content_type, response.content_length = reply.content_type, len(reply.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(reply.body[: len(reply.body) // 2])


async def _hang(request: web.BaseRequest) -> None:
    """Wait until the client has gone."""
    for _ in range(int(MAX_DELAY.total_seconds() / _LOOK_S)):
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(_LOOK_S)


async def _read(request: web.BaseRequest) -> Call:
    path, _, query = request.raw_path.partition("?")
    return Call(
        method=request.method,
        host=request.headers.get("Host", ""),
        path=path,
        query=query,
        body=(await request.read()).decode("utf-8", "replace"),
        headers=request.headers,
        address=request.remote or "",
    )


def _answer(dialect: Dialect, call: Call) -> Reply:
    try:
        return dialect.answer(call)
    except Exception:  # noqa: BLE001 - a fault of the venue is answered as one and logged
        _log.exception("paper venue failed on %s %s", call.method, call.path)
        return _problem(500, "The paper venue failed; its log says where.")


def _problem(status: int, message: str) -> Reply:
    return Reply(status, json.dumps({"code": -status, "msg": message}).encode())


def _response(reply: Reply) -> web.Response:
    return web.Response(
        body=reply.body, status=reply.status, headers=dict(reply.headers), content_type=reply.content_type
    )
