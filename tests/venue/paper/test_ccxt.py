"""Unmodified asynchronous ccxt against the served venue, production URLs and all."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import Fault, FaultKind, Operation, PaperVenue

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"


async def test_markets_load_with_their_limits_and_nothing_leaks(
    venue: PaperVenue, exchange: Callable[..., Any]
) -> None:
    """Property: default ccxt start-up, the signed wallet calls included, finds every endpoint it asks for."""
    ex = exchange(venue, options={"fetchMargins": True})
    markets = await ex.load_markets()
    assert len(markets) == 25
    assert markets[BTC]["limits"]["market"]["max"] == 120
    assert (markets[BTC]["precision"]["amount"], markets[BTC]["limits"]["cost"]["min"]) == (0.001, 100)
    assert venue.journal.read(kinds=["unknown_path"]) == []


async def test_a_position_opens_shows_and_closes(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: what ccxt trades, positions, balance and order history show, and a reduce-only close ends it."""
    ex = exchange(venue)
    order = await ex.create_order(BTC, "market", "buy", 0.5)
    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.5, 60030.0)
    venue.books.set_mark("BTCUSDT", Decimal(61000))
    [position] = await ex.fetch_positions()
    assert (position["side"], position["contracts"], position["unrealizedPnl"]) == ("long", 0.5, 485.0)
    balance = await ex.fetch_balance()
    assert balance["USDT"]["total"] == 1_000_000 - 15.0075 + 485
    assert balance["USDT"]["used"] == 1525
    closed = await ex.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert (closed["status"], closed["filled"]) == ("closed", 0.5)
    assert await ex.fetch_positions() == []
    assert [trade["side"] for trade in await ex.fetch_my_trades(BTC)] == ["buy", "sell"]
    assert [order["status"] for order in await ex.fetch_orders(BTC)] == ["closed", "closed"]


async def test_ordinary_and_conditional_orders_are_listed_and_cancelled_apart(
    venue: PaperVenue, exchange: Callable[..., Any]
) -> None:
    """Property: a plain pass sees and cancels ordinary orders only; stops need the trigger pass."""
    ex = exchange(venue)
    for symbol, price in ((BTC, 59000), (ETH, 2900)):
        await ex.create_order(symbol, "limit", "buy", 0.5, price)
        await ex.create_order(symbol, "market", "sell", 0.5, None, {"stopLossPrice": price, "reduceOnly": True})
        await ex.create_order(symbol, "limit", "sell", 0.5, price, {"triggerPrice": price})
        await ex.create_order(symbol, "market", "sell", 0.5, None, {"trailingPercent": 1})
        await ex.create_order(symbol, "market", "sell", 0.5, None, {"takeProfitPrice": price * 2})
    assert len(await ex.fetch_open_orders()) == 2
    assert len(await ex.fetch_open_orders(params={"trigger": True})) == 8
    await ex.cancel_all_orders(BTC)
    assert [order["symbol"] for order in await ex.fetch_open_orders()] == [ETH]
    assert len(await ex.fetch_open_orders(BTC, params={"trigger": True})) == 4
    await ex.cancel_all_orders(BTC, {"trigger": True})
    assert len(await ex.fetch_open_orders(params={"trigger": True})) == 4


async def test_single_orders_are_fetched_edited_and_cancelled(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: fetch, edit and cancel reach one ordinary or conditional order by number and by client id."""
    ex = exchange(venue)
    order = await ex.create_order(BTC, "limit", "buy", 0.5, 59000, {"clientOrderId": "mine"})
    edited = await ex.edit_order(order["id"], BTC, "limit", "buy", 0.4, 58000)
    assert (edited["id"], edited["amount"], edited["price"]) == (order["id"], 0.4, 58000)
    found = await ex.fetch_order("", BTC, {"clientOrderId": "mine"})
    assert (found["id"], found["status"]) == (order["id"], "open")
    assert (await ex.cancel_order(order["id"], BTC))["status"] == "canceled"
    stop = await ex.create_order(BTC, "market", "sell", 0.5, None, {"triggerPrice": 55000})
    assert (await ex.fetch_order(stop["id"], BTC, {"trigger": True}))["triggerPrice"] == 55000
    await ex.cancel_order(stop["id"], BTC, {"trigger": True})
    assert (await ex.fetch_order(stop["id"], BTC, {"trigger": True}))["status"] == "canceled"


async def test_batches_answer_row_by_row(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: in a batch each order or cancel succeeds or fails on its own."""
    ex = exchange(venue)
    await ex.load_markets()
    good = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.5, "price": 59000}
    placed = {order["status"]: order for order in await ex.create_orders([good, {**good, "amount": 0.001}])}
    assert set(placed) == {"open", "rejected"}
    ids = {"symbol": "BTCUSDT", "orderidlist": [placed["open"]["id"], "1"]}
    rows = await ex.fapiPrivateDeleteBatchOrders(ids)
    assert (rows[0]["status"], rows[1]["code"]) == ("CANCELED", -2011)
    named = await ex.create_order(BTC, "limit", "buy", 0.5, 59000, {"clientOrderId": "mine"})
    [row] = await ex.cancel_orders([], BTC, {"clientOrderIds": ["mine"]})
    assert (row["id"], row["status"]) == (named["id"], "canceled")


async def test_hedge_mode_closes_with_reduce_only_and_hedged(
    start_venue: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: ccxt's ``reduceOnly`` with ``hedged`` closes the leg it means and leaves the other."""
    venue = await start_venue(hedged=True)
    ex = exchange(venue)
    assert (await ex.fetch_position_mode())["hedged"]
    await ex.create_order(BTC, "market", "buy", 0.5, None, {"hedged": True})
    await ex.create_order(BTC, "market", "sell", 0.3, None, {"hedged": True})
    legs = {position["side"]: position["contracts"] for position in await ex.fetch_positions()}
    assert legs == {"long": 0.5, "short": 0.3}
    await ex.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True, "hedged": True})
    assert [(p["side"], p["contracts"], p["hedged"]) for p in await ex.fetch_positions()] == [("short", 0.3, True)]


async def test_settings_round_trip(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: leverage, margin mode and position mode read back as they were set."""
    ex = exchange(venue)
    await ex.set_leverage(7, BTC)
    await ex.set_margin_mode("isolated", BTC)
    await ex.set_position_mode(hedged=True)
    assert (await ex.fetch_leverage(BTC))["longLeverage"] == 7
    assert (await ex.fetch_margin_mode(BTC))["marginMode"] == "isolated"
    assert (await ex.fetch_position_mode())["hedged"]


async def test_prices_and_status_are_served(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: every price endpoint follows the mark, bid below and ask above it."""
    ex = exchange(venue)
    venue.books.set_mark("BTCUSDT", Decimal(50000))
    assert (await ex.fetch_ticker(BTC))["last"] == 50000
    assert (await ex.fetch_mark_price(BTC))["markPrice"] == 50000
    assert (await ex.fetch_last_prices())[BTC]["price"] == 50000
    quote = (await ex.fetch_bids_asks([BTC]))[BTC]
    book = await ex.fetch_order_book(BTC, 5)
    assert quote["bid"] < 50000 < quote["ask"]
    assert (book["bids"][0][0], book["asks"][0][0]) == (quote["bid"], quote["ask"])
    assert (await ex.fetch_status())["status"] == "ok"
    assert abs(await ex.load_time_difference()) < 5_000


async def test_older_versions_and_raw_endpoints_are_served(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: version 2 lists every symbol, version 3 only busy ones; income and restrictions can be read."""
    ex = exchange(venue)
    await ex.create_order(BTC, "market", "buy", 0.5)
    assert len(await ex.fapiPrivateV2GetPositionRisk()) == 25
    [row] = await ex.fapiPrivateV3GetPositionRisk()
    assert (row["symbol"], row["positionAmt"]) == ("BTCUSDT", "0.500")
    assert (await ex.fapiPrivateV2GetAccount())["totalPositionInitialMargin"] == "1500.00000000"
    assert (await ex.fapiPrivateV2GetBalance())[0]["asset"] == "USDT"
    assert [flow["incomeType"] for flow in await ex.fapiPrivateGetIncome()] == ["TRANSFER", "COMMISSION"]
    allowed = await ex.sapiGetAccountApiRestrictions()
    assert (allowed["enableFutures"], allowed["enableWithdrawals"]) == (True, False)


async def test_the_dead_mans_switch_cancels_on_the_venue(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: an armed countdown cancels the symbol's orders on its own once its time is over."""
    ex = exchange(venue)
    await ex.create_order(BTC, "limit", "buy", 0.5, 59000)
    armed = await ex.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 1})
    assert armed == {"symbol": "BTCUSDT", "countdownTime": "1"}
    deadline = asyncio.get_running_loop().time() + 5
    while await ex.fetch_open_orders() and asyncio.get_running_loop().time() < deadline:
        venue.books.tick()
    assert await ex.fetch_open_orders() == []


async def test_an_order_without_result_wish_is_only_acknowledged(
    venue: PaperVenue, exchange: Callable[..., Any]
) -> None:
    """Property: the default response type says NEW and nothing filled, although the order has filled."""
    ex = exchange(venue)
    await ex.load_markets()
    wish = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}
    shown = await ex.fapiPrivatePostOrder(wish)
    assert (shown["status"], shown["executedQty"]) == ("NEW", "0.000")
    again = await ex.fapiPrivateGetOrder({"symbol": "BTCUSDT", "orderId": shown["orderId"]})
    assert (again["status"], again["executedQty"]) == ("FILLED", "0.500")


async def test_a_foreign_api_is_a_leak_that_the_journal_shows(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: a request to any other host or path reaches the venue, gets 404 and leaves a journal entry."""
    ex = exchange(venue, kind="kraken")
    with pytest.raises(ccxt.BaseError, match=r"api\.kraken\.com"):
        await ex.fetch_time()
    [entry] = venue.journal.read(kinds=["unknown_path"])
    assert (entry.details["host"], entry.details["path"]) == ("api.kraken.com", "/0/public/Time")


async def test_partial_liquidity_needs_several_closes(
    start_venue: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: a close beyond the tick's liquidity fills in part, says so, and can be repeated next tick."""
    venue = await start_venue()
    ex = exchange(venue)
    await ex.create_order(BTC, "market", "buy", 0.5)
    venue.books.market.liquidity = Decimal(12000)
    first = await ex.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert (first["status"], first["filled"]) == ("expired", 0.2)
    for _ in range(2):
        venue.books.tick()
        [position] = await ex.fetch_positions()
        await ex.create_order(BTC, "market", "sell", position["contracts"], None, {"reduceOnly": True})
    assert await ex.fetch_positions() == []


async def test_a_dropped_order_is_carried_out_once(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: a connection cut after the order leaves it filled, and its client id is refused the second time."""
    ex = exchange(venue)
    await ex.load_markets()
    venue.faults.add(Fault(kind=FaultKind.DROP, operation=Operation.ORDER))
    for kind in (ccxt.ExchangeNotAvailable, ccxt.InvalidOrder):
        with pytest.raises(kind):
            await ex.create_order(BTC, "market", "buy", 0.5, None, {"clientOrderId": "once"})
    assert [entry.details["after"] for entry in venue.journal.read(kinds=["fill"])] == [Decimal("0.5")]
