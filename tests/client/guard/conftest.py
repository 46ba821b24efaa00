"""Real ccxt exchanges of which only the network edge, ``fetch``, is replaced."""

import asyncio
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from ess_client import guard
from ess_client.testing import FakeGate

PERP = "BTC/USDT:USDT"
SPOT = "BTC/USDT"
KEYS = {"apiKey": "key", "secret": "secret", "enableRateLimit": False}
ORDER = {"orderId": 1, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "c", "type": "LIMIT", "side": "BUY"}


def with_markets(exchange: Any) -> Any:
    """Give an exchange its markets without asking the venue."""
    limits = {"amount": {"min": 0.001}, "price": {}, "cost": {}, "leverage": {}}
    common = {"base": "BTC", "quote": "USDT", "active": True, "limits": limits}
    common["info"] = {"orderTypes": ["LIMIT", "MARKET", "STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP"]}
    common |= {"precision": {"amount": 0.001, "price": 0.1}, "option": False, "future": False, "margin": False}
    perp = {"id": "BTCUSDT", "symbol": PERP, "settle": "USDT", "type": "swap", "swap": True, "spot": False}
    perp |= {"contract": True, "linear": True, "inverse": False, "contractSize": 1.0}
    spot = {"id": "BTCUSDT", "symbol": SPOT, "type": "spot", "swap": False, "spot": True, "contract": False}
    exchange.set_markets([exchange.safe_market_structure(common | one) for one in (perp, spot)])
    return exchange


class Edge:
    """What an exchange would have sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def fetch(self, url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:  # noqa: ARG002 - ccxt's signature
        """Stand in for the venue: accept everything."""
        self.sent.append((method, f"{url}?{body}"))
        answer = dict(ORDER)
        return [answer] if "batchOrders" in url else answer

    async def fetch_async(self, url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:
        """As ``fetch``, after a turn of the loop."""
        await asyncio.sleep(0)
        return self.fetch(url, method, headers, body)


@pytest.fixture
def edge() -> Edge:
    """The network edge of the exchange under test."""
    return Edge()


@pytest.fixture
def gate() -> FakeGate:
    """An open gate."""
    return FakeGate()


@pytest.fixture
def inner(edge: Edge) -> Any:
    """An unguarded Binance USD-M exchange."""
    exchange = with_markets(ccxt.binanceusdm(KEYS))
    exchange.options["defaultType"] = "swap"
    exchange.fetch = edge.fetch
    return exchange


@pytest.fixture
def exchange(inner: Any, gate: FakeGate) -> Any:
    """The guarded one."""
    return guard(inner, gate, account="main", venue="binance", strategy="mm")


@pytest.fixture
def async_inner(edge: Edge) -> Any:
    """An unguarded asynchronous Binance USD-M exchange."""
    exchange = with_markets(ccxt.async_support.binanceusdm(KEYS))
    exchange.options["defaultType"] = "swap"
    exchange.fetch = edge.fetch_async
    return exchange


@pytest.fixture
def venue(edge: Edge) -> Any:
    """Make an unguarded exchange of another kind at the same edge, with markets unless told otherwise."""

    def make(kind: Any, *, markets: bool = True) -> Any:
        exchange = with_markets(kind(KEYS)) if markets else kind(KEYS)
        exchange.fetch = edge.fetch
        return exchange

    return make
