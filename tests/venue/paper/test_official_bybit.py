"""Bybit's own client drives the paper venue."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.venue.paper.official import Official

BTC: dict[str, Any] = {"category": "linear", "symbol": "BTCUSDT"}
ALL: dict[str, Any] = {"category": "linear", "settleCoin": "USDT"}


class Desk:
    """The client; it raises what the venue refuses."""

    def __init__(self, official: Official) -> None:
        self._official = official
        self._client = official.bybit()

    async def __call__(self, name: str, **options: Any) -> Any:
        """Make a call and return its result."""
        return (await self._official(getattr(self._client, name), **options))["result"]

    async def listed(self, name: str, **options: Any) -> list[dict[str, Any]]:
        """Make a call and return its list."""
        rows: list[dict[str, Any]] = (await self(name, **options))["list"]
        return rows


@pytest.fixture
async def desk(official: Official) -> AsyncIterator[Desk]:
    """A desk; it asks for nothing that the venue does not have."""
    yield Desk(official)
    assert not official.venue.journal.read(kinds=["unknown_path"])


async def test_market_and_account_are_answered(desk: Desk) -> None:
    """Every endpoint that an engine asks before it trades, and what it sets."""
    assert int((await desk("get_server_time"))["timeSecond"]) > 0
    (contract,) = await desk.listed("get_instruments_info", **BTC)
    assert contract["symbol"] == "BTCUSDT"
    book = await desk("get_orderbook", **BTC)
    assert float(book["b"][0][0]) < float(book["a"][0][0])
    (wallet,) = await desk.listed("get_wallet_balance", accountType="UNIFIED")
    assert [float(c["equity"]) for c in wallet["coin"] if c["coin"] == "USDT"] == [1_000_000.0]
    assert (await desk("get_account_info"))["unifiedMarginStatus"] == 6
    assert (await desk("get_api_key_information"))["readOnly"] == 0
    await desk("set_leverage", **BTC, buyLeverage="10", sellLeverage="10")
    await desk("switch_position_mode", category="linear", coin="USDT", mode=3)
    with pytest.raises(Exception, match="110025"):
        await desk("switch_position_mode", category="linear", coin="USDT", mode=3)


async def test_orders_are_placed_listed_amended_and_cancelled(desk: Desk) -> None:
    """Plain and conditional ones, by number and by name, one by one, in a batch and all at once."""
    buy = {"side": "Buy", "orderType": "Limit", "qty": "1", "price": "58000"}
    placed = await desk("place_order", **BTC, **buy, orderLinkId="mine")
    stop = {"side": "Sell", "orderType": "Market", "qty": "1", "triggerPrice": "55000", "triggerDirection": 2}
    await desk("place_order", **BTC, **stop, orderLinkId="stop")
    await desk("amend_order", **BTC, orderLinkId="mine", price="58100")
    rows = await desk.listed("get_open_orders", **ALL)
    assert {(r["orderLinkId"], r["orderStatus"]) for r in rows} == {("mine", "New"), ("stop", "Untriggered")}
    assert [float(r["price"]) for r in rows if r["orderId"] == placed["orderId"]] == [58100.0]

    await desk("cancel_order", **BTC, orderLinkId="mine")
    with pytest.raises(Exception, match="110001"):
        await desk("cancel_order", **BTC, orderLinkId="mine")
    batch = await desk("place_batch_order", category="linear", request=[{"symbol": "BTCUSDT", **buy}] * 2)
    named = [{"symbol": "BTCUSDT", "orderId": row["orderId"]} for row in batch["list"]]
    await desk("cancel_batch_order", category="linear", request=named)
    assert [r["orderLinkId"] for r in await desk.listed("get_open_orders", **ALL)] == ["stop"]
    await desk("cancel_all_orders", **ALL)

    assert await desk.listed("get_open_orders", **ALL) == []
    assert len(await desk.listed("get_order_history", category="linear")) == 4


async def test_positions_are_opened_shown_protected_and_closed(desk: Desk, official: Official) -> None:
    """At market and within a limit that is taken at once or not at all; nothing without a position."""
    await desk("place_order", **BTC, side="Buy", orderType="Market", qty="2")
    await desk("set_trading_stop", **BTC, stopLoss="54000", positionIdx=0, tpslMode="Full")
    (held,) = await desk.listed("get_positions", **ALL)
    assert (held["symbol"], held["side"], float(held["size"]), float(held["stopLoss"])) == (
        "BTCUSDT",
        "Buy",
        2.0,
        54000.0,
    )
    sell = {"side": "Sell", "qty": "1", "reduceOnly": True}
    limited = {**sell, "orderType": "Limit", "timeInForce": "IOC"}

    beyond = await desk("place_order", **BTC, **limited, price="61000")
    (row,) = await desk.listed("get_order_history", category="linear", orderId=beyond["orderId"])
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")
    await desk("place_order", **BTC, **limited, price="59000")
    with pytest.raises(Exception, match="price invalid"):
        await desk("place_order", **BTC, **limited, price="59000.05")
    await desk("place_order", **BTC, **sell, orderType="Market")
    with pytest.raises(Exception, match="110017"):
        await desk("place_order", **BTC, **sell, orderType="Market")

    assert await desk.listed("get_positions", **ALL) == []
    assert len(await desk.listed("get_executions", category="linear")) == 3
    assert not list(official.venue.books.account("official").positions())
