"""OKX's own clients drive the paper venue."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.venue.paper.official import Official

BTC = "BTC-USDT-SWAP"
KINDS = ("conditional", "oco", "trigger", "move_order_stop")


class Desk:
    """The clients; every answer but a refusal says that it succeeded."""

    def __init__(self, official: Official) -> None:
        self._official = official
        self.trade = official.okx("Trade")
        self.account = official.okx("Account")
        self.public = official.okx("PublicData")
        self.market = official.okx("MarketData")

    async def __call__(self, call: Any, *args: Any, **options: Any) -> list[dict[str, Any]]:
        """Make a call and return its rows."""
        reply = await self._official(call, *args, **options)
        assert reply["code"] == "0", reply
        rows: list[dict[str, Any]] = reply["data"]
        return rows

    async def refused(self, call: Any, *args: Any, **options: Any) -> str:
        """Make a call that is refused; return the code that says why."""
        reply = await self._official(call, *args, **options)
        assert reply["code"] != "0"
        return str(reply["data"][0]["sCode"] if reply["data"] else reply["code"])


@pytest.fixture
async def desk(official: Official) -> AsyncIterator[Desk]:
    """A desk; it asks for nothing that the venue does not have."""
    yield Desk(official)
    assert not official.venue.journal.read(kinds=["unknown_path"])


async def test_market_and_account_are_answered(desk: Desk) -> None:
    """Every endpoint that an engine asks before it trades, and what it sets."""
    assert (await desk(desk.public.get_system_time))[0]["ts"].isdigit()
    (contract,) = await desk(desk.account.get_instruments, "SWAP", instId=BTC)
    assert contract == (await desk(desk.public.get_instruments, "SWAP", instId=BTC))[0]
    (book,) = await desk(desk.market.get_orderbook, BTC)
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    (balance,) = await desk(desk.account.get_account_balance)
    assert [d["eq"] for d in balance["details"] if d["ccy"] == "USDT"] == ["1000000"]
    await desk(desk.account.set_leverage, "10", "cross", instId=BTC)
    assert (await desk(desk.account.get_leverage, "cross", instId=BTC))[0]["lever"] == "10"
    await desk(desk.account.set_position_mode, "long_short_mode")
    assert (await desk(desk.account.get_account_config))[0]["posMode"] == "long_short_mode"
    await desk(desk.account.set_position_mode, "long_short_mode")


async def test_orders_are_placed_listed_amended_and_cancelled(desk: Desk) -> None:
    """Plain ones and every kind of conditional ones, by number and by name, one by one and in a batch."""
    trade = desk.trade
    (placed,) = await desk(trade.place_order, BTC, "cross", "buy", "limit", "100", px="58000", clOrdId="mine")
    sell = {"instId": BTC, "tdMode": "cross", "side": "sell", "sz": "100", "reduceOnly": "true"}
    loss, gain = {"slTriggerPx": "55000", "slOrdPx": "-1"}, {"tpTriggerPx": "65000", "tpOrdPx": "-1"}
    await desk(trade.place_algo_order, **sell, ordType="conditional", **loss, algoClOrdId="stop")
    await desk(trade.place_algo_order, **sell, ordType="oco", **loss, **gain)
    await desk(trade.place_algo_order, **sell, ordType="trigger", triggerPx="55000", orderPx="-1")
    await desk(trade.place_algo_order, **sell, ordType="move_order_stop", callbackRatio="0.05")
    await desk(trade.amend_order, BTC, clOrdId="mine", newPx="58100")
    (listed,) = await desk(trade.get_order_list)
    assert (listed["ordId"], listed["px"], listed["state"]) == (placed["ordId"], "58100", "live")
    assert (await desk(trade.get_algo_order_details, algoClOrdId="stop"))[0]["state"] == "live"
    waiting = [row for kind in KINDS for row in await desk(trade.order_algos_list, kind)]
    assert [row["ordType"] for row in waiting] == list(KINDS)

    await desk(trade.cancel_order, BTC, ordId=placed["ordId"])
    await desk(trade.cancel_algo_order, [{"instId": BTC, "algoId": row["algoId"]} for row in waiting])
    assert await desk.refused(trade.cancel_order, BTC, clOrdId="mine") == "51401"
    assert await desk.refused(trade.cancel_multiple_orders, [{"instId": BTC, "ordId": "1"}]) == "51400"
    assert [row["state"] for row in await desk(trade.get_orders_history, "SWAP")] == ["canceled"]
    assert len(await desk(trade.order_algos_history, "conditional", state="canceled")) == 1


async def test_positions_are_opened_shown_and_closed(desk: Desk, official: Official) -> None:
    """At market and within a limit that is taken at once or not at all; nothing without a position."""
    trade = desk.trade
    buy = {"instId": BTC, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "200"}
    await desk(trade.place_multiple_orders, [buy])
    (held,) = await desk(desk.account.get_positions)
    assert (held["instId"], held["pos"], held["mgnMode"]) == (BTC, "200", "cross")
    sell = {"instId": BTC, "tdMode": "cross", "side": "sell", "sz": "100", "reduceOnly": "true"}

    (beyond,) = await desk(trade.place_order, **sell, ordType="ioc", px="61000")
    assert (await desk(trade.get_order, BTC, ordId=beyond["ordId"]))[0]["state"] == "canceled"
    (taken,) = await desk(trade.place_order, **sell, ordType="ioc", px="59000")
    assert (await desk(trade.get_order, BTC, ordId=taken["ordId"]))[0]["state"] == "filled"
    assert await desk.refused(trade.place_order, **sell, ordType="ioc", px="59000.05") == "51000"
    await desk(trade.close_positions, BTC, "cross")
    assert await desk.refused(trade.close_positions, BTC, "cross") == "51023"
    assert await desk.refused(trade.place_order, **sell, ordType="market") == "51169"

    assert await desk(desk.account.get_positions) == []
    assert len(await desk(trade.get_fills)) == 3
    assert not list(official.venue.books.account("official").positions())
