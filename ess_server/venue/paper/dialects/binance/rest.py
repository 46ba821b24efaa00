"""One call to one of Binance's REST APIs: weight limits come first, then security, then the books."""

import json
import math
from collections.abc import Callable, Mapping

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.credentials import KeyRing
from ess_server.venue.paper.dialects.base import Call, Reply
from ess_server.venue.paper.dialects.binance.auth import KEY_HEADER, authenticate, read_params
from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.dialects.binance.params import Params
from ess_server.venue.paper.dialects.binance.request import OrderLimitError, Request, Route, Security
from ess_server.venue.paper.faults import Fault, Operation
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import Limited, RateLimiter
from ess_server.venue.paper.refusal import Refused

_USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"


class BinanceRest:
    """What the dialects of one exchange have in common; each has its own hosts, routes, codes and limits.

    ``counted_as`` keeps the weights of this API apart from those of the others at the same address; it takes
    ``weight_times`` as much of them as the limits say.
    """

    def __init__(
        self,
        books: Books,
        quotes: Quotes,
        keys: KeyRing,
        limiter: RateLimiter,
        *,
        routes: Mapping[tuple[str, str], Route],
        from_refusal: Callable[[Refused], BinanceError],
        counted_as: str = "",
        weight_times: float = 1,
    ) -> None:
        self._books = books
        self._quotes = quotes
        self._keys = keys
        self._limiter = limiter
        self._routes = routes
        self._from_refusal = from_refusal
        self._counted_as = counted_as
        self._times = weight_times

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
        params = read_params(call)
        limited = self._limiter.charge(self._counted(call), route.weight_of(params), times=self._times)
        if limited is not None:
            self._books.journal.add("limited", self.account(call), banned=limited.banned, path=call.path)
            return self._too_many(call, limited)
        headers = self._used(call)
        try:
            return _reply(200, route.handler(self._request(call, route, params)), headers)
        except OrderLimitError as error:
            self._books.journal.add("limited", self.account(call), banned=False, path=call.path)
            return _error(error, headers | _retry_after(error.limited))
        except BinanceError as error:
            self._note(call, error)
            return _error(error, headers)
        except Refused as refusal:
            return _error(self._from_refusal(refusal), headers)

    def rejection(self, fault: Fault) -> Reply:
        """Return a scripted error; -1008 "overloaded" unless the script says otherwise."""
        code = -1008 if fault.code is None else fault.code
        message = fault.message or "Server is currently overloaded with other requests. Please try again later."
        return _error(BinanceError(code, message, 503 if fault.code is None else 400), dict(fault.headers))

    def _request(self, call: Call, route: Route, params: Params) -> Request:
        if route.security is Security.NONE:
            return Request(
                books=self._books,
                quotes=self._quotes,
                limiter=self._limiter,
                params=params,
                version=route.version,
            )
        key = authenticate(call, params, self._keys, self._books.now())
        if route.security is Security.TRADE and not key.can_trade:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return Request(
            books=self._books,
            quotes=self._quotes,
            limiter=self._limiter,
            params=params,
            account=key.account,
            key=key,
            version=route.version,
        )

    def _note(self, call: Call, error: BinanceError) -> None:
        self._books.journal.add(
            "refused", self.account(call), what=call.method, path=call.path, code=error.code, detail=error.message
        )

    def _too_many(self, call: Call, limited: Limited) -> Reply:
        if limited.banned:
            message = f"Way too many requests; IP({call.address}) banned. Please use the websocket for live updates."
        else:
            message = f"Too many requests; current limit of IP({call.address}) is {limited.limit} requests per minute."
        error = BinanceError(-1003, message, 418 if limited.banned else 429)
        return _error(error, self._used(call) | _retry_after(limited))

    def _used(self, call: Call) -> dict[str, str]:
        return {_USED_WEIGHT: str(self._limiter.used_weight(self._counted(call)))}

    def _counted(self, call: Call) -> str:
        return call.address + self._counted_as


def _retry_after(limited: Limited) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(limited.retry_after.total_seconds())))}


def _reply(status: int, content: object, headers: dict[str, str]) -> Reply:
    return Reply(status, json.dumps(content, separators=(",", ":")).encode(), headers)


def _error(error: BinanceError, headers: dict[str, str]) -> Reply:
    return _reply(error.status, {"code": error.code, "msg": error.message}, headers)
