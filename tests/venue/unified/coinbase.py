"""Coinbase."""

from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close
from tests.venue.unified.wire import Sent

HOST = "api.coinbase.com/api/v3/brokerage"
BTC, FUTURE = "BTC/USD", "BTC/USD:USD-271231"


def _spot(base: str) -> dict[str, object]:
    return {
        "product_id": f"{base}-USD", "price": "50000", "base_increment": "0.0001", "quote_increment": "0.01",
        "quote_min_size": "1", "quote_max_size": "1000000", "base_min_size": "0.0001", "base_max_size": "1000",
        "base_currency_id": base, "quote_currency_id": "USD", "base_name": base, "quote_name": "US Dollar",
        "status": "online", "product_type": "SPOT", "trading_disabled": False, "price_increment": "0.01",
    }  # fmt: skip


FUTURE_PRODUCT = {
    "product_id": "BIT-31DEC27-CDE", "price": "50000", "base_increment": "1", "quote_increment": "5",
    "quote_min_size": "0", "quote_max_size": "100000000", "base_min_size": "1", "base_max_size": "10",
    "base_currency_id": "", "quote_currency_id": "USD", "base_display_symbol": "", "quote_display_symbol": "USD",
    "status": "", "product_type": "FUTURE", "display_name": "BTC 31 DEC 27", "price_increment": "5",
    "future_product_details": {
        "venue": "cde", "contract_code": "BIT", "contract_expiry": "2027-12-31T16:00:00Z", "contract_size": "0.01",
        "contract_root_unit": "BTC", "contract_expiry_type": "EXPIRING", "perpetual_details": {},
    },
}  # fmt: skip


def _products(sent: Sent) -> dict[str, object]:
    future = sent.params.get("product_type") == "FUTURE"
    return {"products": [FUTURE_PRODUCT] if future else [_spot("BTC"), _spot("ETH")], "num_products": 1}


def _order(id_: str, product: str, configuration: str) -> dict[str, object]:
    return {"order_id": id_, "product_id": product, "client_order_id": f"my-{id_}", "side": "SELL", "status": "OPEN",
            "order_configuration": {configuration: {"base_size": "1", "limit_price": "1"}}}  # fmt: skip


def _orders(sent: Sent) -> dict[str, object]:
    if sent.params.get("cursor") == "more":
        rest = [_order("b", "BTC-USD", "stop_limit_stop_limit_gtc"), _order("c", "BIT-31DEC27-CDE", "limit_limit_gtc")]
        return {"orders": rest, "has_next": False, "cursor": ""}
    return {"orders": [_order("a", "BTC-USD", "limit_limit_gtc")], "has_next": True, "cursor": "more"}


def _summary(margin: str, hold: str) -> dict[str, object]:
    money = {"initial_margin": margin, "total_open_orders_hold_amount": hold}
    return {"balance_summary": {name: {"value": value, "currency": "USD"} for name, value in money.items()}}


CASE = Case(
    name="coinbase",
    flat={
        "/api/v3/brokerage/market/products": _products,
        "/api/v3/brokerage/products": _products,
        "/api/v3/brokerage/transaction_summary": {"fee_tier": {}},
        "/api/v3/brokerage/cfm/positions": {"positions": []},
        "/api/v3/brokerage/orders/historical/batch": {"orders": [], "has_next": False, "cursor": ""},
        "/api/v3/brokerage/cfm/balance_summary": _summary("0", "0"),
        "/api/v3/brokerage/key_permissions": {"can_view": True, "can_trade": True, "can_transfer": False},
        "/api/v3/brokerage/orders/batch_cancel": {"results": [{"success": False, "order_id": "a"}]},
        "/api/v3/brokerage/orders/close_position": {"success": True, "success_response": {"order_id": "z"}},
    },
    full={
        "/api/v3/brokerage/cfm/positions": {"positions": [
            {"product_id": "BIT-31DEC27-CDE", "side": "SHORT", "number_of_contracts": "15", "current_price": "50000",
             "avg_entry_price": "0", "expiration_time": "2027-12-31T16:00:00Z"},
        ]},
        "/api/v3/brokerage/orders/historical/batch": _orders,
        "/api/v3/brokerage/cfm/balance_summary": _summary("10.5", "1"),
    },
    prepare=[
        (f"GET {HOST}/market/products", {"product_type": None}),
        (f"GET {HOST}/market/products", {"product_type": "FUTURE"}),
        (f"GET {HOST}/transaction_summary", {}),
    ],
    listing=[
        (f"GET {HOST}/cfm/positions", {}),
        (f"GET {HOST}/orders/historical/batch", {"order_status": "OPEN", "limit": 100, "cursor": None}),
    ],
    pages=[(f"GET {HOST}/orders/historical/batch", {"order_status": "OPEN", "limit": 100, "cursor": "more"})],
    orders=[
        OpenOrder(id="a", symbol=BTC, conditional=False, reduce_only=False, client_order_id="my-a"),
        OpenOrder(id="b", symbol=BTC, conditional=True, reduce_only=False, client_order_id="my-b"),
        OpenOrder(id="c", symbol=FUTURE, conditional=False, reduce_only=False, client_order_id="my-c"),
    ],
    positions=[Position(symbol=FUTURE, long=False, quantity=Decimal(15), hedged=False)],
    cancel_all=[(f"POST {HOST}/orders/batch_cancel", {"order_ids": ["a", "b", "c"]})],
    cancel_first=[(f"POST {HOST}/orders/batch_cancel", {"order_ids": ["a"]})],
    closes=[
        Close(symbol=FUTURE, long=False, sent=[
            (f"POST {HOST}/orders/close_position", {"product_id": "BIT-31DEC27-CDE", "size": size,
                                                    "client_order_id": f"ess-1-{n}"})
            for n, size in enumerate(("8", "7"))
        ]),
    ],
    refusal='{"error":"unknown","error_details":"","message":"try again"}',
    witness=[(f"GET {HOST}/cfm/balance_summary", {})],
    flat_witness=Witness(positions=False),
    full_witness=Witness(positions=True, orders=True),
    withdraws=False,
    secret="a-legacy-secret",
)  # fmt: skip
