"""ccxt's bybit, strict: every reply must say by itself that it succeeded, and each request has its own validity."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import ccxt.async_support as ccxt

from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.strict import READ_WINDOW_MS, Strict, VenueError, exchange_config

WINDOW = "recvWindow"
"""Milliseconds for which a request is valid; sent as a header, as a parameter in between."""
_FORBIDDEN = 403
_FORBIDDEN_PAUSE_S = 60.0
"""The exchange shuts an address out for ten minutes and lifts that by itself: one try a minute is no burden."""
_MAX_TEXT = 120


class StrictBybit(Strict, ccxt.bybit):  # type: ignore[misc] # ccxt is untyped
    """ccxt's bybit, strict."""

    def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = None) -> Any:  # noqa: ANN401 - ccxt's
        """Move the validity from the parameters to the headers."""
        sent = dict(params or {})
        self.options[WINDOW] = sent.pop(WINDOW, READ_WINDOW_MS)
        return super().sign(path, api, method, sent)

    def handle_errors(self, code: int, reason: str, url: str, *reply: Any) -> Any:  # noqa: ANN401 - ccxt's
        """Raise VenueError with the exchange's own number; ccxt refuses what tells none."""
        response = reply[3]
        if code == _FORBIDDEN:
            self.budget.refused(_FORBIDDEN_PAUSE_S)
        told = str(response.get("retCode", "")) if isinstance(response, Mapping) else ""
        if told.removeprefix("-").isdecimal() and int(told):
            raise VenueError(f"{told} {str(response.get('retMsg', ''))[:_MAX_TEXT]}", int(told))
        return super().handle_errors(code, reason, url, *reply)


def open_bybit(credentials: Credentials, budget: RequestBudget, session: aiohttp.ClientSession | None) -> StrictBybit:
    """Return an exchange that limits nothing by itself and asks only for what the flatten needs."""
    options = {"fetchMarkets": {"types": ["linear", "inverse"]}, "defaultType": "swap"}
    exchange = StrictBybit(exchange_config(credentials, session) | {"options": options})
    exchange.has = {**exchange.has, "fetchCurrencies": False}
    exchange.budget = budget
    return exchange
