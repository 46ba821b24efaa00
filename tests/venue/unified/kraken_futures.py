"""Kraken Futures."""

from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close

HOST = "futures.kraken.com/derivatives/api/v3"
BTC, ETH = "BTC/USD:USD", "ETH/USD:USD"
NOW = "2027-01-15T08:00:00.000Z"
GOOD = {"result": "success", "serverTime": NOW}


def _market(base: str) -> dict[str, object]:
    return {
        "symbol": f"PF_{base}USD", "type": "flexible_futures", "tickSize": 0.5, "contractSize": 1, "tradeable": True,
        "contractValueTradePrecision": 4, "impactMidSize": 1, "maxPositionSize": 1000000, "base": base, "quote": "USD",
        "pair": f"{base}:USD", "postOnly": False, "openingDate": "2022-01-01T00:00:00.000Z",
        "marginLevels": [{"contracts": 0, "initialMargin": 0.02, "maintenanceMargin": 0.01}],
    }  # fmt: skip


def _accounts(margin: str, with_orders: str) -> dict[str, object]:
    flex = {"initialMargin": margin, "initialMarginWithOrders": with_orders, "portfolioValue": "1234.5"}
    return {**GOOD, "accounts": {"flex": {**flex, "type": "multiCollateralMarginAccount"}}}


def _order(id_: str, symbol: str, kind: str, *, exit_only: bool) -> dict[str, object]:
    return {"order_id": id_, "symbol": symbol, "side": "sell", "orderType": kind, "limitPrice": 1, "unfilledSize": 1,
            "filledSize": 0, "status": "untouched", "reduceOnly": exit_only, "cliOrdId": f"my-{id_}"}  # fmt: skip


CASE = Case(
    name="krakenfutures",
    flat={
        "/derivatives/api/v3/tickers/PF_XBTUSD": {**GOOD, "ticker": {}},
        "/derivatives/api/v3/instruments": {**GOOD, "instruments": [_market("XBT"), _market("ETH")]},
        "/derivatives/api/v3/openpositions": {**GOOD, "openPositions": []},
        "/derivatives/api/v3/openorders": {**GOOD, "openOrders": []},
        "/derivatives/api/v3/accounts": _accounts("0.0", "0.0"),
        "/derivatives/api/v3/cancelallorders": {**GOOD, "cancelStatus": {"status": "cancelled"}},
        "/derivatives/api/v3/batchorder": {**GOOD, "batchStatus": [{"status": "notFound", "order_id": "a"}]},
        "/derivatives/api/v3/sendorder": {
            **GOOD, "sendStatus": {"status": "placed", "order_id": "z", "orderEvents": []},
        },
        "/derivatives/api/v3/cancelallordersafter": {**GOOD, "status": {"currentTime": NOW, "triggerTime": "0"}},
    },
    full={
        "/derivatives/api/v3/openpositions": {**GOOD, "openPositions": [
            {"side": "long", "symbol": "PF_XBTUSD", "price": "1", "size": "0.25"},
            {"side": "short", "symbol": "pf_ethusd", "price": "1", "size": "7"},
        ]},
        "/derivatives/api/v3/openorders": {**GOOD, "openOrders": [
            _order("a", "PF_XBTUSD", "lmt", exit_only=False),
            _order("b", "PF_XBTUSD", "stop", exit_only=True),
            _order("c", "PF_ETHUSD", "take_profit", exit_only=True),
        ]},
        "/derivatives/api/v3/accounts": _accounts("10.0", "15.0"),
    },
    prepare=[(f"GET {HOST}/tickers/PF_XBTUSD", {}), (f"GET {HOST}/instruments", {})],
    listing=[(f"GET {HOST}/openpositions", {}), (f"GET {HOST}/openorders", {})],
    orders=[
        OpenOrder(id="a", symbol=BTC, conditional=False, reduce_only=False, client_order_id="my-a"),
        OpenOrder(id="b", symbol=BTC, conditional=True, reduce_only=True, client_order_id="my-b"),
        OpenOrder(id="c", symbol=ETH, conditional=True, reduce_only=True, client_order_id="my-c"),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal("0.25"), hedged=False),
        Position(symbol=ETH, long=False, quantity=Decimal(7), hedged=False),
    ],
    cancel_all=[
        (f"POST {HOST}/cancelallorders", {"symbol": "PF_XBTUSD"}),
        (f"POST {HOST}/cancelallorders", {"symbol": "PF_ETHUSD"}),
    ],
    cancel_first=[(f"POST {HOST}/batchorder", {"batchOrder": [{"order": "cancel", "order_id": "a"}]})],
    closes=[
        Close(symbol=BTC, long=True, sent=[
            (f"POST {HOST}/sendorder", {"symbol": "PF_XBTUSD", "side": "sell", "size": "0.25", "orderType": "mkt",
                                        "reduceOnly": True, "cliOrdId": "ess-1-0", "limitPrice": None,
                                        "processBefore": "2027-01-15T08:00:01.750Z"}),
        ]),
        Close(symbol=ETH, long=False, quantity="2", limit="2100.5", sent=[
            (f"POST {HOST}/sendorder", {"symbol": "PF_ETHUSD", "side": "buy", "size": "2", "orderType": "ioc",
                                        "limitPrice": "2100.5", "reduceOnly": True}),
        ]),
    ],
    refusal='{"result":"error","error":"Server Error","serverTime":"2027-01-15T08:00:00.000Z"}',
    witness=[(f"GET {HOST}/accounts", {})],
    flat_witness=Witness(positions=False),
    full_witness=Witness(positions=True, orders=True),
    equity=(Decimal("1234.5"), "USD"),
    arm=[(f"POST {HOST}/cancelallordersafter", {"timeout": 30})],
    disarm=[(f"POST {HOST}/cancelallordersafter", {"timeout": 0})],
)  # fmt: skip
