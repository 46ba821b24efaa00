"""Unmodified ccxt for Bybit trades on the paper venue: orders of every kind, both position modes, both margin modes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt

from ess_server.venue.paper import PaperVenue, grew_or_flipped
from tests.venue.paper.bybit.refusals import refused

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
STOPS = {"orderFilter": "StopOrder"}


def held(venue: PaperVenue) -> dict[str, Decimal]:
    """Return the legs that are not flat, by side."""
    return {str(leg.side): leg.quantity for leg in venue.books.account("a").positions()}


async def test_a_position_opens_shows_and_closes(venue: PaperVenue, bybit: Any) -> None:
    """Property: what ccxt trades shows in positions and history, and a reduce-only close ends it and never flips."""
    opened = await bybit.create_order(BTC, "market", "buy", 0.5, None, {"clientOrderId": "mine"})
    venue.books.set_mark("BTCUSDT", Decimal(61000))
    [position] = await bybit.fetch_positions()
    assert (position["side"], position["contracts"], position["unrealizedPnl"]) == ("long", 0.5, 485)
    await bybit.create_order(BTC, "market", "sell", 9, None, {"reduceOnly": True})
    assert await bybit.fetch_positions() == []
    assert grew_or_flipped(venue.journal.read(kinds=["fill"])[1:]) == []
    first, closed = sorted(await bybit.fetch_closed_orders(BTC), key=lambda order: order["id"])
    assert (first["id"], first["clientOrderId"], first["average"]) == (opened["id"], "mine", 60030)
    assert (closed["filled"], closed["reduceOnly"], closed["timeInForce"]) == (0.5, True, "IOC")


async def test_both_kinds_are_listed_together_and_cancelled_as_asked(venue: PaperVenue, bybit: Any) -> None:
    """Property: without a filter both kinds are listed and cancelled; a filter names one; other symbols stay."""
    for symbol, price in ((BTC, 59000), (ETH, 2900)):
        await bybit.create_order(symbol, "limit", "buy", 0.5, price)
        await bybit.create_order(symbol, "market", "sell", 0.5, None, {"stopLossPrice": price})
        await bybit.create_order(
            symbol, "limit", "sell", 0.5, price * 2, {"triggerPrice": price * 2, "triggerDirection": "ascending"}
        )
    assert len(await bybit.fetch_open_orders()) == 6
    stops = await bybit.fetch_open_orders(BTC, params={"trigger": True})
    assert {(o["triggerPrice"], o["reduceOnly"], o["type"]) for o in stops} == {
        (118000, False, "limit"),
        (59000, True, "market"),
    }
    assert len(await bybit.fetch_open_orders(params={"orderFilter": "Order"})) == 2
    await bybit.cancel_all_orders(BTC, {"trigger": True})
    assert [o["type"] for o in await bybit.fetch_open_orders(BTC)] == ["limit"]
    await bybit.cancel_all_orders(params={"baseCoin": "BTC"})
    assert {o["symbol"] for o in await bybit.fetch_open_orders()} == {ETH}
    await bybit.cancel_all_orders()
    assert await bybit.fetch_open_orders() == []
    account = venue.books.account("a")
    assert not account.open_orders
    assert not account.open_conditionals


async def test_a_conditional_order_keeps_its_number_when_it_fires(venue: PaperVenue, bybit: Any) -> None:
    """Property: number and client id lead to the order before and after it fires, and stay taken."""
    await bybit.create_order(BTC, "market", "buy", 0.5)
    await bybit.create_order(BTC, "limit", "buy", 0.5, 40000, {"clientOrderId": "rest"})
    wish = {"stopLossPrice": 55000, "clientOrderId": "rest"}
    await refused(bybit.create_order(BTC, "market", "sell", 0.5, None, wish), ccxt.InvalidOrder, 110072)
    wish["clientOrderId"] = "stop"
    stop = await bybit.create_order(BTC, "market", "sell", 0.5, None, wish)
    await refused(
        bybit.create_order(BTC, "limit", "buy", 0.5, 59000, {"clientOrderId": "stop"}), ccxt.InvalidOrder, 110072
    )
    assert (await bybit.fetch_open_order(stop["id"], BTC))["status"] == "open"
    venue.books.set_mark("BTCUSDT", Decimal(54000))
    found = await bybit.fetch_order(stop["id"], BTC, {"acknowledged": True})
    assert (found["status"], found["filled"], found["clientOrderId"]) == ("closed", 0.5, "stop")
    assert [t["order"] for t in await bybit.fetch_my_trades(BTC) if t["side"] == "sell"] == [stop["id"]]
    assert held(venue) == {}
    await refused(bybit.cancel_order(stop["id"], BTC), ccxt.OrderNotFound, 110001)


async def test_what_is_attached_to_a_position_ends_with_it(venue: PaperVenue, bybit: Any) -> None:
    """Property: trading-stop sets, changes and cancels; trailing closes all; what is left ends with the position."""
    await refused(bybit.create_order(BTC, "market", "sell", 0.5, None, {"trailingAmount": 600}), ccxt.BadRequest, 10001)
    await bybit.create_order(BTC, "market", "buy", 0.5)
    both = {"stopLossPrice": 50000, "takeProfitPrice": 90000}
    for _ in range(2):
        await bybit.create_order(BTC, "market", "sell", 0, None, both)
    await bybit.create_order(BTC, "market", "sell", 0.2, None, both)
    await bybit.create_order(BTC, "market", "sell", 0.5, None, {"trailingAmount": "600"})
    listed = await bybit.privateGetV5OrderRealtime({"category": "linear", "symbol": "BTCUSDT", **STOPS})
    kinds = ["TrailingStop", "PartialStopLoss", "PartialTakeProfit", "StopLoss", "TakeProfit"]
    assert [row["stopOrderType"] for row in listed["result"]["list"]] == kinds
    assert all(row["reduceOnly"] for row in listed["result"]["list"])
    [row] = await bybit.fetch_positions()
    told = row["info"]
    assert (told["stopLoss"], told["takeProfit"], told["trailingStop"]) == ("50000.0", "90000.0", "600.0")
    await bybit.privatePostV5PositionTradingStop({"category": "linear", "symbol": "BTCUSDT", "takeProfit": "0"})
    assert len(await bybit.fetch_open_orders(BTC)) == 4
    for mark in (60000, 61000, 60300):
        venue.books.set_mark("BTCUSDT", Decimal(mark))
    assert held(venue) == {}
    assert await bybit.fetch_open_orders(BTC) == []


async def test_hedge_mode_closes_the_leg_it_names(start_venue: Callable[..., Any], client: Callable[..., Any]) -> None:
    """Property: legs are apart; a close with reduceOnly never opens; without its leg an order is refused."""
    venue = await start_venue()
    ex = client(venue)
    await ex.set_position_mode(hedged=True)
    await refused(ex.set_position_mode(hedged=True), ccxt.NoChange, 110025)
    await ex.create_order(BTC, "market", "buy", 0.5, None, {"hedged": True})
    await ex.create_order(BTC, "market", "sell", 0.3, None, {"positionIdx": 2})
    legs = await ex.fetch_positions()
    assert {(p["side"], p["contracts"], p["hedged"]) for p in legs} == {("long", 0.5, True), ("short", 0.3, True)}
    await refused(ex.create_order(BTC, "market", "sell", 0.5), ccxt.BadRequest, 10001)
    wrong = {"positionIdx": 1, "reduceOnly": True}
    await refused(ex.create_order(BTC, "market", "buy", 0.1, None, wrong), ccxt.InvalidOrder, 110017)
    stop = {"positionIdx": 1, "reduceOnly": True, "triggerPrice": 50000, "triggerDirection": 2}
    await ex.create_order(BTC, "market", "sell", 0.1, None, stop)
    assert [o["reduceOnly"] for o in await ex.fetch_open_orders(BTC)] == [True]
    await ex.create_order(BTC, "market", "sell", 0.9, None, {"positionIdx": 1, "reduceOnly": True})
    assert held(venue) == {"SHORT": Decimal("-0.3")}
    await refused(ex.set_position_mode(hedged=False), ccxt.BadRequest, 110028)


async def test_isolated_margin_is_of_the_account(bybit: Any) -> None:
    """Property: margin mode and leverage read back; isolated tells no totals of the account; never with positions."""

    async def mode() -> tuple[str, str]:
        account = (await bybit.privateGetV5AccountInfo())["result"]
        [wallet] = (await bybit.privateGetV5AccountWalletBalance({"accountType": "UNIFIED"}))["result"]["list"]
        return account["marginMode"], wallet["totalInitialMargin"]

    assert await mode() == ("REGULAR_MARGIN", "0.00000000")
    await bybit.set_margin_mode("isolated")
    await bybit.set_leverage(7, BTC)
    assert await mode() == ("ISOLATED_MARGIN", "")
    await refused(bybit.set_leverage(7, BTC), ccxt.BadRequest, 110043)
    await bybit.create_order(BTC, "market", "sell", 0.5)
    [position] = await bybit.fetch_positions()
    assert (position["leverage"], position["side"], position["hedged"]) == (7, "short", False)
    await refused(bybit.set_margin_mode("cross"), ccxt.ExchangeError, 3400045)
    await bybit.create_order(BTC, "market", "buy", 0.5, None, {"reduceOnly": True})
    await bybit.set_margin_mode("cross")
    assert await mode() == ("REGULAR_MARGIN", "0.00000000")


async def test_a_close_fills_in_parts_and_is_repeated(venue: PaperVenue, bybit: Any) -> None:
    """Property: a close beyond the tick's liquidity is Cancelled with what it has filled, and can be repeated."""
    await bybit.create_order(BTC, "market", "buy", 0.5)
    venue.books.market.liquidity = Decimal(12000)
    first = await bybit.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})
    shown = await bybit.fetch_closed_order(first["id"], BTC)
    assert (shown["status"], shown["filled"], shown["remaining"]) == ("canceled", 0.2, 0)
    for _ in range(2):
        venue.books.tick()
        await bybit.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert await bybit.fetch_positions() == []


async def test_the_market_maximum_bounds_one_order(venue: PaperVenue, bybit: Any) -> None:
    """Property: above maxMktOrderQty an order is refused; quantity 0 with both flags closes up to it."""
    venue.books.transfer("a", "USDT", Decimal(100_000_000))
    for _ in range(2):
        await bybit.create_order(BTC, "market", "buy", 100)
    await refused(bybit.create_order(BTC, "market", "sell", 200, None, {"reduceOnly": True}), ccxt.BadRequest, 10001)
    whole = {"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0"}
    await refused(bybit.privatePostV5OrderCreate(whole), ccxt.BadRequest, 10001)
    for left in (80, 0):
        await bybit.privatePostV5OrderCreate({**whole, "reduceOnly": True, "closeOnTrigger": True})
        assert sum(held(venue).values()) == left


async def test_doomed_orders_are_accepted_and_end(venue: PaperVenue, bybit: Any) -> None:
    """Property: post-only that would take and fill-or-kill that cannot fill are acknowledged, then Cancelled."""
    venue.books.market.liquidity = Decimal(12000)
    await bybit.create_order(BTC, "limit", "buy", 0.5, 61000, {"postOnly": True})
    await bybit.create_order(BTC, "limit", "buy", 0.5, 61000, {"timeInForce": "FOK"})
    shown = await bybit.fetch_canceled_orders(BTC)
    reasons = {(o["filled"], o["info"]["rejectReason"]) for o in shown}
    assert reasons == {(0, "EC_NoImmediateQtyToFill"), (0, "EC_PostOnlyWillTakeLiquidity")}
    assert held(venue) == {}
