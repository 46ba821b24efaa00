"""Deribit."""

from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close

PUBLIC, HOST = "www.deribit.com/api/v2/public", "www.deribit.com/api/v2/private"
PERP, FUTURE, OPTION = "BTC/USD:BTC", "BTC/USD:BTC-271231", "BTC/USD:BTC-271231-50000-C"
YEAR_END = 1_830_240_000_000


def _good(result: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}


def _market(name: str, kind: str, period: str, **more: object) -> dict[str, object]:
    return {
        "instrument_name": name, "kind": kind, "settlement_period": period, "base_currency": "BTC",
        "counter_currency": "USD", "quote_currency": "USD", "settlement_currency": "BTC", "is_active": True,
        "expiration_timestamp": YEAR_END, "min_trade_amount": 10, "tick_size": 0.5, "contract_size": 10,
        "taker_commission": 0.0005, "maker_commission": 0, "creation_timestamp": 1, **more,
    }  # fmt: skip


def _order(id_: str, name: str, **more: object) -> dict[str, object]:
    named = {"order_id": id_, "instrument_name": name}
    return {**named, "order_state": "open", "order_type": "limit", "label": f"my-{id_}",
            "reduce_only": False, "direction": "buy", "amount": 10, **more}  # fmt: skip


def _summaries(margin: float, kept: float, options: float) -> dict[str, object]:
    row = {"currency": "BTC", "equity": 1.0, "initial_margin": margin, "maintenance_margin": kept}
    return _good({"id": 1, "summaries": [{**row, "options_value": options, "total_equity_usd": 1234.5}]})


CASE = Case(
    name="deribit",
    flat={
        "/api/v2/public/get_time": _good(1_800_000_000_000),
        "/api/v2/public/get_instruments": _good([
            _market("BTC-PERPETUAL", "future", "perpetual"), _market("BTC-31DEC27", "future", "month"),
            _market("BTC-31DEC27-50000-C", "option", "month", min_trade_amount=0.1, tick_size=0.0005, strike=50000.0,
                    option_type="call"),
        ]),
        "/api/v2/private/get_positions": _good([]),
        "/api/v2/private/get_open_orders": _good([]),
        "/api/v2/private/get_account_summaries": _summaries(0, 0, 0),
        "/api/v2/private/cancel": _good({"order_id": "a"}),
        "/api/v2/private/cancel_all_by_instrument": _good(2),
        "/api/v2/private/sell": _good({"order": {"order_id": "z", "instrument_name": "BTC-PERPETUAL"}, "trades": []}),
        "/api/v2/private/buy": _good({"order": {"order_id": "z", "instrument_name": "BTC-31DEC27"}, "trades": []}),
    },
    full={
        "/api/v2/private/get_positions": _good([
            {"instrument_name": "BTC-PERPETUAL", "kind": "future", "size": 50, "direction": "buy", "mark_price": 50000},
            {"instrument_name": "BTC-31DEC27", "kind": "future", "size": -20, "direction": "sell", "mark_price": 50100},
            {"instrument_name": "BTC-31DEC27-50000-C", "kind": "option", "size": 0.3, "direction": "buy",
             "mark_price": 0.01},
            {"instrument_name": "ETH-PERPETUAL", "kind": "future", "size": 0, "direction": "zero", "mark_price": 1},
        ]),
        "/api/v2/private/get_open_orders": _good([
            _order("a", "BTC-PERPETUAL"), _order("b", "BTC-PERPETUAL", reduce_only=True),
            _order("c", "BTC-31DEC27", order_state="untriggered", order_type="stop_market", reduce_only=True),
        ]),
        "/api/v2/private/get_account_summaries": _summaries(0.2, 0.1, 0),
    },
    prepare=[(f"GET {PUBLIC}/get_time", {}), (f"GET {PUBLIC}/get_instruments", {})],
    listing=[
        (f"GET {HOST}/get_positions", {"currency": "any", "kind": None}),
        (f"GET {HOST}/get_open_orders", {"type": "all", "kind": None}),
    ],
    orders=[
        OpenOrder(id="a", symbol=PERP, conditional=False, reduce_only=False, client_order_id="my-a"),
        OpenOrder(id="b", symbol=PERP, conditional=False, reduce_only=True, client_order_id="my-b"),
        OpenOrder(id="c", symbol=FUTURE, conditional=True, reduce_only=True, client_order_id="my-c"),
    ],
    positions=[
        Position(symbol=PERP, long=True, quantity=Decimal(50), hedged=False),
        Position(symbol=FUTURE, long=False, quantity=Decimal(20), hedged=False),
        Position(symbol=OPTION, long=True, quantity=Decimal("0.3"), hedged=False),
    ],
    cancel_all=[
        (f"GET {HOST}/cancel_all_by_instrument", {"instrument_name": "BTC-PERPETUAL", "type": "all"}),
        (f"GET {HOST}/cancel_all_by_instrument", {"instrument_name": "BTC-31DEC27", "type": "all"}),
    ],
    cancel_first=[(f"GET {HOST}/cancel", {"order_id": "a"})],
    closes=[
        Close(symbol=PERP, long=True, sent=[
            (f"GET {HOST}/sell", {"instrument_name": "BTC-PERPETUAL", "amount": 50, "type": "market",
                                  "reduce_only": True, "label": "ess-1-0", "clientOrderId": None,
                                  "valid_until": 1_800_000_001_750}),
        ]),
        Close(symbol=FUTURE, long=False, limit="50200.7", sent=[
            (f"GET {HOST}/buy", {"instrument_name": "BTC-31DEC27", "amount": 20, "type": "limit", "price": "50200.5",
                                 "time_in_force": "immediate_or_cancel", "reduce_only": True}),
        ]),
        Close(symbol=OPTION, long=True, sent=[
            (f"GET {HOST}/sell", {"instrument_name": "BTC-31DEC27-50000-C", "amount": "0.3", "type": "market",
                                  "reduce_only": True}),
        ]),
    ],
    refusal='{"jsonrpc":"2.0","error":{"code":11094,"message":"internal_server_error"},"usIn":1,"usOut":2}',
    witness=[(f"GET {HOST}/get_account_summaries", {})],
    flat_witness=Witness(positions=False),
    full_witness=Witness(positions=True),
    equity=(Decimal("1234.5"), "USD"),
)  # fmt: skip
