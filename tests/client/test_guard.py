"""The guard in front of real ccxt exchanges; only their network edge, ``fetch``, is replaced."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from ess_client import DenyReason, OrderDenied, guard
from ess_client._guard_rules import endpoint_opens_risk, opens_risk
from ess_client.testing import FakeGate

PERP = "BTC/USDT:USDT"
SPOT = "BTC/USDT"
KEYS = {"apiKey": "key", "secret": "secret", "enableRateLimit": False}
ORDER = {"orderId": 1, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "c", "type": "LIMIT", "side": "BUY"}


def _markets(exchange: Any) -> Any:
    """Give an exchange its markets without asking the venue."""
    limits = {"amount": {"min": 0.001}, "price": {}, "cost": {}, "leverage": {}}
    common = {"base": "BTC", "quote": "USDT", "active": True, "limits": limits}
    common["info"] = {"orderTypes": ["LIMIT", "MARKET", "STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP"]}
    common |= {"precision": {"amount": 0.001, "price": 0.1}, "option": False, "future": False, "margin": False}
    perp = {"id": "BTCUSDT", "symbol": PERP, "settle": "USDT", "type": "swap", "swap": True, "spot": False}
    perp |= {"contract": True, "linear": True, "inverse": False, "contractSize": 1.0}
    spot = {"id": "BTCUSDT", "symbol": SPOT, "type": "spot", "swap": False, "spot": True, "contract": False}
    exchange.set_markets([exchange.safe_market_structure(common | one) for one in (perp, spot)])
    return exchange


class Edge:
    """What an exchange would have sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def fetch(self, url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:  # noqa: ARG002 - ccxt's signature
        """Stand in for the venue: accept everything."""
        self.sent.append((method, f"{url}?{body}"))
        answer = dict(ORDER)
        return [answer] if "batchOrders" in url else answer

    async def fetch_async(self, url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:
        """As ``fetch``, after a turn of the loop."""
        await asyncio.sleep(0)
        return self.fetch(url, method, headers, body)


@pytest.fixture
def edge() -> Edge:
    """The network edge of the exchange under test."""
    return Edge()


@pytest.fixture
def gate() -> FakeGate:
    """An open gate."""
    return FakeGate()


@pytest.fixture
def inner(edge: Edge) -> Any:
    """An unguarded Binance USD-M exchange."""
    exchange = _markets(ccxt.binanceusdm(KEYS))
    exchange.options["defaultType"] = "swap"
    exchange.fetch = edge.fetch
    return exchange


@pytest.fixture
def exchange(inner: Any, gate: FakeGate) -> Any:
    """The guarded one."""
    return guard(inner, gate, account="main", venue="binance", strategy="mm")


def test_open_gate_changes_nothing(exchange: Any, inner: Any, edge: Edge) -> None:
    """An allowed order is sent exactly as without the guard."""
    exchange.create_order(PERP, "limit", "buy", 1, 50_000, {"newClientOrderId": "x"})
    inner.create_order(PERP, "limit", "buy", 1, 50_000, {"newClientOrderId": "x"})

    guarded, plain = [call[1].partition("&symbol")[2].partition("&signature")[0] for call in edge.sent]
    assert guarded == plain
    assert "newClientOrderId=x" in guarded


def test_order_is_judged_by_all_its_scopes(exchange: Any, gate: FakeGate) -> None:
    """Account, venue and strategy as named, the symbol by its unified name even if given as the venue's id."""
    exchange.create_order("BTCUSDT", "market", "buy", 1)

    assert set(gate.checked[0].scopes) == {"account/main", "venue/binance", "strategy/mm", f"symbol/{PERP}"}


def test_denial_is_what_the_engine_and_ccxt_expect(exchange: Any, gate: FakeGate, edge: Edge) -> None:
    """A denial is ``OrderDenied`` and ccxt's own rejection, carries the reason, and is not retried by ccxt."""
    exchange.options["maxRetriesOnFailure"] = 3
    gate.stop("account/main", "fat finger")
    for expected in (OrderDenied, ccxt.OperationRejected, ccxt.ExchangeError, ccxt.BaseError):
        with pytest.raises(expected, match="fat finger"):
            exchange.create_order(PERP, "market", "buy", 1)
    with pytest.raises(OrderDenied) as denied:
        exchange.create_order(PERP, "market", "buy", 1)

    assert not isinstance(denied.value, ccxt.OperationFailed)
    assert (denied.value.reason, denied.value.scope) == (DenyReason.STOPPED, "account/main")
    assert edge.sent == []


def test_exchange_is_denied_without_lease(exchange: Any, gate: FakeGate, edge: Edge) -> None:
    """A gate that cannot prove anything denies as a stop does."""
    gate.expire()
    with pytest.raises(OrderDenied):
        exchange.create_order(PERP, "market", "buy", 1)

    assert edge.sent == []


OPENING: dict[str, Callable[[Any], Any]] = {
    "create_order": lambda e: e.create_order(PERP, "market", "buy", 1),
    "createOrder": lambda e: e.createOrder(PERP, "market", "buy", 1),
    "by name": lambda e: e.create_order(symbol=PERP, type="market", side="buy", amount=1),
    "create_limit_buy_order": lambda e: e.create_limit_buy_order(PERP, 1, 50_000),
    "create_market_sell_order": lambda e: e.create_market_sell_order(PERP, 1),
    "create_stop_loss_order": lambda e: e.create_stop_loss_order(PERP, "market", "sell", 1, None, 40_000),
    "create_orders": lambda e: e.create_orders(
        [{"symbol": PERP, "type": "limit", "side": "buy", "amount": 1, "price": 1}]
    ),
    "edit_order": lambda e: e.edit_order("1", PERP, "limit", "buy", 2, 50_000),
    "edit reduce-only": lambda e: e.edit_order("1", PERP, "limit", "buy", 2, 50_000, {"reduceOnly": True}),
    "camel endpoint": lambda e: e.fapiPrivatePostOrder({"symbol": "BTCUSDT"}),
    "snake endpoint": lambda e: e.fapiprivate_post_order({"symbol": "BTCUSDT"}),
    "endpoint reduce-only": lambda e: e.fapiPrivatePostOrder({"reduceOnly": "true"}),
    "amending endpoint": lambda e: e.fapiPrivatePutOrder({}),
    "cancel and replace": lambda e: e.privatePostOrderCancelReplace({}),
    "request": lambda e: e.request("order", ["fapiPrivate"], "POST", {"symbol": "BTCUSDT"}),
    "fetch2": lambda e: e.fetch2("order", ["fapiPrivate"], "POST", {"symbol": "BTCUSDT"}),
    "fetch": lambda e: e.fetch("https://fapi.binance.com/fapi/v1/order", "POST", {}, "x=1"),
    "withdraw": lambda e: e.withdraw("USDT", 1, "0x1"),
    "borrow": lambda e: e.borrow_cross_margin("USDT", 1),
    "reduce_margin": lambda e: e.reduce_margin(PERP, 1),
    "reduceOnly false": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": "false"}),
    "reduceOnly one": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": 1}),
    "opening hedge side": lambda e: e.create_order(PERP, "market", "buy", 1, None, {"positionSide": "LONG"}),
    "closePosition false": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"closePosition": False}),
    "one of two opens": lambda e: e.create_orders(
        [
            {"symbol": PERP, "type": "market", "side": "sell", "amount": 1, "params": {"reduceOnly": True}},
            {"symbol": PERP, "type": "market", "side": "buy", "amount": 1},
        ]
    ),
}


@pytest.mark.parametrize("call", OPENING.values(), ids=OPENING.keys())
def test_what_may_open_risk_is_denied(exchange: Any, gate: FakeGate, edge: Edge, call: Callable[[Any], Any]) -> None:
    """While stopped, nothing that may open or enlarge anything leaves the process."""
    gate.stop()
    with pytest.raises(OrderDenied):
        call(exchange)

    assert edge.sent == []


PASSING: dict[str, Callable[[Any], Any]] = {
    "cancel_order": lambda e: e.cancel_order("1", PERP),
    "cancelOrder": lambda e: e.cancelOrder("1", PERP),
    "cancel_all_orders": lambda e: e.cancel_all_orders(PERP),
    "fetch_order": lambda e: e.fetch_order("1", PERP),
    "fetch_ticker": lambda e: e.fetch_ticker(PERP),
    "reading endpoint": lambda e: e.fapiPrivateGetOrder({"symbol": "BTCUSDT", "orderId": "1"}),
    "cancelling endpoint": lambda e: e.fapiPrivateDeleteOrder({"symbol": "BTCUSDT", "orderId": "1"}),
    "snake cancelling endpoint": lambda e: e.fapiprivate_delete_order({"symbol": "BTCUSDT", "orderId": "1"}),
    "reading request": lambda e: e.request("order", ["fapiPrivate"], "GET", {"symbol": "BTCUSDT", "orderId": "1"}),
    "reduceOnly": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": True}),
    "reduceOnly as text": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": "true"}),
    "reduce_only": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"reduce_only": True}),
    "create_reduce_only_order": lambda e: e.create_reduce_only_order(PERP, "market", "sell", 1),
    "reduce-only stop": lambda e: e.create_stop_loss_order(
        PERP, "market", "sell", 1, None, 40_000, {"reduceOnly": True}
    ),
    "closing hedge side": lambda e: e.create_order(PERP, "market", "sell", 1, None, {"positionSide": "LONG"}),
    "closing hedge side by name": lambda e: e.create_market_buy_order(PERP, 1, {"positionSide": "SHORT"}),
    "all reduce": lambda e: e.create_orders(
        [{"symbol": PERP, "type": "market", "side": "sell", "amount": 1, "params": {"reduceOnly": True}}]
    ),
}


@pytest.mark.parametrize("call", PASSING.values(), ids=PASSING.keys())
def test_what_reads_cancels_or_reduces_passes(
    exchange: Any, gate: FakeGate, edge: Edge, call: Callable[[Any], Any]
) -> None:
    """While stopped, reads, cancels and exits are sent; no later check holds them either."""
    gate.stop()
    call(exchange)

    assert len(edge.sent) == 1


@pytest.mark.parametrize("params", [{"reduceOnly": True}, {"reduceOnly": "true"}, {"reduce_only": True}])
def test_every_spelling_of_reduce_only_is_sent_as_the_one_the_venue_enforces(
    exchange: Any, edge: Edge, params: dict[str, object]
) -> None:
    """What passes as reduce-only is reduce-only on the venue, also while the gate is open."""
    exchange.create_order(PERP, "market", "sell", 1, None, params)

    sent = edge.sent[0][1]
    assert "reduceOnly=true" in sent
    assert "reduce_only" not in sent


def test_callers_own_params_are_not_touched(exchange: Any) -> None:
    """The dictionaries and lists of the caller stay as they were."""
    params = {"reduce_only": True}
    orders = [{"symbol": PERP, "type": "market", "side": "sell", "amount": 1, "params": params}]
    exchange.create_orders(orders)

    assert (params, orders[0]["params"]) == ({"reduce_only": True}, {"reduce_only": True})


def test_closing_the_whole_position_by_a_stop_order_passes(exchange: Any, gate: FakeGate, edge: Edge) -> None:
    """Binance's closePosition carries no amount and can only close."""
    gate.stop()
    exchange.create_order(PERP, "STOP_MARKET", "sell", 1, None, {"stopPrice": 40_000, "closePosition": "true"})

    assert len(edge.sent) == 1


def test_spot_exit_passes_only_if_configured(gate: FakeGate, edge: Edge) -> None:
    """A marked sale on spot passes where the engine's operator said so, and the mark is not sent."""
    inner = _markets(ccxt.binance(KEYS))
    inner.fetch = edge.fetch
    exchange = guard(inner, gate, spot_reduce_only=True)
    gate.stop()
    with pytest.raises(OrderDenied):
        guard(inner, gate).create_order(SPOT, "market", "sell", 1, None, {"reduceOnly": True})
    exchange.create_order(SPOT, "market", "sell", 1, None, {"reduceOnly": True})
    for side, params in (
        ("buy", {"reduceOnly": True}),
        ("sell", {"reduceOnly": True, "marginMode": "cross"}),
        ("sell", {}),
    ):
        with pytest.raises(OrderDenied):
            exchange.create_order(SPOT, "market", side, 1, None, params)

    assert len(edge.sent) == 1
    assert "reduceOnly" not in edge.sent[0][1]


def test_reduce_only_is_not_believed_where_ccxt_does_not_send_it(edge: Edge, gate: FakeGate) -> None:
    """On an exchange whose ccxt class drops or ignores the flag, it is an order like any other."""
    inner = _markets(ccxt.whitebit(KEYS))
    inner.fetch = edge.fetch
    gate.stop()
    with pytest.raises(OrderDenied):
        guard(inner, gate).create_order(PERP, "market", "sell", 1, None, {"reduceOnly": True})


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT"])
def test_symbol_that_cannot_be_resolved_names_no_scope(gate: FakeGate, edge: Edge, symbol: str) -> None:
    """Before markets are loaded an ambiguous name is no symbol scope: a stopped symbol denies, and is not missed."""
    inner = ccxt.binanceusdm(KEYS)
    inner.fetch = edge.fetch
    exchange = guard(inner, gate)
    gate.stop(f"symbol/{PERP}")
    with pytest.raises(OrderDenied) as denied:
        exchange.create_order(symbol, "market", "buy", 1)

    assert denied.value.reason is DenyReason.UNDECLARED_SCOPE


def test_unified_symbol_is_enough_before_markets_are_loaded(gate: FakeGate, edge: Edge) -> None:
    """A contract's unified name says both the scope and that it is a contract: an exit is not blocked."""
    inner = ccxt.binanceusdm(KEYS)
    inner.fetch = edge.fetch
    exchange = guard(inner, gate)
    gate.stop()
    with contextlib.suppress(ccxt.BaseError, AttributeError):  # loading markets from a stub leads nowhere
        exchange.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": True})

    assert gate.checked[0].verdict.allowed
    assert gate.checked[0].scopes == (f"symbol/{PERP}",)


def test_deribit_trades_with_get(gate: FakeGate, edge: Edge) -> None:
    """A venue that buys with GET is gated at its endpoints all the same, and its reads are not."""
    inner = ccxt.deribit(KEYS)
    inner.fetch = edge.fetch
    exchange = guard(inner, gate)
    gate.stop()
    for call in (exchange.privateGetBuy, exchange.private_get_sell, exchange.privateGetEdit):
        with pytest.raises(OrderDenied):
            call({"instrument_name": "BTC-PERPETUAL", "amount": 10})
    assert edge.sent == []
    exchange.privateGetGetOpenOrdersByCurrency({"currency": "BTC"})
    exchange.privateGetCancel({"order_id": "1"})

    assert len(edge.sent) == 2


def test_order_held_by_the_rate_limiter_is_judged_again_before_it_leaves(
    inner: Any, gate: FakeGate, edge: Edge
) -> None:
    """An order that was allowed, then waited in ccxt's queue while the stop came, is not sent."""
    inner.enableRateLimit = True
    waiting, go_on = threading.Event(), threading.Event()

    def throttle(_cost: object = None) -> None:
        waiting.set()
        assert go_on.wait(5)

    inner.throttle = throttle
    exchange = guard(inner, gate)
    outcome: list[object] = []

    def send() -> None:
        try:
            outcome.append(exchange.create_order(PERP, "market", "buy", 1))
        except ccxt.BaseError as error:
            outcome.append(error)

    engine = threading.Thread(target=send)
    engine.start()
    assert waiting.wait(5)
    gate.stop()
    go_on.set()
    engine.join(5)

    assert isinstance(outcome[0], OrderDenied)
    assert edge.sent == []


def test_guarding_twice_asks_both_gates(inner: Any, edge: Edge) -> None:
    """Two engines on one exchange object, or one behind two gates: each gate is asked."""
    first, second = FakeGate(), FakeGate()
    one, both = guard(inner, first), guard(guard(inner, first), second)
    second.stop()
    one.create_order(PERP, "market", "buy", 1)
    with pytest.raises(OrderDenied):
        both.create_order(PERP, "market", "buy", 1)

    assert len(edge.sent) == 1


def test_guard_is_the_exchange_in_all_else(exchange: Any, inner: Any) -> None:
    """Attributes, helpers and settings are the exchange's own, and a wrong call fails as ever."""
    exchange.timeout = 1234
    exchange.extra = 1
    del exchange.extra

    assert (inner.timeout, exchange.id, exchange.has["createOrder"]) == (1234, "binanceusdm", True)
    assert exchange.price_to_precision(PERP, 1.234) == inner.price_to_precision(PERP, 1.234)
    assert not hasattr(inner, "extra")
    assert "create_order" in dir(exchange)
    assert "binanceusdm" in repr(exchange)
    assert exchange.create_order.__name__ == "create_order"
    with pytest.raises(TypeError):
        exchange.create_order()
    with pytest.raises(AttributeError):
        _ = exchange.no_such_thing


def test_what_is_no_ccxt_exchange_is_guarded_too(gate: FakeGate) -> None:
    """An engine's own stand-in needs no ccxt; a denial is then plain ``OrderDenied``."""

    class Own:
        def create_order(self, symbol: str, side: str) -> str:
            return f"{side} {symbol}"

    exchange = guard(Own(), gate)

    assert exchange.create_order("BTC/USD", "buy") == "buy BTC/USD"
    gate.stop()
    with pytest.raises(OrderDenied) as denied:
        exchange.create_order("BTC/USD", "buy")
    assert type(denied.value) is OrderDenied


# asyncio ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def async_inner(edge: Edge) -> Any:
    """An unguarded asynchronous Binance USD-M exchange."""
    exchange = _markets(ccxt.async_support.binanceusdm(KEYS))
    exchange.options["defaultType"] = "swap"
    exchange.fetch = edge.fetch_async
    return exchange


async def test_async_orders_are_denied_and_exits_pass(async_inner: Any, gate: FakeGate, edge: Edge) -> None:
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


async def test_async_order_is_judged_when_it_is_sent(async_inner: Any, gate: FakeGate, edge: Edge) -> None:
    """A coroutine made before the stop and awaited after it sends nothing, whichever way it was made."""
    exchange = guard(async_inner, gate)
    made = [exchange.create_order(PERP, "market", "buy", 1), exchange.fapiPrivatePostOrder({"symbol": "BTCUSDT"})]
    gate.stop()
    for order in made:
        with pytest.raises(OrderDenied):
            await order

    assert edge.sent == []


async def test_async_order_held_by_the_rate_limiter_is_judged_again(
    async_inner: Any, gate: FakeGate, edge: Edge
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
    async_inner: Any, gate: FakeGate, edge: Edge
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


async def test_orders_over_websocket_are_denied(gate: FakeGate) -> None:
    """The ``_ws`` variants of ccxt.pro are gated like the others."""
    inner = _markets(ccxt.pro.binanceusdm(KEYS))
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


# what counts as which ---------------------------------------------------------------------------------------------


def test_every_capability_of_ccxt_is_on_the_right_side() -> None:
    """Of all that ccxt's exchanges list as their abilities, exactly those that open risk are gated."""
    abilities = {name for each in ccxt.exchanges for name in getattr(ccxt, each)().has}
    expected = {
        name
        for name in abilities
        if name.startswith(("create", "edit", "borrow", "withdraw")) and name != "createDepositAddress"
    }

    assert {name for name in abilities if opens_risk(name)} == expected | {"reduceMargin"}
    assert len(expected) > 50


def test_no_method_of_any_exchange_slips_by() -> None:
    """Every method whose name makes, edits or sends orders is gated; whatever reads or cancels is not."""
    names = {
        name
        for package in (ccxt, ccxt.pro)
        for each in package.exchanges
        for name in dir(getattr(package, each))
        if not name.startswith("_") and name == name.lower()
    }
    sending = {n for n in names if n.startswith(("create_", "edit_")) and "order" in n.split("_")}
    sending |= {n for n in names if n.startswith(("create_", "edit_")) and "orders" in n.split("_")}
    reading = {n for n in names if n.split("_")[0] in ("fetch", "watch", "cancel", "parse", "safe", "load")}

    assert len(sending) > 60
    assert {n for n in sending if not opens_risk(n)} == set()
    assert {n for n in reading if opens_risk(n)} == set()


@pytest.mark.parametrize(
    ("method", "path", "gated"),
    [
        ("POST", "order", True),
        ("post", "trade/order", True),
        ("PUT", "order", True),
        ("PATCH", "orders/{id}", True),
        ("POST", "order/cancelReplace", True),
        ("POST", "trade/amend-order", True),
        ("POST", "unheard/of", True),
        ("GET", "buy", True),
        ("GET", "edit", True),
        ("GET", "https://www.deribit.com/api/v2/private/buy?amount=1", True),
        ("GET", "order", False),
        ("GET", "prices/{symbol}/buy", False),
        ("GET", "giftcard/buyCode/token-limit", False),
        ("DELETE", "order", False),
        ("POST", "trade/cancel-order", False),
        ("POST", "v1/order/orders/batchcancel", False),
        ("POST", "CancelAll", False),
        ("POST", "trade/closePosition", False),
        ("POST", "https://fapi.binance.com/fapi/v1/order?x=cancel", True),
    ],
)
def test_endpoints(method: str, path: str, gated: bool) -> None:  # noqa: FBT001 - a column of the table
    """Raw endpoints: what writes is gated, but cancelling and closing; what reads is not."""
    assert endpoint_opens_risk(method, path) is gated
