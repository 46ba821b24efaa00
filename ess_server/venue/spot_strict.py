"""ccxt's binance for spot alone, strict, and with the exchange's own number in every refusal."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import ccxt.async_support as ccxt

from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.strict import READ_WINDOW_MS, Strict, VenueError, exchange_config

_MAX_TEXT = 160


class StrictSpot(Strict, ccxt.binance):  # type: ignore[misc] # ccxt is untyped
    """ccxt's binance, strict.

    ccxt drops the number of a refusal whose words it knows, and the number is what tells "was refused" from "nobody
    knows": it is put back.
    """

    def handle_errors(self, code: int, reason: str, url: str, *reply: Any) -> Any:  # noqa: ANN401 - ccxt's
        """Raise VenueError with the exchange's number where it gave one, else what ccxt raises."""
        try:
            return super().handle_errors(code, reason, url, *reply)
        except ccxt.BaseError as error:
            content = reply[3]
            number = content.get("code") if isinstance(content, Mapping) else None
            if not isinstance(number, int) or isinstance(number, bool):
                raise
            text = f"{type(error).__name__}: {number} {content.get('msg', '')}"
            raise VenueError(text[:_MAX_TEXT], number) from None


def open_spot(credentials: Credentials, budget: RequestBudget, session: aiohttp.ClientSession | None) -> StrictSpot:
    """Return an exchange that limits nothing by itself and knows spot markets only."""
    options = {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
        "recvWindow": READ_WINDOW_MS,
    }
    exchange = StrictSpot(exchange_config(credentials, session) | {"options": options})
    exchange.budget = budget
    return exchange
