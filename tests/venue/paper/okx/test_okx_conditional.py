"""Conditional orders of the OKX dialect: each kind is a list of its own."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import PaperVenue

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
KINDS = ("trigger", "conditional", "oco", "move_order_stop", "iceberg", "twap")
REDUCE = {"reduceOnly": True}


async def listed(okx: Any, **params: str) -> dict[str, list[str]]:
    """Ids of waiting conditional orders by kind."""
    found = {}
    for kind in KINDS:
        orders = await okx.fetch_open_orders(params={"ordType": kind, "trigger": True, **params})
        found[kind] = [order["id"] for order in orders]
    return found


async def place_all(okx: Any) -> list[str]:
    """One order of each kind, to close one contract of a long position."""
    wanted = (
        {"triggerPrice": 58000},
        {"stopLossPrice": 58000},
        {"stopLossPrice": 58000, "takeProfitPrice": 62000},
        {"trailingPercent": 1},
    )
    return [(await okx.create_order(BTC, "market", "sell", 1, None, {**REDUCE, **p}))["id"] for p in wanted]


async def test_each_kind_is_listed_apart_and_none_with_ordinary_orders(okx: Any) -> None:
    """Property: a conditional order shows in the list of its own kind only; ccxt's plain list shows none of them."""
    placed = await place_all(okx)
    assert await listed(okx) == {kind: [id_] for kind, id_ in zip(KINDS, placed, strict=False)} | {
        "iceberg": [],
        "twap": [],
    }
    assert await okx.fetch_open_orders() == []
    assert len(await okx.fetch_open_orders(params={"trigger": True})) == 1
    both = (await okx.privateGetTradeOrdersAlgoPending({"ordType": "conditional,oco"}))["data"]
    assert sorted(row["ordType"] for row in both) == ["conditional", "oco"]
    assert await listed(okx, instId="ETH-USDT-SWAP") == {kind: [] for kind in KINDS}


async def test_ten_are_cancelled_at_once_and_the_gone_are_named(okx: Any) -> None:
    """Property: a cancel of conditional orders answers item by item, and takes no more than ten."""
    placed = await place_all(okx)
    ids = [{"instId": "BTC-USDT-SWAP", "algoId": id_} for id_ in (*placed, "1")]
    reply = await okx.privatePostTradeCancelAlgos(ids)
    assert (reply["code"], [row["sCode"] for row in reply["data"]]) == ("2", ["0"] * 4 + ["51400"])
    assert not any((await listed(okx)).values())
    gone = await okx.fetch_order(placed[0], BTC, {"trigger": True})
    assert gone["status"] == "canceled"
    with pytest.raises(ccxt.ExchangeError, match="50025"):
        await okx.cancel_orders(["1"] * 11, BTC, {"trigger": True})


async def test_they_fire_at_the_mark_and_only_once(venue: PaperVenue, okx: Any) -> None:
    """Property: stop, take-profit, pair, trigger and trailing orders close what they name when the mark says so."""
    await okx.create_order(BTC, "market", "buy", 4)
    stop, pair, trigger, trailing = await place_all(okx)
    venue.books.set_mark("BTCUSDT", Decimal(62500))
    assert [p["contracts"] for p in await okx.fetch_positions()] == [3]
    assert (await okx.fetch_order(trigger, BTC, {"trigger": True}))["status"] == "closed"
    venue.books.set_mark("BTCUSDT", Decimal(61000))
    assert [p["contracts"] for p in await okx.fetch_positions()] == [2]
    venue.books.set_mark("BTCUSDT", Decimal(57000))
    assert await okx.fetch_positions() == []
    done = await okx.privateGetTradeOrdersAlgoHistory({"ordType": "conditional", "state": "effective"})
    assert [row["algoId"] for row in done["data"]] == [pair]
    assert not any((await listed(okx)).values())
    assert {stop, trailing}.isdisjoint({pair, trigger})


async def test_a_trigger_order_waits_on_either_side_of_the_mark(venue: PaperVenue, okx: Any) -> None:
    """Property: a trigger order fires when its price is reached, from above as from below, with its own limit."""
    for price in (58000, 62000):
        await okx.create_order(BTC, "limit", "buy", 1, price, {"triggerPrice": price})
    for mark, resting in ((62000, 0), (58000, 0)):
        venue.books.set_mark("BTCUSDT", Decimal(mark))
        assert len(await okx.fetch_open_orders()) == resting
    assert [p["contracts"] for p in await okx.fetch_positions()] == [2]


async def test_a_close_fraction_closes_whatever_is_held_then(venue: PaperVenue, okx: Any) -> None:
    """Property: an order for the whole position has no size, only reduces, and closes all of it when it fires."""
    await okx.create_order(BTC, "market", "buy", 1)
    whole = {"stopLossPrice": 58000, "closeFraction": "1", "reduceOnly": True}
    placed = await okx.create_order(BTC, "market", "sell", 1, None, whole)
    shown = await okx.fetch_order(placed["id"], BTC, {"trigger": True})
    assert (shown["amount"], shown["reduceOnly"], shown["info"]["closeFraction"]) == (None, True, "1")
    await okx.create_order(BTC, "market", "buy", 2)
    venue.books.set_mark("BTCUSDT", Decimal(57000))
    assert await okx.fetch_positions() == []


@pytest.mark.parametrize(
    ("side", "params", "code"),
    [
        ("buy", {"takeProfitPrice": 61000}, "51277"),
        ("buy", {"stopLossPrice": 59000}, "51278"),
        ("sell", {"takeProfitPrice": 59000}, "51279"),
        ("sell", {"stopLossPrice": 61000}, "51280"),
        ("sell", {"trailingPercent": 20}, "51257"),
    ],
)
async def test_what_would_fire_at_once_is_refused(okx: Any, side: str, params: dict[str, Any], code: str) -> None:
    """Property: each side of a stop and of a take-profit has its own refusal; nothing waits afterwards."""
    with pytest.raises(ccxt.InvalidOrder, match=code):
        await okx.create_order(BTC, "market", side, 1, None, params)
    assert not any((await listed(okx)).values())


async def test_conditional_orders_have_client_ids_of_their_own(okx: Any) -> None:
    """Property: an id of an ordinary order is free for a conditional one, once."""
    stop = {"stopLossPrice": 58000, "clientOrderId": "mine1"}
    await okx.create_order(BTC, "limit", "buy", 1, 59000, {"clientOrderId": "mine1"})
    await okx.create_order(BTC, "market", "sell", 1, None, stop)
    with pytest.raises(ccxt.ExchangeError, match="51065"):
        await okx.create_order(BTC, "market", "sell", 1, None, stop)
    found = await okx.fetch_order("", BTC, {"clientOrderId": "mine1", "trigger": True})
    assert found["stopLossPrice"] == 58000
