"""Binance's own client of spot drives the paper venue, and its models know what the venue answers."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from binance_common.errors import BadRequestError

from tests.venue.paper.official import Official, unsent

BTC = "BTCUSDT"
_CONDITIONAL = frozenset(
    {
        "iceberg_qty",
        "prevented_match_id",
        "prevented_quantity",
        "strategy_id",
        "strategy_type",
        "trailing_delta",
        "trailing_time",
        "used_sor",
        "working_floor",
        "peg_price_type",
        "peg_offset_type",
        "peg_offset_value",
        "pegged_price",
        "expiry_reason",
        "stop_price",
        "fills",
    }
)
"""Fields of orders with options that these have not, and of answers in full."""
NOT_HERE: Mapping[str, frozenset[str]] = {
    "ExchangeInfoResponse": frozenset({"sors"}),
    "MyFiltersResponseRateLimitsInner": frozenset({"count"}),
    **dict.fromkeys(
        ("PriceFilter", "LotSizeFilter", "MarketLotSizeFilter"), frozenset({"price_exponent", "qty_exponent"})
    ),
    **dict.fromkeys(("NewOrderResponse", "GetOpenOrdersResponse", "GetOrderResponse"), _CONDITIONAL),
    **dict.fromkeys(("AllOrdersResponse", "DeleteOrderResponse", "MyTradesResponse"), _CONDITIONAL),
}


class Desk:
    """The client, each of whose answers is held against its own model."""

    def __init__(self, official: Official) -> None:
        self._official = official
        self._client = official.spot()

    async def __call__(self, name: str, **options: Any) -> Any:
        """Make a call and return its answer."""
        reply = await self._official(getattr(self._client, name), **options)
        answer = reply.data()
        assert not list(unsent(answer, NOT_HERE))
        return answer


@pytest.fixture
def desk(official: Official, caplog: pytest.LogCaptureFixture) -> Iterator[Desk]:
    """A desk; the client warns of an answer that is not of its model's types, and must not."""
    with caplog.at_level(logging.WARNING):
        yield Desk(official)
    assert not [record for record in caplog.records if record.name.startswith("binance")]
    assert not official.venue.journal.read(kinds=["unknown_path"])


async def _free(desk: Desk, asset: str) -> float:
    balances = (await desk("get_account")).balances
    return sum(float(b.free) for b in balances if b.asset == asset)


async def test_market_and_account_are_answered_in_the_shapes_that_the_client_knows(desk: Desk) -> None:
    """Every endpoint that an engine asks before it trades."""
    await desk("time")
    (btc,) = (await desk("exchange_info", symbol=BTC)).symbols
    book = await desk("depth", symbol=BTC)
    for name in ("account_commission", "ticker_book_ticker", "ticker_price", "ticker24hr"):
        await desk(name, symbol=BTC)

    assert btc.base_asset == "BTC"
    assert float(book.bids[0][0]) < float(book.asks[0][0])
    assert await _free(desk, "USDT") == 1_000_000.0


async def test_orders_are_placed_listed_and_cancelled(desk: Desk) -> None:
    """Plain ones and stops stand in one list, and are cancelled one by one or all at once."""
    limit: dict[str, Any] = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "quantity": 1.0, "time_in_force": "GTC"}
    placed = await desk("new_order", **limit, price=58000.0, new_client_order_id="mine")
    stop: dict[str, Any] = {"symbol": BTC, "side": "BUY", "type": "STOP_LOSS", "quantity": 0.5, "stop_price": 65000.0}
    await desk("new_order", **stop, new_order_resp_type="RESULT")
    assert [o.type for o in await desk("get_open_orders")] == ["LIMIT", "STOP_LOSS"]
    assert (await desk("get_order", symbol=BTC, orig_client_order_id="mine")).order_id == placed.order_id

    assert (await desk("delete_order", symbol=BTC, orig_client_order_id="mine")).status == "CANCELED"
    with pytest.raises(BadRequestError, match="Unknown order sent"):
        await desk("delete_order", symbol=BTC, orig_client_order_id="mine")
    await desk("delete_open_orders", symbol=BTC)

    assert [o.status for o in await desk("all_orders", symbol=BTC)] == ["CANCELED", "CANCELED"]


async def test_what_is_held_is_bought_and_sold(desk: Desk) -> None:
    """At market and within a limit that is taken at once or not at all; nothing that is not there."""
    await desk("new_order", symbol=BTC, side="BUY", type="MARKET", quantity=1.0)
    assert await _free(desk, "BTC") > 0.99
    sell: dict[str, Any] = {"symbol": BTC, "side": "SELL", "quantity": 0.4}
    limited = {**sell, "type": "LIMIT", "time_in_force": "IOC"}

    assert (await desk("new_order", **limited, price=61000.0)).status == "EXPIRED"
    assert (await desk("new_order", **limited, price=59000.0)).status == "FILLED"
    with pytest.raises(BadRequestError, match="PRICE_FILTER"):
        await desk("new_order", **limited, price=59000.005)
    await desk("new_order", **sell, type="MARKET")
    with pytest.raises(BadRequestError, match="insufficient balance"):
        await desk("new_order", **sell, type="MARKET")

    assert len(await desk("my_trades", symbol=BTC)) == 3
