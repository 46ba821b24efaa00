"""The guard in front of a real ccxt exchange: what is denied, what passes, what it is otherwise."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from ess_client import DenyReason, OrderDenied, guard
from ess_client.testing import FakeGate

PERP = "BTC/USDT:USDT"


def test_open_gate_changes_nothing(exchange: Any, inner: Any, edge: Any) -> None:
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


def test_denial_is_what_the_engine_and_ccxt_expect(exchange: Any, gate: FakeGate, edge: Any) -> None:
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


def test_exchange_is_denied_without_lease(exchange: Any, gate: FakeGate, edge: Any) -> None:
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
def test_what_may_open_risk_is_denied(exchange: Any, gate: FakeGate, edge: Any, call: Callable[[Any], Any]) -> None:
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
    exchange: Any, gate: FakeGate, edge: Any, call: Callable[[Any], Any]
) -> None:
    """While stopped, reads, cancels and exits are sent; no later check holds them either."""
    gate.stop()
    call(exchange)

    assert len(edge.sent) == 1


def test_order_held_by_the_rate_limiter_is_judged_again_before_it_leaves(inner: Any, gate: FakeGate, edge: Any) -> None:
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


def test_guarding_twice_asks_both_gates(inner: Any, edge: Any) -> None:
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
    assert repr(copy.copy(exchange)) == repr(exchange)


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
