"""Binance's own client of USD-M futures drives the paper venue, and its models know what the venue answers."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from binance_common.errors import BadRequestError

from tests.venue.paper.official import Official, unsent

BTC = "BTCUSDT"
NOT_HERE: Mapping[str, frozenset[str]] = {
    "ExchangeInformationResponseSymbolsInnerFiltersInner": frozenset(
        # Each kind of filter has some of these.
        {"max_qty", "min_qty", "step_size", "limit", "notional", "multiplier_up", "multiplier_down"}
        | {"multiplier_decimal", "min_price", "max_price", "tick_size"}
    ),
    "CurrentAllOpenOrdersResponse": frozenset({"activate_price", "price_rate"}),
    "QueryOrderResponse": frozenset({"activate_price", "price_rate"}),
    "AllOrdersResponse": frozenset({"activate_price", "price_rate", "cum_base", "pair"}),
    "AccountTradeListResponse": frozenset({"base_qty", "margin_asset", "pair"}),
    "CancelOrderResponse": frozenset({"activate_price", "price_rate"}),
    "NewAlgoOrderResponse": frozenset({"iceberg_quantity"}),
    "CurrentAllAlgoOpenOrdersResponse": frozenset({"iceberg_quantity"}),
    "QueryAlgoOrderResponse": frozenset({"iceberg_quantity", "actual_type", "actual_qty"}),
}
"""Fields that the paper venue leaves out: of coin-margined and trailing orders, of what fired, and null."""


class Desk:
    """The client, each of whose answers is held against its own model."""

    def __init__(self, official: Official) -> None:
        self._official = official
        self._client = official.usdm()

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


async def test_market_and_account_are_answered_in_the_shapes_that_the_client_knows(desk: Desk) -> None:
    """Every endpoint that an engine asks before it trades."""
    await desk("check_server_time")
    (btc, *_) = (await desk("exchange_information")).symbols
    book = await desk("order_book", symbol=BTC)
    balances = await desk("futures_account_balance_v3")

    assert btc.symbol == BTC
    assert float(book.bids[0][0]) < float(book.asks[0][0])
    assert [(b.asset, float(b.balance)) for b in balances if b.asset == "USDT"] == [("USDT", 1_000_000.0)]
    assert (await desk("get_current_position_mode")).dual_side_position is False
    for name in ("account_information_v2", "account_information_v3", "futures_account_configuration"):
        await desk(name)
    for name in ("mark_price", "symbol_order_book_ticker", "user_commission_rate", "symbol_configuration"):
        await desk(name, symbol=BTC)


async def test_orders_are_placed_listed_and_cancelled(desk: Desk) -> None:
    """Plain and conditional ones, by number and by name, one by one and all at once."""
    placed = await desk(
        "new_order", symbol=BTC, side="BUY", type="LIMIT", quantity=1.0, price=58000.0, time_in_force="GTC",
        new_client_order_id="mine",
    )  # fmt: skip
    stop = await desk(
        "new_algo_order", algo_type="CONDITIONAL", symbol=BTC, side="SELL", type="STOP_MARKET", quantity=1.0,
        trigger_price=55000.0, client_algo_id="stop",
    )  # fmt: skip
    assert [o.order_id for o in await desk("current_all_open_orders")] == [placed.order_id]
    assert [o.algo_id for o in await desk("current_all_algo_open_orders")] == [stop.algo_id]
    assert (await desk("query_order", symbol=BTC, orig_client_order_id="mine")).status == "NEW"
    assert (await desk("query_algo_order", client_algo_id="stop")).algo_status == "NEW"

    assert (await desk("cancel_order", symbol=BTC, order_id=placed.order_id)).status == "CANCELED"
    await desk("cancel_algo_order", client_algo_id="stop")
    with pytest.raises(BadRequestError, match="Unknown order sent"):
        await desk("cancel_order", symbol=BTC, order_id=placed.order_id)
    await desk("cancel_all_open_orders", symbol=BTC)
    await desk("cancel_all_algo_open_orders", symbol=BTC)

    assert [o.status for o in await desk("all_orders", symbol=BTC)] == ["CANCELED"]


async def test_positions_are_opened_shown_and_closed(desk: Desk, official: Official) -> None:
    """At market and within a limit that is taken at once or not at all; nothing beyond what is held."""
    await desk("new_order", symbol=BTC, side="BUY", type="MARKET", quantity=2.0, new_order_resp_type="RESULT")
    (held,) = await desk("position_information_v3")
    assert (held.symbol, float(held.position_amt)) == (BTC, 2.0)
    sell: dict[str, Any] = {"symbol": BTC, "side": "SELL", "reduce_only": "true", "new_order_resp_type": "RESULT"}
    limited = {**sell, "type": "LIMIT", "time_in_force": "IOC", "quantity": 1.0}

    assert (await desk("new_order", **limited, price=61000.0)).status == "EXPIRED"
    assert (await desk("new_order", **limited, price=59000.0)).status == "FILLED"
    with pytest.raises(BadRequestError, match="tick size"):
        await desk("new_order", **limited, price=59000.05)
    assert (await desk("new_order", **sell, type="MARKET", quantity=5.0)).executed_qty == "1.000"
    with pytest.raises(BadRequestError, match="ReduceOnly"):
        await desk("new_order", **sell, type="MARKET", quantity=1.0)

    assert len(await desk("account_trade_list", symbol=BTC)) == 3
    assert not list(official.venue.books.account("official").positions())
