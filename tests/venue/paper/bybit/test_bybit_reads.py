"""Unmodified ccxt for Bybit reads the paper venue: markets, prices, account, pages."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ess_server.venue.paper import PaperVenue
from ess_server.venue.paper.credentials import ApiKey

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LINEAR = {"category": "linear"}


async def walk(endpoint: Callable[..., Any], **params: object) -> list[list[dict[str, Any]]]:
    """Read page after page until there is no cursor, twenty at most."""
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, object] = {}
    for _ in range(20):
        result = (await endpoint({**LINEAR, **params, **cursor}))["result"]
        pages.append(result["list"])
        cursor = {"cursor": result["nextPageCursor"]}
        if not result["nextPageCursor"]:
            return pages
    raise AssertionError("the pages have no end")


async def test_start_up_finds_all_it_asks_for(venue: PaperVenue, bybit: Any) -> None:
    """Property: default start-up, signed calls included, finds every endpoint, with the limits of the contracts."""
    markets = await bybit.load_markets()
    assert len(markets) == 25
    assert (markets[BTC]["precision"]["amount"], markets[BTC]["limits"]["cost"]["min"]) == (0.001, 100)
    assert markets[BTC]["info"]["lotSizeFilter"]["maxMktOrderQty"] == "120"
    assert await bybit.is_unified_enabled() == [False, True]
    assert abs(await bybit.load_time_difference()) < 5_000
    pages = await walk(bybit.publicGetV5MarketInstrumentsInfo, limit=10)
    assert [len(page) for page in pages] == [10, 10, 5]
    assert {row["symbol"] for page in pages for row in page} == set(venue.books.market.instruments)
    assert venue.journal.read(kinds=["unknown_path"]) == []


async def test_prices_follow_the_mark(venue: PaperVenue, bybit: Any) -> None:
    """Property: ticker, tickers and order book tell the mark between bid and ask."""
    venue.books.set_mark("BTCUSDT", Decimal(50000))
    ticker = await bybit.fetch_ticker(BTC)
    assert (ticker["last"], ticker["markPrice"]) == (50000, 50000)
    assert ticker["bid"] < 50000 < ticker["ask"]
    assert len(await bybit.fetch_tickers()) == 25
    book = await bybit.fetch_order_book(BTC, 5)
    assert (book["bids"][0][0], book["asks"][0][0], len(book["bids"])) == (ticker["bid"], ticker["ask"], 5)


async def test_balance_and_key_tell_what_is_true(venue: PaperVenue, bybit: Any, client: Callable[..., Any]) -> None:
    """Property: equity holds the unrealised profit; a key that may withdraw or only read says so."""
    await bybit.create_order(BTC, "market", "buy", 0.5)
    venue.books.set_mark("BTCUSDT", Decimal(61000))
    balance = await bybit.fetch_balance()
    assert (balance["USDT"]["total"], balance["USDT"]["used"]) == (1_000_000 - 15.0075, 1525)
    [row] = balance["info"]["result"]["list"]
    assert Decimal(row["totalEquity"]) == Decimal("999984.9925") + 485
    assert Decimal(row["totalInitialMargin"]) == 1525
    assert "Withdraw" not in str((await bybit.privateGetV5UserQueryApi())["result"]["permissions"])
    venue.open_account(ApiKey(key="w", secret="w", account="w", can_trade=False, can_withdraw=True), {})
    told = (await client(venue, apiKey="w", secret="w").privateGetV5UserQueryApi())["result"]
    assert (told["readOnly"], told["permissions"]["Wallet"][-1]) == (1, "Withdraw")


async def test_fifty_one_orders_come_in_pages(bybit: Any) -> None:
    """Property: pages of 20 and of 50 together show each order once, newest first, also while orders are cancelled."""
    placed = [await bybit.create_order(BTC, "limit", "buy", 0.01, 58000 + n) for n in range(50)]
    placed.append(
        await bybit.create_order(ETH, "market", "sell", 1, None, {"triggerPrice": 2900, "triggerDirection": 2})
    )
    ids = [order["id"] for order in placed]
    assert len(await bybit.fetch_open_orders()) == 20
    for limit, sizes in ((None, [20, 20, 11]), (50, [50, 1])):
        size = {} if limit is None else {"limit": limit}
        pages = await walk(bybit.privateGetV5OrderRealtime, settleCoin="USDT", **size)
        assert [len(page) for page in pages] == sizes
        assert [row["orderId"] for page in pages for row in page] == ids[::-1]
    first = (await bybit.privateGetV5OrderRealtime({**LINEAR, "settleCoin": "USDT"}))["result"]
    await bybit.cancel_orders([ids[-2], ids[-25]], BTC)
    rest = await walk(bybit.privateGetV5OrderRealtime, settleCoin="USDT", cursor=first["nextPageCursor"])
    assert [row["orderId"] for page in rest for row in page] == [i for i in ids[30::-1] if i != ids[-25]]
    assert [len(page) for page in await walk(bybit.privateGetV5OrderRealtime, symbol="BTCUSDT", limit=49)] == [48]


async def test_positions_executions_and_history_come_in_pages(venue: PaperVenue, bybit: Any) -> None:
    """Property: positions of a settle coin in pages of 20, a full last page is followed by an empty one, as there."""
    await bybit.load_markets()
    venue.books.transfer("a", "USDT", Decimal(10_000_000))
    for symbol in bybit.symbols[:21]:
        await bybit.create_order(symbol, "market", "buy", 100)
    assert len(await bybit.fetch_positions()) == 21
    pages = await walk(bybit.privateGetV5PositionList, settleCoin="USDT")
    assert [len(page) for page in pages] == [20, 1]
    assert len({row["symbol"] for page in pages for row in page}) == 21
    assert [len(page) for page in await walk(bybit.privateGetV5ExecutionList, limit=7)] == [7, 7, 7, 0]
    assert [len(page) for page in await walk(bybit.privateGetV5OrderHistory)] == [20, 1]
    [flat] = (await bybit.privateGetV5PositionList({**LINEAR, "symbol": bybit.market_id(bybit.symbols[-1])}))["result"][
        "list"
    ]
    assert (flat["size"], flat["side"]) == ("0.0" if "." in flat["size"] else "0", "")


async def test_history_is_told_by_time(venue: PaperVenue, bybit: Any) -> None:
    """Property: history and executions end at seven days, and a longer span is refused."""
    await bybit.create_order(BTC, "market", "buy", 0.5)
    [trade] = await bybit.fetch_my_trades(BTC)
    assert (trade["side"], trade["amount"], trade["takerOrMaker"]) == ("buy", 0.5, "taker")
    before = trade["timestamp"] - 1000
    venue.clock.skew = timedelta(days=8)
    await bybit.load_time_difference()
    assert await bybit.fetch_my_trades(BTC) == []
    assert [t["id"] for t in await bybit.fetch_my_trades(BTC, since=before)] == [trade["id"]]
    assert [o["status"] for o in await bybit.fetch_closed_orders(BTC, since=before)] == ["closed"]
