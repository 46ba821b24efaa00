"""OKX: one call in, one reply out."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.credentials import ApiKey, KeyRing
from ess_server.venue.paper.dialects.base import Call, Reply
from ess_server.venue.paper.dialects.okx.auth import KEY_HEADER, authenticate
from ess_server.venue.paper.dialects.okx.codes import OkxError, from_refusal, wrong
from ess_server.venue.paper.dialects.okx.params import Params, read_items, read_query
from ess_server.venue.paper.dialects.okx.request import Answer, Per, Request, Route, Security
from ess_server.venue.paper.dialects.okx.table import routes
from ess_server.venue.paper.faults import Fault, Operation
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import RateLimiter
from ess_server.venue.paper.refusal import Refused
from ess_server.venue.paper.streams import Channel

_EXPIRY = "expTime"
_OK, _TOO_MANY, _UNAVAILABLE = 200, 429, 503


class Okx:
    """The dialect. Security comes first, then the endpoint's own limit, then the books."""

    name = "okx"
    hosts = ("*.okx.com",)

    def __init__(self, books: Books, quotes: Quotes, keys: KeyRing, limiter: RateLimiter) -> None:
        self._books = books
        self._quotes = quotes
        self._keys = keys
        self._limiter = limiter
        self._routes = routes()

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
        try:
            key = self._signed(call, route)
            items = [read_query(call)] if call.method == "GET" else read_items(call)
            self._charge(call, route, key, items)
            late = self._late(call)
            answer = route.handler(Request(books=self._books, quotes=self._quotes, items=items, key=key, late=late))
        except OkxError as error:
            return self._refused(call, error)
        except Refused as refusal:
            return _error(from_refusal(refusal))
        return _reply(_OK, answer)

    def channel(self, call: Call) -> Channel | None:
        """Return None: the dialect has no streams."""
        del call
        return None

    def rejection(self, fault: Fault) -> Reply:
        """Return a scripted error; 50001 "unavailable" unless the script says otherwise."""
        message = fault.message or "Service temporarily unavailable. Try again later"
        code, status = ("50001", _UNAVAILABLE) if fault.code is None else (str(fault.code), _OK)
        return replace(_error(OkxError(code, message, status)), headers=fault.headers)

    def _signed(self, call: Call, route: Route) -> ApiKey | None:
        if route.security is Security.NONE:
            return None
        key = authenticate(call, self._keys, self._books.now())
        if route.security is Security.TRADE and not key.can_trade:
            raise OkxError("50120", "This API key has no permission to use this function", 401)
        return key

    def _charge(self, call: Call, route: Route, key: ApiKey | None, items: Sequence[Params]) -> None:
        who = call.address if route.per is Per.ADDRESS or key is None else key.account
        counted = Counter(item.optional("instId") if route.per is Per.INSTRUMENT else "" for item in items)
        for name, count in counted.items():
            endpoint = (who, call.method, call.path, name)
            if self._limiter.count_call(endpoint, route.limit, route.window, count) is not None:
                self._books.journal.add("limited", self.account(call), banned=False, path=call.path)
                raise OkxError("50011", "Too Many Requests", _TOO_MANY)

    def _late(self, call: Call) -> bool:
        sent = call.headers.get(_EXPIRY, "")
        if not sent:
            return False
        if not (sent.isascii() and sent.isdigit()):
            raise wrong(_EXPIRY)
        return int(sent) < milliseconds(self._books.now())

    def _refused(self, call: Call, error: OkxError) -> Reply:
        self._books.journal.add(
            "refused", self.account(call), what=call.method, path=call.path, code=error.code, detail=error.message
        )
        return _error(error)


def _error(error: OkxError) -> Reply:
    return _reply(error.status, Answer([], error.code, error.message))


def _reply(status: int, answer: Answer) -> Reply:
    content = {"code": answer.code, "msg": answer.message, "data": answer.data}
    return Reply(status, json.dumps(content, separators=(",", ":")).encode())
