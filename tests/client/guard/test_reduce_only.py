"""Which orders the guard believes to be exits, and which symbols it can name."""

import contextlib
from typing import Any

import ccxt
import pytest

from ess_client import DenyReason, OrderDenied, guard
from ess_client.testing import FakeGate

PERP = "BTC/USDT:USDT"
SPOT = "BTC/USDT"


@pytest.mark.parametrize("params", [{"reduceOnly": True}, {"reduceOnly": "true"}, {"reduce_only": True}])
def test_every_spelling_of_reduce_only_is_sent_as_the_one_the_venue_enforces(
    exchange: Any, edge: Any, params: dict[str, object]
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


def test_closing_the_whole_position_by_a_stop_order_passes(exchange: Any, gate: FakeGate, edge: Any) -> None:
    """Binance's closePosition carries no amount and can only close."""
    gate.stop()
    exchange.create_order(PERP, "STOP_MARKET", "sell", 1, None, {"stopPrice": 40_000, "closePosition": "true"})

    assert len(edge.sent) == 1


def test_spot_exit_passes_only_if_configured(venue: Any, gate: FakeGate, edge: Any) -> None:
    """A marked sale on spot passes where the engine's operator said so, and the mark is not sent."""
    inner = venue(ccxt.binance)
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


def test_reduce_only_is_not_believed_where_ccxt_does_not_send_it(venue: Any, gate: FakeGate) -> None:
    """On an exchange whose ccxt class drops or ignores the flag, it is an order like any other."""
    inner = venue(ccxt.whitebit)
    gate.stop()
    with pytest.raises(OrderDenied):
        guard(inner, gate).create_order(PERP, "market", "sell", 1, None, {"reduceOnly": True})


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT"])
def test_symbol_that_cannot_be_resolved_names_no_scope(venue: Any, gate: FakeGate, symbol: str) -> None:
    """Before markets are loaded an ambiguous name is no symbol scope: a stopped symbol denies, and is not missed."""
    inner = venue(ccxt.binanceusdm, markets=False)
    exchange = guard(inner, gate)
    gate.stop(f"symbol/{PERP}")
    with pytest.raises(OrderDenied) as denied:
        exchange.create_order(symbol, "market", "buy", 1)

    assert denied.value.reason is DenyReason.UNDECLARED_SCOPE


def test_unified_symbol_is_enough_before_markets_are_loaded(venue: Any, gate: FakeGate) -> None:
    """A contract's unified name says both the scope and that it is a contract: an exit is not blocked."""
    inner = venue(ccxt.binanceusdm, markets=False)
    exchange = guard(inner, gate)
    gate.stop()
    with contextlib.suppress(ccxt.BaseError, AttributeError):  # loading markets from a stub leads nowhere
        exchange.create_order(PERP, "market", "sell", 1, None, {"reduceOnly": True})

    assert gate.checked[0].verdict.allowed
    assert gate.checked[0].scopes == (f"symbol/{PERP}",)


def test_deribit_trades_with_get(venue: Any, gate: FakeGate, edge: Any) -> None:
    """A venue that buys with GET is gated at its endpoints all the same, and its reads are not."""
    inner = venue(ccxt.deribit, markets=False)
    exchange = guard(inner, gate)
    gate.stop()
    for call in (exchange.privateGetBuy, exchange.private_get_sell, exchange.privateGetEdit):
        with pytest.raises(OrderDenied):
            call({"instrument_name": "BTC-PERPETUAL", "amount": 10})
    assert edge.sent == []
    exchange.privateGetGetOpenOrdersByCurrency({"currency": "BTC"})
    exchange.privateGetCancel({"order_id": "1"})

    assert len(edge.sent) == 2


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT"])
def test_unresolved_market_that_may_be_spot_is_no_exit(venue: Any, gate: FakeGate, symbol: str) -> None:
    """Before markets are loaded, a name that may be a spot market does not pass as reduce-only."""
    gate.stop()
    with pytest.raises(OrderDenied):
        guard(venue(ccxt.binance, markets=False), gate).create_order(
            symbol, "market", "sell", 1, None, {"reduceOnly": True}
        )
