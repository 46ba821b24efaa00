"""The venues' own clients, led to a paper venue: their URLs, signatures and checks are what the venue wrote.

They are imported when they are asked for: that takes up to three seconds, which every worker would pay for collecting.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from ess_server.venue.paper import PaperVenue
from ess_server.venue.paper.pin_requests import PinnedAdapter

_OKX = {"MarketData": "Market", "PublicData": "Public"}
KEY, SECRET, PASSPHRASE = "official-key", "official-secret", "official-passphrase"


def unsent(answer: Any, left_out: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    """Yield model and field of what a client of Binance knows and the venue has not sent, but for what is left out."""
    if isinstance(answer, list):
        for row in answer[:3]:
            yield from unsent(row, left_out)
        return
    answer = getattr(answer, "actual_instance", answer)
    name = type(answer).__name__
    for field in getattr(type(answer), "model_fields", {}):
        value = getattr(answer, field)
        if value is None and field not in left_out.get(name, ()):
            yield name, field
        elif field != "additional_properties":
            yield from unsent(value, left_out)


class PinnedTransport(httpx.HTTPTransport):
    """Keeps Host header and TLS server name of a request and connects to the paper venue."""

    def __init__(self, port: int, ca_file: Path) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=str(ca_file)))
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)


class Official:
    """Blocking calls of official clients, made from a thread so that the venue can answer."""

    def __init__(self, venue: PaperVenue) -> None:
        self.venue = venue

    async def __call__(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Make a call."""
        return await asyncio.to_thread(call, *args, **options)

    def usdm(self) -> Any:
        """Binance's client of USD-M futures."""
        from binance_sdk_derivatives_trading_usds_futures import derivatives_trading_usds_futures as sdk  # noqa: PLC0415

        return self._binance(sdk.DerivativesTradingUsdsFutures, "https://fapi.binance.com")

    def spot(self) -> Any:
        """Binance's client of spot."""
        from binance_sdk_spot.spot import Spot  # noqa: PLC0415 - see above

        return self._binance(Spot, "https://api.binance.com")

    def bybit(self) -> Any:
        """Bybit's client."""
        from pybit.unified_trading import HTTP  # noqa: PLC0415 - see above

        client = HTTP(api_key=KEY, api_secret=SECRET, max_retries=1)
        client.client.mount("https://", self._adapter())
        return client

    def okx(self, name: str) -> Any:
        """One of OKX's clients by its module, such as ``Trade``; they take no transport of one's own."""
        kind = getattr(import_module(f"okx.{name}"), f"{_OKX.get(name, name)}API")
        client = kind(KEY, SECRET, PASSPHRASE, flag="0")
        client._transport = PinnedTransport(self.venue.port, self.venue.ca_file)
        return client

    def _binance(self, kind: Any, url: str) -> Any:
        from binance_common.configuration import ConfigurationRestAPI  # noqa: PLC0415 - see above

        settings = ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=url, retries=0, timeout=5000)
        client = kind(config_rest_api=settings).rest_api
        client._session.mount("https://", self._adapter())
        return client

    def _adapter(self) -> PinnedAdapter:
        return PinnedAdapter("127.0.0.1", self.venue.port, self.venue.ca_file)
