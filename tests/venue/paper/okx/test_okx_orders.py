"""Ordinary orders, positions and balance of the OKX dialect, as unmodified ccxt trades."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import BooksConfig, PaperVenue
from ess_server.venue.paper.model import OrderRequest, OrderType, Side

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


async def test_a_position_opens_shows_and_closes(venue: PaperVenue, okx: Any) -> None:
    """Property: what ccxt trades in contracts, positions, balance, orders and fills show, and a close ends it."""
    placed = await okx.create_order(BTC, "market", "buy", 50)
    order = await okx.fetch_order(placed["id"], BTC)
    assert (order["status"], order["filled"], order["average"]) == ("closed", 50, 60030)
    venue.books.set_mark("BTCUSDT", Decimal(61000))
    [held] = await okx.fetch_positions()
    assert (held["side"], held["contracts"], held["unrealizedPnl"], held["notional"]) == ("long", 50, 485, 30500)
    balance = await okx.fetch_balance()
    assert (balance["USDT"]["total"], balance["USDT"]["used"]) == (10_000_000 - 15.0075 + 485, 1525)
    await okx.create_order(BTC, "market", "sell", 50, None, {"reduceOnly": True})
    assert await okx.fetch_positions() == []
    trades = await okx.fetch_my_trades(BTC)
    assert [(t["side"], t["amount"], t["takerOrMaker"]) for t in trades] == [
        ("buy", 50, "taker"),
        ("sell", 50, "taker"),
    ]
    assert trades[0]["fee"] == {"cost": 15.0075, "currency": "USDT"}
    assert [(o["status"], o["reduceOnly"]) for o in await okx.fetch_closed_orders(BTC)] == [
        ("closed", False),
        ("closed", True),
    ]


async def test_a_flat_position_is_shown_with_size_zero_to_who_names_it(okx: Any) -> None:
    """Property: a contract that was traded and is named comes as a row of size 0, which is no position."""
    await okx.create_order(BTC, "market", "buy", 1)
    await okx.create_order(BTC, "market", "sell", 1, None, {"reduceOnly": True})
    assert [(p["contracts"], p["side"]) for p in await okx.fetch_positions([BTC])] == [(0, None)]
    assert await okx.fetch_positions([ETH]) == []


async def test_limit_orders_are_found_by_their_client_id_and_cancelled(okx: Any) -> None:
    """Property: each way to price an order is told as it was placed; cancels reach it by number and by client id."""
    await okx.create_order(BTC, "limit", "buy", 1, 59000, {"clientOrderId": "mine1"})
    await okx.create_order(BTC, "limit", "buy", 1, 59000, {"postOnly": True, "clientOrderId": "mine2"})
    found = await okx.fetch_order("", BTC, {"clientOrderId": "mine1"})
    assert (found["status"], found["price"], found["amount"]) == ("open", 59000, 1)
    shown = {o["clientOrderId"]: o["postOnly"] for o in await okx.fetch_open_orders()}
    assert shown == {"mine1": None, "mine2": True}
    await okx.cancel_order(found["id"], BTC)
    await okx.cancel_order("", BTC, {"clientOrderId": "mine2"})
    assert await okx.fetch_open_orders() == []
    done = await okx.fetch_canceled_orders(BTC)
    assert sorted(o["clientOrderId"] for o in done) == ["mine1", "mine2"]


async def test_partial_fills_are_told_and_what_cannot_fill_ends(
    start_okx: Callable[..., Any], client: Callable[..., Any]
) -> None:
    """Property: thin liquidity leaves a limit order partly filled and open, a market order partly filled and done."""
    venue = await start_okx(books=BooksConfig(liquidity=Decimal(6000)))
    okx = client(venue)
    placed = await okx.create_order(BTC, "limit", "buy", 30, 60030)
    order = await okx.fetch_order(placed["id"], BTC)
    assert (order["info"]["state"], order["filled"], order["remaining"]) == ("partially_filled", 10, 20)
    placed = await okx.create_order(ETH, "market", "buy", 300)
    order = await okx.fetch_order(placed["id"], ETH)
    assert (order["status"], order["filled"]) == ("canceled", 200)
    venue.books.tick()
    assert {p["symbol"]: p["contracts"] for p in await okx.fetch_positions()} == {BTC: 20, ETH: 200}


@pytest.mark.parametrize("wish", [{"postOnly": True}, {"timeInForce": "FOK"}])
async def test_an_order_whose_wish_cannot_be_met_is_accepted_and_cancelled(
    start_okx: Callable[..., Any], client: Callable[..., Any], wish: dict[str, Any]
) -> None:
    """Property: a post-only order that would take and a fill-or-kill that cannot fill end unfilled, not refused."""
    okx = client(await start_okx(books=BooksConfig(liquidity=Decimal(6000))))
    placed = await okx.create_order(BTC, "limit", "buy", 20, 61000, wish)
    order = await okx.fetch_order(placed["id"], BTC)
    assert (order["status"], order["filled"]) == ("canceled", 0)


async def test_open_orders_come_in_pages_of_a_hundred(venue: PaperVenue, okx: Any) -> None:
    """Property: of 101 orders one request shows the newest hundred, whatever limit it asks; ids lead on and back."""
    for _ in range(101):
        venue.books.place(
            "a",
            OrderRequest(
                symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=Decimal(59000)
            ),
        )
    first = (await okx.privateGetTradeOrdersPending({"limit": 500}))["data"]
    ids = [int(row["ordId"]) for row in first]
    assert (len(ids), ids) == (100, sorted(ids, reverse=True))
    assert len(await okx.fetch_open_orders()) == 100
    rest = (await okx.privateGetTradeOrdersPending({"after": ids[-1]}))["data"]
    assert [int(row["ordId"]) for row in rest] == [ids[-1] - 1]
    newer = (await okx.privateGetTradeOrdersPending({"before": ids[2]}))["data"]
    assert [int(row["ordId"]) for row in newer] == ids[:2]


async def test_batches_answer_item_by_item_and_end_at_twenty(okx: Any) -> None:
    """Property: in a batch each order or cancel succeeds or fails on its own; the 21st refuses them all."""
    good = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 1, "price": 59000}
    await okx.load_markets()
    placed = await okx.create_orders([good, {**good, "price": 90000}])
    assert [row["info"]["sCode"] for row in placed] == ["0", "51006"]
    rows = [{"id": placed[0]["id"], "symbol": BTC}, {"id": "1", "symbol": ETH}]
    cancelled = await okx.cancel_orders_for_symbols(rows)
    assert [row["info"]["sCode"] for row in cancelled] == ["0", "51400"]
    with pytest.raises(ccxt.ExchangeError, match="50025"):
        await okx.cancel_orders([str(n) for n in range(1, 22)], BTC)
    with pytest.raises(ccxt.BadRequest, match="51111"):
        await okx.create_orders([good] * 21)
    assert await okx.fetch_open_orders() == []


async def test_the_market_maximum_splits_what_closes(venue: PaperVenue, okx: Any) -> None:
    """Property: a market order or a close above ``maxMktSz`` is refused whole; in parts the position closes."""
    for _ in range(2):
        venue.books.place(
            "a", OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=Decimal(70))
        )
    closing = {"reduceOnly": True}
    with pytest.raises(ccxt.InvalidOrder, match="51202"):
        await okx.create_order(BTC, "market", "sell", 14000, None, closing)
    with pytest.raises(ccxt.InvalidOrder, match="51108"):
        await okx.close_position(BTC)
    assert (await okx.fetch_positions())[0]["contracts"] == 14000
    for part in (12000, 2000):
        await okx.create_order(BTC, "market", "sell", part, None, closing)
    assert await okx.fetch_positions() == []


async def test_close_position_wants_resting_closes_gone_or_cancels_them(okx: Any) -> None:
    """Property: the close endpoint refuses beside a resting close unless it may cancel it, and when nothing is held."""
    await okx.create_order(BTC, "market", "buy", 2)
    await okx.create_order(BTC, "limit", "sell", 1, 61000, {"reduceOnly": True})
    await okx.create_order(BTC, "limit", "buy", 1, 59000)
    with pytest.raises(ccxt.InvalidOrder, match="51115"):
        await okx.close_position(BTC)
    await okx.close_position(BTC, None, {"autoCxl": True, "clientOrderId": "closing1"})
    assert await okx.fetch_positions() == []
    assert (await okx.fetch_order("", BTC, {"clientOrderId": "closing1"}))["status"] == "closed"
    assert [o["side"] for o in await okx.fetch_open_orders()] == ["buy"]
    with pytest.raises(ccxt.ExchangeError, match="51023"):
        await okx.close_position(BTC)


async def test_the_dead_mans_switch_cancels_every_symbol_but_no_stop(venue: PaperVenue, okx: Any) -> None:
    """Property: an armed switch fires on its own time, unless disarmed; it leaves conditional orders and positions."""
    await okx.create_order(BTC, "market", "buy", 1)
    await okx.create_order(BTC, "limit", "buy", 1, 59000)
    await okx.create_order(ETH, "limit", "buy", 10, 2900)
    await okx.create_order(BTC, "market", "sell", 1, None, {"stopLossPrice": 58000, "reduceOnly": True})
    armed = (await okx.cancel_all_orders_after(10_000))["data"][0]
    assert int(armed["triggerTime"]) - int(armed["ts"]) == 10_000
    venue.set_limits()
    assert (await okx.cancel_all_orders_after(0))["data"][0]["triggerTime"] == "0"
    venue.clock.skew += timedelta(seconds=11)
    venue.books.tick()
    assert len(await okx.fetch_open_orders()) == 2
    venue.set_limits()
    await okx.cancel_all_orders_after(10_000)
    venue.clock.skew += timedelta(seconds=9)
    venue.books.tick()
    assert len(await okx.fetch_open_orders()) == 2
    venue.clock.skew += timedelta(seconds=2)
    venue.books.tick()
    assert await okx.fetch_open_orders() == []
    assert len(await okx.fetch_open_orders(params={"ordType": "conditional"})) == 1
    assert len(await okx.fetch_positions()) == 1
