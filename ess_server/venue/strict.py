"""Classes of ccxt, made to fail where they would read garbage as an empty account, and to hold no secret in errors."""

import logging
import re
import ssl
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import aiohttp
import ccxt.async_support as ccxt

from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials

T = TypeVar("T")

HTTP_TIMEOUT_MS = 4000
READ_WINDOW_MS = 5000
_TOO_MANY_REQUESTS, _BANNED = 429, 418
_TOO_MANY_ORDERS = "-1015"
_CODE = re.compile(r'"code"\s*:\s*"?(-?\d+)')
_QUERY = re.compile(r"\?\S*")
_DEFAULT_PAUSE_S = {_TOO_MANY_REQUESTS: 1.0, _BANNED: 120.0}
_MAX_TEXT = 160


class VenueError(EssError):
    """The venue answered with an error. ``code`` is its own number, None where it gave none."""

    def __init__(self, text: str, code: int | None) -> None:
        super().__init__(text)
        self.code = code


class Strict:
    """Mixed into a class of ccxt.

    Refuses every reply that is not a JSON object or list, tells the budget what the headers say, and sends nothing
    while that says that the address is refused.
    """

    budget: RequestBudget

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:  # noqa: ANN401 - ccxt's
        """Make a request. Raises VenueUnknownError for a body that is not JSON or null, and while it is refused."""
        # Here passes what nobody pays for as well, such as the time and the list of markets.
        self.budget.admit()
        reply = await super().fetch(url, method, headers, body)  # type: ignore[misc] # a class of ccxt comes next
        if not isinstance(reply, dict | list):
            raise VenueUnknownError("the venue's reply is not JSON")
        return reply

    def handle_errors(self, code: int, reason: str, url: str, *reply: Any) -> Any:  # noqa: ANN401 - ccxt's
        """Note limits before ccxt turns the reply into an exception."""
        _method, headers, body = reply[:3]
        lower = {str(name).lower(): str(value) for name, value in headers.items()}
        used = lower.get("x-mbx-used-weight-1m", "")
        if used.isdigit():
            self.budget.used(int(used))
        # -1015 limits new orders of this account only: reads and cancels must go on.
        if code in _DEFAULT_PAUSE_S and _TOO_MANY_ORDERS not in body:
            self.budget.refused(_retry_after(lower, _DEFAULT_PAUSE_S[code]))
        return super().handle_errors(code, reason, url, *reply)  # type: ignore[misc] # a class of ccxt comes next


class StrictUsdm(Strict, ccxt.binanceusdm):  # type: ignore[misc] # ccxt is untyped
    """ccxt's binanceusdm, strict."""


def open_exchange(credentials: Credentials, budget: RequestBudget, session: aiohttp.ClientSession | None) -> StrictUsdm:
    """Return an exchange that limits nothing by itself and asks only for what the flatten needs."""
    options = {"fetchCurrencies": False, "fetchMargins": False, "leverageBrackets": {}, "recvWindow": READ_WINDOW_MS}
    exchange = StrictUsdm(exchange_config(credentials, session) | {"options": options})
    exchange.budget = budget
    return exchange


def exchange_config(credentials: Credentials, session: aiohttp.ClientSession | None) -> dict[str, Any]:
    """Return what every exchange of ccxt is opened with; ``session`` leads to a paper venue."""
    config: dict[str, Any] = {
        "apiKey": credentials.key,
        "secret": credentials.secret,
        "password": credentials.passphrase,
        "enableRateLimit": False,
        "timeout": HTTP_TIMEOUT_MS,
        # ccxt logs requests with their headers at DEBUG; this logger is outside the hierarchy and never does.
        "logger": logging.Logger("ccxt", logging.WARNING),  # noqa: LOG001
    }
    return config | lent(session)


def lent(session: aiohttp.ClientSession | None) -> dict[str, Any]:
    """Return how ccxt is told to use a session that is not its own; nothing without one."""
    if session is None:
        return {}
    # The pause on closing is for a connector of ccxt's own, and so are all the certificates of the world, which take
    # 17 ms to read: whom to trust is decided by the session. This context trusts nobody, should anything use it.
    return {"session": session, "timeout_on_exit": 0, "ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}


def translate(error: Exception) -> EssError:
    """Turn whatever a call raised into an error that is safe to show: no URL, no query, no exception chain."""
    if isinstance(error, EssError):
        return error
    text = str(error)
    found = _CODE.search(text)
    brief = _QUERY.sub("", text).removeprefix("binanceusdm ").removeprefix("binance ").removeprefix("okx ")[:_MAX_TEXT]
    if not isinstance(error, ccxt.BaseError):
        return VenueUnknownError(f"the reply could not be read ({type(error).__name__})")
    return VenueError(f"{type(error).__name__}: {brief}", int(found[1]) if found else None)


async def translated(call: Awaitable[T]) -> T:
    """Await a call of ccxt; whatever it raises becomes an EssError that is safe to show."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - parsers of other people raise anything
        raise translate(error) from None


def _retry_after(headers: Mapping[str, str], default: float) -> float:
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else default
