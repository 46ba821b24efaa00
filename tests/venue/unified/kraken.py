"""Kraken, spot and margin."""

import uuid
from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close

PUBLIC, HOST = "api.kraken.com/0/public", "api.kraken.com/0/private"
BTC, ETH = "BTC/USD", "ETH/USD"


def _market(base: str, altname: str) -> dict[str, object]:
    return {
        "altname": altname, "wsname": f"{altname[:3]}/USD", "base": base, "quote": "ZUSD", "pair_decimals": 1,
        "lot_decimals": 8, "cost_decimals": 5, "lot_multiplier": 1, "leverage_buy": [2, 3], "leverage_sell": [2, 3],
        "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1",
        "status": "online",
    }  # fmt: skip


def _good(result: object) -> dict[str, object]:
    return {"error": [], "result": result}


def _order(pair: str, kind: str, **more: object) -> dict[str, object]:
    told = {"pair": pair, "type": "sell", "ordertype": kind, "price": "70000", "price2": "0", "leverage": "none"}
    return {"refid": None, "userref": 0, "status": "open", "vol": "1", "vol_exec": "0", "descr": told, **more}


def _closing(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"ess-1-{number}"))


CASE = Case(
    name="kraken",
    flat={
        "/0/public/AssetPairs": _good({"XXBTZUSD": _market("XXBT", "XBTUSD"), "XETHZUSD": _market("XETH", "ETHUSD")}),
        "/0/private/OpenPositions": _good([]),
        "/0/private/OpenOrders": _good({"open": {}}),
        "/0/private/TradeBalance": _good({"eb": "1000.5", "tb": "900", "m": "0.0", "n": "0.5", "e": "900"}),
        "/0/private/BalanceEx": _good({"ZUSD": {"balance": "10", "hold_trade": "0"}}),
        "/0/private/CancelOrder": _good({"count": 1}),
        "/0/private/CancelOrderBatch": _good({"count": 2}),
        "/0/private/AddOrder": _good({"descr": {"order": "sell 1 XBTUSD @ market"}, "txid": ["OZ"]}),
        "/0/private/CancelAllOrdersAfter": _good({"currentTime": "a", "triggerTime": "b"}),
        "/0/private/GetApiKeyInfo": _good({"permissions": ["query-funds", "modify-trades", "withdraw-funds"]}),
    },
    full={
        "/0/private/OpenPositions": _good([
            {"pair": "XXBTZUSD", "positions": "1", "type": "buy", "leverage": "3.00000", "cost": "28", "fee": "0.1",
             "vol": "0.50000000", "vol_closed": "0.20000000", "margin": "14"},
            {"pair": "ETHUSD", "positions": "1", "type": "sell", "leverage": "2.00000", "cost": "28", "fee": "0.1",
             "vol": "2.00000000", "vol_closed": "0.00000000", "margin": "14"},
        ]),
        "/0/private/OpenOrders": _good({"open": {
            "OA": _order("XBTUSD", "limit", cl_ord_id="mine"),
            "OB": _order("XBTUSD", "stop-loss", reduce_only=True),
            "OC": _order("ETHUSD", "trailing-stop"),
        }}),
        "/0/private/TradeBalance": _good({"eb": "1000.5", "tb": "900", "m": "28.0", "n": "0.5", "e": "900"}),
        "/0/private/BalanceEx": _good({"ZUSD": {"balance": "10", "hold_trade": "5.5"}}),
    },
    prepare=[(f"GET {PUBLIC}/AssetPairs", {})],
    listing=[
        (f"POST {HOST}/OpenPositions", {"consolidation": "market", "txid": None}), (f"POST {HOST}/OpenOrders", {}),
    ],
    orders=[
        OpenOrder(id="OA", symbol=BTC, conditional=False, reduce_only=False, client_order_id="mine"),
        OpenOrder(id="OB", symbol=BTC, conditional=True, reduce_only=True),
        OpenOrder(id="OC", symbol=ETH, conditional=True, reduce_only=False),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal("0.3"), hedged=False),
        Position(symbol=ETH, long=False, quantity=Decimal(2), hedged=False),
    ],
    cancel_all=[(f"POST {HOST}/CancelOrderBatch", {"orders": ["OA", "OB", "OC"]})],
    cancel_first=[(f"POST {HOST}/CancelOrder", {"txid": "OA"})],
    closes=[
        Close(symbol=BTC, long=True, sent=[
            (f"POST {HOST}/AddOrder", {"pair": "XXBTZUSD", "type": "sell", "ordertype": "market", "volume": "0.3",
                                       "reduce_only": "true", "leverage": "3", "cl_ord_id": _closing(0)}),
        ]),
        Close(symbol=ETH, long=False, limit="2100.57", sent=[
            (f"POST {HOST}/AddOrder", {"pair": "XETHZUSD", "type": "buy", "ordertype": "limit", "price": "2100.5",
                                       "volume": "2", "timeinforce": "IOC", "reduce_only": "true", "leverage": "2"}),
        ]),
    ],
    refusal='{"error":["EGeneral:Internal error"]}',
    witness=[(f"POST {HOST}/TradeBalance", {}), (f"POST {HOST}/BalanceEx", {})],
    flat_witness=Witness(positions=False),
    full_witness=Witness(positions=True, orders=True),
    equity=(Decimal("1001.0"), "USD"),
    withdraws=True,
    arm=[(f"POST {HOST}/CancelAllOrdersAfter", {"timeout": 30})],
    disarm=[(f"POST {HOST}/CancelAllOrdersAfter", {"timeout": 0})],
)  # fmt: skip
