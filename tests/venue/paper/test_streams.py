"""Public prices of the paper venue, asked for and listened to by unmodified ccxt; and what can be wrong with them."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import ccxt.pro
import pytest

from ess_server.venue.paper import PaperVenue

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
async def listener(
    stack: AsyncExitStack, session: Callable[[PaperVenue], aiohttp.ClientSession], venue: PaperVenue
) -> Any:
    """Unmodified ccxt.pro on production URLs, pinned to the venue."""
    made = ccxt.pro.binanceusdm({"session": session(venue), "enableRateLimit": False, "timeout_on_exit": 0})
    stack.push_async_callback(made.close)
    return made


async def test_ccxt_listens_to_books_and_tickers(listener: Any, venue: PaperVenue) -> None:
    """Property: production websocket URLs reach the venue over TLS, and ccxt reads its messages as the exchange's."""
    async with asyncio.timeout(10):
        book = (await listener.watch_bids_asks([BTC, ETH])).popitem()[1]
        ticker = (await listener.watch_ticker(ETH))["last"]
        venue.books.set_mark("ETHUSDT", Decimal(3100))
        while ticker != 3100:
            ticker = (await listener.watch_ticker(ETH))["last"]
        full = await listener.watch_ticker(ETH, {"name": "ticker"})

    assert book["bid"] < book["ask"]
    assert int(book["info"]["u"]) > 0
    assert all(url.startswith("wss://fstream.binance.com/") for url in listener.clients)
    assert full["last"] == 3100
    assert len(venue.streams) == 3


async def test_a_frozen_stream_is_silent_and_a_dropped_one_raises(listener: Any, venue: PaperVenue, admin: Any) -> None:
    """Property: FREEZE keeps the connection and says nothing of its symbols; drop cuts it, and a new one is served."""
    await asyncio.wait_for(listener.watch_bids_asks([BTC, ETH]), 10)
    await admin(venue, "POST", "feeds", {"kind": "freeze", "symbols": ["BTCUSDT"]})
    await asyncio.sleep(0.15)
    heard = {next(iter(await listener.watch_bids_asks([BTC, ETH]))) for _ in range(4)}
    _, listed = await admin(venue, "GET", "feeds")
    waiting = asyncio.ensure_future(listener.watch_bids_asks([BTC, ETH]))
    await asyncio.sleep(0)
    _, dropped = await admin(venue, "POST", "streams/drop")
    with pytest.raises(ccxt.NetworkError):
        await asyncio.wait_for(waiting, 5)
    await admin(venue, "DELETE", "feeds")
    again = await asyncio.wait_for(listener.watch_bids_asks([BTC, ETH]), 5)

    assert heard == {ETH}
    assert listed["streams"] == dropped["dropped"] == 1
    assert listed["faults"] == [{"kind": "freeze", "symbols": ["BTCUSDT"], "times": None}]
    assert again


async def test_quotes_are_falsified_for_those_who_ask(
    exchange: Callable[..., Any], venue: PaperVenue, admin: Any
) -> None:
    """Property: every fault shows in the raw reply, as often as it was told to; the books trade on as before."""
    ex = exchange(venue)

    async def raw(symbol: str = "BTCUSDT") -> Any:
        return await ex.fapiPublicGetTickerBookTicker({"symbol": symbol})

    async def after(**fault: Any) -> Any:
        status, _ = await admin(venue, "POST", "feeds", fault)
        assert status == 200
        shown = await raw()
        await admin(venue, "DELETE", "feeds")
        return shown

    good = await raw()
    crossed = await after(kind="cross")
    bad = await after(kind="price", price="ask", value="-5")
    jumped = await after(kind="jump", percent="-50")
    early = await after(kind="clock", shift_ms=3_600_000)
    back = await after(kind="number", back=7, times=1)
    first = await after(kind="freeze")
    await admin(venue, "POST", "feeds", {"kind": "freeze"})
    frozen = [await raw(), await raw()]
    await admin(venue, "DELETE", "feeds")
    await admin(venue, "POST", "feeds", {"kind": "price", "value": "NaN", "times": 2, "symbols": ["ETHUSDT"]})
    twice = [(await raw("ETHUSDT"))["bidPrice"], (await raw("ETHUSDT"))["bidPrice"], (await raw("ETHUSDT"))["bidPrice"]]
    depth = await ex.fapiPublicGetDepth({"symbol": "BTCUSDT", "limit": 5})

    assert Decimal(crossed["bidPrice"]) > Decimal(crossed["askPrice"])
    assert bad["askPrice"] == "-5"
    assert Decimal(jumped["bidPrice"]) == Decimal(good["bidPrice"]) / 2
    assert int(early["time"]) > int(good["time"]) + 3_000_000
    assert int(back["lastUpdateId"]) < int(early["lastUpdateId"])
    assert frozen == [first, first]
    assert twice[:2] == ["NaN", "NaN"] != twice[1:]
    assert [len(depth["bids"]), len(depth["asks"])] == [5, 5]
    assert venue.books.market.mark("BTCUSDT") == 60000


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "melt"}, "melt"),
        ({"kind": "freeze", "symbols": "BTCUSDT"}, "symbols"),
        ({"kind": "freeze", "symbols": ["NONE"]}, "UNKNOWN_SYMBOL"),
        ({"kind": "freeze", "times": 0}, "times"),
        ({"kind": "number", "back": "x"}, "back"),
        ({"kind": "price", "price": "mid"}, "price"),
        ({"kind": "freeze", "for": 3}, "unknown field 'for'"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(venue: PaperVenue, admin: Any, fault: Any, says: str) -> None:
    """Property: bad input is 400 with a sentence that names what is wrong, and changes nothing."""
    status, reply = await admin(venue, "POST", "feeds", fault)

    assert status == 400
    assert says.lower() in reply["error"].lower()
    assert venue.quotes.faults() == ()


async def test_what_is_no_subscription_is_answered_as_the_exchange_does(
    venue: PaperVenue, session: Callable[[PaperVenue], aiohttp.ClientSession]
) -> None:
    """Property: nonsense gets an error, a stream that does not exist is accepted and silent, a wrong path is 404."""
    http = session(venue)
    async with http.ws_connect("wss://fstream.binance.com/market/ws/1") as socket:
        replies = []
        for text in ("{", '{"method": "LIST", "id": 2}', '{"method": "SUBSCRIBE", "params": ["x@y"], "id": 3}'):
            await socket.send_str(text)
            replies.append(await socket.receive_json(timeout=5))
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["x@y"], "id": 4})
        replies.append(await socket.receive_json(timeout=5))
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.25)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect("wss://fstream.binance.com/other")

    assert [r.get("error", {}).get("code") for r in replies] == [2, 2, None, None]
    assert [r["id"] for r in replies] == [None, 2, 3, 4]
    assert refused.value.status == 404
