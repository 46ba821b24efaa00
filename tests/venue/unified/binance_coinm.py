"""Binance COIN-M."""

from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close

HOST = "dapi.binance.com/dapi/v1"
BTC, ETH = "BTC/USD:BTC", "ETH/USD:ETH"


def _market(base: str) -> dict[str, object]:
    return {
        "symbol": f"{base}USD_PERP", "pair": f"{base}USD", "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "contractStatus": "TRADING", "contractSize": 10, "marginAsset": base, "baseAsset": base, "quoteAsset": "USD",
        "pricePrecision": 1, "quantityPrecision": 0, "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "999999", "tickSize": "0.1"},
            {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": "1"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "60", "stepSize": "1"},
        ],
    }  # fmt: skip


def _leg(symbol: str, leg: str, amount: str) -> dict[str, str]:
    # An entry price of zero is what makes ccxt's own parser drop a row.
    return {"symbol": symbol, "positionSide": leg, "positionAmt": amount, "entryPrice": "0.0", "markPrice": "50000.5"}


def _assets(position: str, order: str) -> dict[str, object]:
    return {"assets": [{"asset": "BTC", "positionInitialMargin": position, "openOrderInitialMargin": order}]}


CASE = Case(
    name="binancecoinm",
    flat={
        "/dapi/v1/time": {"serverTime": 1_800_000_000_000},
        "/dapi/v1/exchangeInfo": {"symbols": [_market("BTC"), _market("ETH")]},
        "/dapi/v1/positionSide/dual": {"dualSidePosition": False},
        "/dapi/v1/positionRisk": [_leg("BTCUSD_PERP", "BOTH", "0")],
        "/dapi/v1/openOrders": [],
        "/dapi/v1/openAlgoOrders": [],
        "/dapi/v1/account": _assets("0.0", "0.0"),
        "/sapi/v1/account/apiRestrictions": {"enableWithdrawals": True, "enableFutures": True},
        "/dapi/v1/allOpenOrders": {"code": 200, "msg": "done"},
        "/dapi/v1/algoOpenOrders": {"code": 200, "msg": "done"},
        "/dapi/v1/order": {"orderId": 9, "symbol": "BTCUSD_PERP", "status": "FILLED"},
        "/dapi/v1/algoOrder": {"code": "200"},
        "/dapi/v1/countdownCancelAll": lambda sent: dict(sent.params),
    },
    full={
        "/dapi/v1/positionRisk": [
            _leg("BTCUSD_PERP", "BOTH", "100"), _leg("ETHUSD_PERP", "SHORT", "-7"), _leg("NEWUSD_PERP", "BOTH", "3"),
        ],
        "/dapi/v1/openOrders": [
            {"orderId": 1, "symbol": "BTCUSD_PERP", "side": "BUY", "positionSide": "BOTH", "type": "LIMIT",
             "origType": "LIMIT", "reduceOnly": False, "clientOrderId": "mine"},
            {"orderId": 2, "symbol": "BTCUSD_PERP", "side": "SELL", "positionSide": "BOTH", "type": "LIMIT",
             "origType": "LIMIT", "reduceOnly": True, "clientOrderId": "exit"},
        ],
        "/dapi/v1/openAlgoOrders": [
            {"algoId": 3, "symbol": "ETHUSD_PERP", "side": "BUY", "positionSide": "SHORT", "orderType": "STOP_MARKET",
             "reduceOnly": False, "closePosition": False, "clientAlgoId": "stop"},
        ],
        "/dapi/v1/account": _assets("0.2", "0.1"),
    },
    prepare=[
        (f"GET {HOST}/time", {}), (f"GET {HOST}/exchangeInfo", {}), (f"GET {HOST}/positionSide/dual", {}),
    ],
    listing=[
        (f"GET {HOST}/positionRisk", {"symbol": None}), (f"GET {HOST}/openOrders", {"symbol": None}),
        (f"GET {HOST}/openAlgoOrders", {"symbol": None}),
    ],
    pages=[(f"GET {HOST}/exchangeInfo", {})],
    orders=[
        OpenOrder(id="1", symbol=BTC, conditional=False, reduce_only=False, client_order_id="mine"),
        OpenOrder(id="2", symbol=BTC, conditional=False, reduce_only=True, client_order_id="exit"),
        OpenOrder(id="3", symbol=ETH, conditional=True, reduce_only=True, client_order_id="stop"),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal(100), hedged=False),
        Position(symbol=ETH, long=False, quantity=Decimal(7), hedged=True),
        Position(symbol="NEWUSD_PERP", long=True, quantity=Decimal(3), hedged=False),
    ],
    cancel_all=[
        (f"DELETE {HOST}/allOpenOrders", {"symbol": "BTCUSD_PERP", "recvWindow": 1750}),
        (f"DELETE {HOST}/algoOpenOrders", {"symbol": "ETHUSD_PERP", "recvWindow": 1750}),
    ],
    cancel_first=[(f"DELETE {HOST}/order", {"symbol": "BTCUSD_PERP", "orderId": 1, "recvWindow": 1750})],
    closes=[
        Close(symbol=BTC, long=True, sent=[
            (f"POST {HOST}/order", {"symbol": "BTCUSD_PERP", "side": "SELL", "type": "MARKET", "quantity": 50,
                                    "reduceOnly": True, "positionSide": None, "newClientOrderId": f"ess-1-{n}",
                                    "recvWindow": 1750})
            for n in range(2)
        ]),
        Close(symbol=ETH, long=False, sent=[
            (f"POST {HOST}/order", {"symbol": "ETHUSD_PERP", "side": "BUY", "type": "MARKET", "quantity": 7,
                                    "reduceOnly": None, "positionSide": "SHORT"}),
        ]),
        Close(symbol=ETH, long=False, limit="2100.5", sent=[
            (f"POST {HOST}/order", {"type": "LIMIT", "price": "2100.5", "timeInForce": "IOC",
                                    "positionSide": "SHORT", "quantity": 7}),
        ]),
    ],
    refusal='{"code":-1000,"msg":"An unknown error occurred"}',
    legal={"/dapi/v1/positionRisk": ["[]"], "/dapi/v1/openOrders": ["[]"], "/dapi/v1/openAlgoOrders": ["[]"]},
    witness=[(f"GET {HOST}/account", {})],
    flat_witness=Witness(positions=False),
    full_witness=Witness(positions=True, orders=True),
    hedge_mode=False,
    withdraws=True,
    arm=[
        (f"POST {HOST}/countdownCancelAll", {"symbol": "BTCUSD_PERP", "countdownTime": 30000}),
        (f"POST {HOST}/countdownCancelAll", {"symbol": "ETHUSD_PERP", "countdownTime": 30000}),
    ],
    disarm=[
        (f"POST {HOST}/countdownCancelAll", {"symbol": "BTCUSD_PERP", "countdownTime": 0}),
        (f"POST {HOST}/countdownCancelAll", {"symbol": "ETHUSD_PERP", "countdownTime": 0}),
    ],
)  # fmt: skip
