"""Bybit v5: one call in, one reply out."""

import json
from dataclasses import replace
from datetime import timedelta

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.credentials import KeyRing
from ess_server.venue.paper.dialects.base import Call, Reply
from ess_server.venue.paper.dialects.bybit.auth import KEY_HEADER, authenticate
from ess_server.venue.paper.dialects.bybit.codes import BybitError, from_refusal
from ess_server.venue.paper.dialects.bybit.params import read_params
from ess_server.venue.paper.dialects.bybit.request import SECOND, Answer, Request, Route, Security
from ess_server.venue.paper.dialects.bybit.routes_stop import end_orphans
from ess_server.venue.paper.dialects.bybit.table import routes
from ess_server.venue.paper.faults import Fault, Operation
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import RateLimiter
from ess_server.venue.paper.refusal import Refused
from ess_server.venue.paper.streams import Channel

_PER_ADDRESS, _ADDRESS_WINDOW = 600, timedelta(seconds=5)
_FORBIDDEN, _UNAUTHORIZED = 403, 401
_TOO_MANY = 10006


class Bybit:
    """The dialect. The address's limit comes first, then security, then the endpoint's limit, then the books."""

    name = "bybit"
    hosts = ("api.bybit.com", "api.bytick.com")

    def __init__(self, books: Books, quotes: Quotes, keys: KeyRing, limiter: RateLimiter) -> None:
        self._books = books
        self._quotes = quotes
        self._keys = keys
        self._limiter = limiter
        self._routes = routes()
        self._windows: dict[tuple[str, str], int] = {}

    def operation(self, call: Call) -> Operation | None:
        """Return what the call is about; None for an endpoint that does not exist here."""
        route = self._routes.get((call.method, call.path))
        return None if route is None else route.operation

    def account(self, call: Call) -> str:
        """Return the account that the call's API key names, unchecked."""
        key = self._keys.find(call.headers.get(KEY_HEADER, ""))
        return "" if key is None else key.account

    def answer(self, call: Call) -> Reply:
        """Carry the call out."""
        route = self._routes[call.method, call.path]
        if self._limiter.count_call((call.address, self.name), _PER_ADDRESS, _ADDRESS_WINDOW) is not None:
            self._limited(call)
            return Reply(_FORBIDDEN, b"403, access too frequent. Try again later!", content_type="text/plain")
        try:
            answer = self._carried_out(call, route)
        except BybitError as error:
            return self._refused(call, route, error)
        except Refused as refusal:
            return self._error(from_refusal(refusal), self._limits(call, route))
        return self._reply(200, 0, answer, self._limits(call, route))

    def channel(self, call: Call) -> Channel | None:
        """Return None: the dialect has no streams."""
        del call
        return None

    def rejection(self, fault: Fault) -> Reply:
        """Return a scripted error; 10016 "server error" unless the script says otherwise."""
        error = BybitError(10016 if fault.code is None else fault.code, fault.message or "Server error.")
        return replace(self._error(error, {}), headers=fault.headers)

    def _carried_out(self, call: Call, route: Route) -> Answer:
        key = None if route.security is Security.NONE else authenticate(call, self._keys, self._books.now())
        if route.security is Security.TRADE and key is not None and not key.can_trade:
            raise BybitError(10005, "Permission denied, please check your API key permissions.")
        request = Request(
            books=self._books,
            quotes=self._quotes,
            limiter=self._limiter,
            params=read_params(call),
            windows=self._windows,
            route=route,
            path=call.path,
            key=key,
        )
        if key is not None:
            if not route.batch:
                request.count()
            end_orphans(request)
        return route.handler(request)

    def _refused(self, call: Call, route: Route, error: BybitError) -> Reply:
        if error.code == _TOO_MANY:
            self._limited(call)
        self._books.journal.add(
            "refused", self.account(call), what=call.method, path=call.path, code=error.code, detail=error.message
        )
        if error.status == _UNAUTHORIZED:
            return Reply(error.status, b"")
        return self._error(error, self._limits(call, route))

    def _limited(self, call: Call) -> None:
        self._books.journal.add("limited", self.account(call), banned=False, path=call.path)

    def _limits(self, call: Call, route: Route) -> dict[str, str]:
        """The headers that tell what is left of the endpoint's limit, on private endpoints."""
        if route.security is Security.NONE:
            return {}
        now = milliseconds(self._books.now())
        percent = self._limiter.limits.endpoint_percent
        limit = route.limit if percent is None else route.limit * percent // 100
        left = self._limiter.calls_left((self.account(call), call.path), route.limit, SECOND)
        reset = now if left else now - now % 1000 + 1000
        return {
            "X-Bapi-Limit": str(limit),
            "X-Bapi-Limit-Status": str(left),
            "X-Bapi-Limit-Reset-Timestamp": str(reset),
        }

    def _error(self, error: BybitError, headers: dict[str, str]) -> Reply:
        return self._reply(error.status, error.code, Answer({}, message=error.message), headers)

    def _reply(self, status: int, code: int, answer: Answer, headers: dict[str, str]) -> Reply:
        content: dict[str, object] = {"retCode": code, "retMsg": answer.message}
        if answer.result is not None:
            time = milliseconds(self._books.now())
            content |= {"result": answer.result, "retExtInfo": answer.extra, "time": time}
        return Reply(status, json.dumps(content, separators=(",", ":")).encode(), headers)
