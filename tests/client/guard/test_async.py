"""The guard in front of asynchronous ccxt exchanges."""

import asyncio
from typing import Any

import ccxt
import ccxt.pro
import pytest

from ess_client import OrderDenied, guard
from ess_client.testing import FakeGate

PERP = "BTC/USDT:USDT"


async def test_async_orders_are_denied_and_exits_pass(async_inner: Any, gate: FakeGate, edge: Any) -> None:
    """The same rules for ccxt.async_support, its endpoints included."""
    async with guard(async_inner, gate, account="main") as exchange:
        await exchange.create_order(PERP, "limit", "buy", 1, 50_000)
        await exchange.fapiPrivatePostOrder({"symbol": "BTCUSDT"})
        gate.stop()
        for call in (
            lambda: exchange.create_order(PERP, "limit", "buy", 1, 50_000),
            lambda: exchange.createOrder(PERP, "limit", "buy", 1, 50_000),
            lambda: exchange.fapiPrivatePostOrder({"symbol": "BTCUSDT"}),
            lambda: exchange.request("order", ["fapiPrivate"], "POST", {}),
        ):
            with pytest.raises(ccxt.OperationRejected) as denied:
                await call()
            assert isinstance(denied.value, OrderDenied)
        assert len(edge.sent) == 2
        await exchange.cancel_order("1", PERP)
        await exchange.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": True})

    assert len(edge.sent) == 4


async def test_async_order_is_judged_when_it_is_sent(async_inner: Any, gate: FakeGate, edge: Any) -> None:
    """A coroutine made before the stop and awaited after it sends nothing, whichever way it was made."""
    exchange = guard(async_inner, gate)
    made = [exchange.create_order(PERP, "market", "buy", 1), exchange.fapiPrivatePostOrder({"symbol": "BTCUSDT"})]
    gate.stop()
    for order in made:
        with pytest.raises(OrderDenied):
            await order

    assert edge.sent == []


async def test_async_order_held_by_the_rate_limiter_is_judged_again(
    async_inner: Any, gate: FakeGate, edge: Any
) -> None:
    """Of a burst that ccxt's limiter spreads, nothing leaves after the stop."""
    async_inner.enableRateLimit = True
    async_inner.rateLimit = 200
    async_inner.init_throttler()
    exchange = guard(async_inner, gate)
    burst = [asyncio.create_task(exchange.create_order(PERP, "market", "buy", 1)) for _ in range(5)]
    for _ in range(500):
        if edge.sent:
            break
        await asyncio.sleep(0.01)
    gate.stop()
    sent = len(edge.sent)
    outcomes = await asyncio.gather(*burst, return_exceptions=True)

    assert 1 <= sent < 5
    assert len(edge.sent) == sent
    assert sum(isinstance(outcome, OrderDenied) for outcome in outcomes) == 5 - sent


async def test_background_work_begun_by_an_order_outlives_it_unjudged(
    async_inner: Any, gate: FakeGate, edge: Any
) -> None:
    """What an order started for the exchange's own upkeep goes on while stopped."""
    upkeep: list[asyncio.Task[Any]] = []
    go_on = asyncio.Event()
    send = edge.fetch_async

    async def renew() -> None:
        await go_on.wait()
        await async_inner.fapiPrivatePutListenKey()

    async def fetch_and_start(*args: Any, **kwargs: Any) -> Any:
        if not upkeep:
            upkeep.append(asyncio.create_task(renew()))
        return await send(*args, **kwargs)

    async_inner.fetch = fetch_and_start
    exchange = guard(async_inner, gate)
    await exchange.create_order(PERP, "market", "buy", 1)
    gate.stop()
    go_on.set()
    await upkeep[0]

    assert len(edge.sent) == 2


async def test_orders_over_websocket_are_denied(venue: Any, gate: FakeGate) -> None:
    """The ``_ws`` variants of ccxt.pro are gated like the others."""
    inner = venue(ccxt.pro.binanceusdm)
    exchange = guard(inner, gate)
    gate.stop()
    for call in (
        lambda: exchange.create_order_ws(PERP, "market", "buy", 1),
        lambda: exchange.createOrderWs(PERP, "market", "buy", 1),
        lambda: exchange.edit_order_ws("1", PERP, "limit", "buy", 1, 1),
    ):
        with pytest.raises(OrderDenied):
            await call()
    await inner.close()
