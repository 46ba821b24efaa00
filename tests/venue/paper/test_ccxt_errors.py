"""Refusals of the venue as unmodified ccxt reports them: production classes and production codes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import Fault, FaultKind, Limits, Operation, PaperVenue
from ess_server.venue.paper.credentials import ApiKey

BTC = "BTC/USDT:USDT"


async def caught(step: Awaitable[object]) -> Exception:
    """Return what a call raises."""
    with pytest.raises(ccxt.BaseError) as info:
        await step
    return info.value


async def begin_a_minute(venue: PaperVenue, ex: Any) -> None:
    """Set the venue's clock to the start of a minute, so that no window ends during the test."""
    venue.clock.skew = -timedelta(seconds=venue.clock().second)
    await ex.load_time_difference()


def is_code(error: Exception, kind: type[Exception], code: int) -> bool:
    """True if ccxt raised exactly this class for exactly this code."""
    return type(error) is kind and f'"code":{code},' in str(error)


async def test_codes_map_to_ccxts_production_classes(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: each refusal carries Binance's code and becomes the class that production URLs give it."""
    ex = exchange(venue)
    await ex.load_markets()

    async def order(side: str, amount: float, price: float | None = None, **params: object) -> object:
        return await ex.create_order(BTC, "limit" if price else "market", side, amount, price, params)

    assert is_code(await caught(order("sell", 0.5, reduceOnly=True)), ccxt.InvalidOrder, -2022)
    assert is_code(await caught(order("buy", 0.001)), ccxt.InvalidOrder, -4164)
    assert is_code(await caught(order("buy", 121)), ccxt.BadRequest, -4005)
    assert is_code(await caught(order("buy", 0.5, hedged=True)), ccxt.OperationRejected, -4061)
    assert is_code(await caught(order("buy", 1000, 59000)), ccxt.InsufficientFunds, -2019)
    assert is_code(await caught(ex.cancel_order("1", BTC)), ccxt.OrderNotFound, -2011)
    assert is_code(await caught(ex.cancel_order("1", BTC, {"trigger": True})), ccxt.OrderNotFound, -2011)
    assert is_code(await caught(ex.fetch_order("1", BTC)), ccxt.OrderNotFound, -2013)
    assert is_code(await caught(order("sell", 0.5, triggerPrice=70000)), ccxt.OrderImmediatelyFillable, -2021)
    assert is_code(await caught(order("buy", 0.5, 61000, postOnly=True)), ccxt.OrderNotFillable, -5022)
    await order("buy", 0.5, clientOrderId="one")
    assert is_code(await caught(order("buy", 0.5, clientOrderId="one")), ccxt.InvalidOrder, -4116)
    await order("sell", 0.5, 61000, reduceOnly=True)
    assert is_code(await caught(order("sell", 0.5, reduceOnly=True)), ccxt.OperationRejected, -4118)


async def test_raw_orders_are_read_as_strictly_as_binance_does(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: missing, malformed and misplaced parameters each get the code that Binance gives them."""
    ex = exchange(venue)
    await ex.load_markets()
    good = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}
    for change, code in (
        ({"quantity": "0.50001"}, -1111),
        ({"quantity": "abc"}, -1100),
        ({"quantity": ""}, -1102),
        ({"symbol": "NOUSDT"}, -1121),
        ({"side": "HOLD"}, -1117),
        ({"type": "BLOCK"}, -1116),
        ({"type": "STOP_MARKET", "stopPrice": "50000"}, -4120),
        ({"timeInForce": "GTC"}, -1106),
        ({"type": "LIMIT", "price": "59000"}, -1102),
        ({"reduceOnly": "maybe"}, -1130),
        ({"closePosition": "true"}, -4136),
    ):
        error = await caught(ex.fapiPrivatePostOrder({**good, **change}))
        assert f'"code":{code},' in str(error), (change, error)
    assert not venue.books.account("a").open_orders


async def test_hedge_mode_refuses_the_flag_and_the_overclose(
    start_venue: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: in hedge mode reduceOnly is -1106 whatever it says, a missing leg -4061, more than the leg -2022."""
    venue = await start_venue(hedged=True)
    ex = exchange(venue)
    await ex.load_markets()
    await ex.create_order(BTC, "market", "buy", 0.5, None, {"hedged": True})
    for flag in (True, False):
        both = {"reduceOnly": flag, "positionSide": "LONG"}
        assert is_code(await caught(ex.create_order(BTC, "market", "sell", 0.5, None, both)), ccxt.BadRequest, -1106)
    assert is_code(await caught(ex.create_order(BTC, "market", "sell", 0.5)), ccxt.OperationRejected, -4061)
    close = {"reduceOnly": True, "hedged": True}
    assert is_code(await caught(ex.create_order(BTC, "market", "sell", 0.6, None, close)), ccxt.InvalidOrder, -2022)


@pytest.mark.parametrize(
    ("config", "kind", "code"),
    [
        ({"secret": "wrong"}, ccxt.AuthenticationError, -1022),
        ({"apiKey": "stranger"}, ccxt.AuthenticationError, -2015),
    ],
)
async def test_keys_and_signatures_are_checked(
    venue: PaperVenue, exchange: Callable[..., Any], config: dict[str, str], kind: type[Exception], code: int
) -> None:
    """Property: a wrong secret and an unknown key are refused before anything happens."""
    ex = exchange(venue, **config, options={"fetchCurrencies": False})
    ex.has["fetchCurrencies"] = False
    assert is_code(await caught(ex.create_order(BTC, "market", "buy", 0.5)), kind, code)
    assert venue.journal.read(kinds=["order"]) == []


async def test_a_wrong_clock_is_refused_until_resynchronised(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: a clock outside recvWindow, either way, is InvalidNonce; load_time_difference repairs it."""
    ex = exchange(venue)
    await ex.load_markets()
    for skew in (timedelta(seconds=30), timedelta(seconds=-30)):
        ex.options["timeDifference"] = 0
        venue.clock.skew = skew
        assert is_code(await caught(ex.fetch_positions()), ccxt.InvalidNonce, -1021)
        await ex.load_time_difference()
        assert await ex.fetch_positions() == []


async def test_a_read_only_key_may_not_trade(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: a key without trading rights reads but is refused orders and cancels."""
    venue.keys.add(ApiKey(key="reader", secret="reader", account="a", can_trade=False))
    ex = exchange(venue, apiKey="reader", secret="reader")
    assert await ex.fetch_positions() == []
    ex.options["hasAlreadyAuthenticatedSuccessfully"] = False
    assert is_code(await caught(ex.create_order(BTC, "market", "buy", 0.5)), ccxt.AuthenticationError, -2015)


async def test_the_weight_limit_says_429_and_then_418(
    start_venue: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: over the weight limit every call is 429 with Retry-After, and hammering on is 418; nothing happens."""
    venue = await start_venue(limits=Limits(weight_per_minute=60, ban_after=3))
    ex = exchange(venue)
    await ex.load_markets()
    await begin_a_minute(venue, ex)
    seen = []
    for _ in range(10):
        try:
            await ex.create_order(BTC, "market", "buy", 0.5)
            await ex.fetch_open_orders()
        except ccxt.DDoSProtection as error:
            seen.append((str(error).split()[1], int(ex.last_response_headers["Retry-After"]) > 0))
        if len(seen) == 5:
            break
    orders = len(venue.journal.read(kinds=["order"]))
    assert seen == [("429", True)] * 3 + [("418", True)] * 2
    with suppress(ccxt.DDoSProtection):
        await ex.create_order(BTC, "market", "buy", 0.5)
    assert len(venue.journal.read(kinds=["order"])) == orders
    venue.set_limits(weight_per_minute=None)
    await ex.create_order(BTC, "market", "buy", 0.5)


async def test_too_many_orders_is_429_with_its_own_code(
    start_venue: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: the order limit counts per account, refuses with -1015, and leaves cancels and reads alone."""
    venue = await start_venue(limits=Limits(orders_per_ten_seconds=2, orders_per_minute=2))
    ex = exchange(venue)
    await ex.load_markets()
    await begin_a_minute(venue, ex)
    for _ in range(2):
        await ex.create_order(BTC, "limit", "buy", 0.5, 59000)
    error = await caught(ex.create_order(BTC, "limit", "buy", 0.5, 59000))
    assert (type(error), '"code":-1015' in str(error)) == (ccxt.DDoSProtection, True)
    assert int(ex.last_response_headers["Retry-After"]) <= 60
    await ex.cancel_all_orders(BTC)
    assert await ex.fetch_open_orders() == []


async def test_scripted_faults_look_like_the_real_thing(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: each fault hits the requests it names, as often as it says, and is gone afterwards."""
    ex = exchange(venue, timeout=300)
    await ex.create_order(BTC, "limit", "buy", 0.5, 59000)
    for fault, step, kind in (
        (Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL), ex.cancel_all_orders, ccxt.OperationFailed),
        (Fault(kind=FaultKind.STATUS, status=500), ex.cancel_all_orders, ccxt.ExchangeNotAvailable),
        (
            Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "7"}, operation=Operation.CANCEL),
            ex.cancel_all_orders,
            ccxt.DDoSProtection,
        ),
        (Fault(kind=FaultKind.HANG, path="allOpenOrders"), ex.cancel_all_orders, ccxt.RequestTimeout),
        # aiohttp itself repeats a DELETE once when a kept connection breaks.
        (Fault(kind=FaultKind.DROP, applied=False, times=2), ex.cancel_all_orders, ccxt.ExchangeNotAvailable),
    ):
        venue.faults.add(fault)
        assert type(await caught(step(BTC))) is kind
        assert venue.faults.pending() == ()
    assert len(await ex.fetch_open_orders()) == 1
    await ex.cancel_all_orders(BTC)
    assert await ex.fetch_open_orders() == []


async def test_an_empty_body_can_look_flat(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: the empty 200 reply that ccxt takes for "no positions" can be scripted, and is over after its times."""
    ex = exchange(venue)
    await ex.create_order(BTC, "market", "buy", 0.5)
    venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS, times=2))
    assert [len(await ex.fetch_positions()) for _ in range(3)] == [0, 0, 1]


async def test_a_delayed_reply_comes_late_and_complete(
    venue: PaperVenue, exchange: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    """Property: a delay carries the order out at once and only the answer is late."""
    ex = exchange(venue)
    await ex.load_markets()
    venue.faults.add(Fault(kind=FaultKind.DELAY, delay=timedelta(milliseconds=200)))
    began = asyncio.get_running_loop().time()
    placing = asyncio.create_task(ex.create_order(BTC, "market", "buy", 0.5))
    await eventually(lambda: venue.journal.read(kinds=["fill"]))
    assert not placing.done()
    assert (await placing)["filled"] == 0.5
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_fault_may_name_one_account(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: one account's faults leave another account alone."""
    venue.add_account("b", key="b-key", secret="b-secret", balances={"USDT": Decimal(5)})
    venue.faults.add(Fault(kind=FaultKind.STATUS, account="b", times=None))
    mine, other = exchange(venue), exchange(venue, apiKey="b-key", secret="b-secret")
    other.has["fetchCurrencies"] = False
    assert (await mine.fetch_balance())["USDT"]["total"] == 1_000_000
    assert type(await caught(other.fetch_balance())) is ccxt.ExchangeNotAvailable
