"""ccxt's okx, strict, with the expiry header that OKX has for orders and with batches left to their reader."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import ccxt.async_support as ccxt

from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.strict import Strict, exchange_config

EXPIRY = "expTime"
"""Milliseconds of the venue's clock; sent as a header, as a parameter in between."""
_ITEMS_FAILED = ("1", "2")
_TOO_MANY_REQUESTS = 429


class StrictOkx(Strict, ccxt.okx):  # type: ignore[misc] # ccxt is untyped
    """ccxt's okx, strict."""

    def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = None) -> Any:  # noqa: ANN401 - ccxt's
        """Move the expiry from the parameters to the headers."""
        sent = dict(params) if isinstance(params, Mapping) else params or {}
        expiry = sent.pop(EXPIRY, None) if isinstance(sent, dict) else None
        signed = super().sign(path, api, method, sent)
        if expiry is not None:
            signed["headers"] = {**signed["headers"], EXPIRY: str(expiry)}
        return signed

    def handle_errors(self, code: int, reason: str, url: str, *reply: Any) -> Any:  # noqa: ANN401 - ccxt's
        """Leave replies that answer item by item to their reader: ccxt would raise for the first item only."""
        response = reply[3]
        if isinstance(response, Mapping):
            rows = response.get("data")
            if response.get("code") in _ITEMS_FAILED and isinstance(rows, list) and rows:
                return None
            if code == _TOO_MANY_REQUESTS:
                # An endpoint's own limit: the others must go on.
                return ccxt.okx.handle_errors(self, code, reason, url, *reply)
        return super().handle_errors(code, reason, url, *reply)


def open_okx(credentials: Credentials, budget: RequestBudget, session: aiohttp.ClientSession | None) -> StrictOkx:
    """Return an exchange that limits nothing by itself and asks only for what the flatten needs."""
    options = {"fetchMarkets": {"types": ["swap", "future"]}}
    exchange = StrictOkx(exchange_config(credentials, session) | {"options": options})
    exchange.has = {**exchange.has, "fetchCurrencies": False}
    exchange.budget = budget
    return exchange
