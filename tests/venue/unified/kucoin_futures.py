"""KuCoin Futures."""

from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close
from tests.venue.unified.wire import Sent

HOST = "api-futures.kucoin.com/api/v1"
BTC, ETH, COIN = "BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USD:BTC"


def _good(data: object) -> dict[str, object]:
    return {"code": "200000", "data": data}


def _market(symbol: str, base: str, quote: str, settle: str) -> dict[str, object]:
    return {
        "symbol": symbol, "baseCurrency": base, "quoteCurrency": quote, "settleCurrency": settle, "lotSize": 1,
        "tickSize": 0.1, "multiplier": 0.001, "maxOrderQty": 1000000, "marketMaxOrderQty": 60, "maxPrice": 1000000,
        "isInverse": quote == "USD", "status": "Open", "nextFundingRateTime": 1, "maxLeverage": 100, "type": "FFWCSX",
        "takerFeeRate": 0.0006, "makerFeeRate": 0.0002, "expireDate": None, "firstOpenDate": 1,
    }  # fmt: skip


def _order(id_: str, symbol: str, **more: object) -> dict[str, object]:
    return {"id": id_, "symbol": symbol, "side": "buy", "clientOid": f"my-{id_}", "reduceOnly": False,
            "closeOrder": False, "stop": "", "isActive": True, **more}  # fmt: skip


def _orders(sent: Sent) -> dict[str, object]:
    if sent.method != "GET":
        return _good({"orderId": "z", "cancelledOrderIds": []})
    page = int(sent.params.get("currentPage", 1))
    found = {
        1: [_order(f"a{n:02}", "XBTUSDTM") for n in range(100)],
        2: [_order("b", "XBTUSDTM", reduceOnly=True)],
    }
    return _good({"currentPage": page, "pageSize": 100, "items": found[page]})


def _stops(sent: Sent) -> dict[str, object]:
    if sent.method != "GET":
        return _good({"cancelledOrderIds": []})
    return _good({"items": [_order("c", "ETHUSDTM", stop="down", closeOrder=True)]})


def _overview(position: str, order: str) -> dict[str, object]:
    return _good({"accountEquity": 1234.5, "unrealisedPNL": 0, "positionMargin": float(position),
                  "orderMargin": float(order), "currency": "USDT"})  # fmt: skip


EMPTY = _good({"currentPage": 1, "pageSize": 100, "totalNum": 0, "totalPage": 0, "items": []})

CASE = Case(
    name="kucoinfutures",
    flat={
        "/api/v1/timestamp": _good(1_800_000_000_000),
        "/api/v1/contracts/active": _good([
            _market("XBTUSDTM", "XBT", "USDT", "USDT"), _market("ETHUSDTM", "ETH", "USDT", "USDT"),
            _market("XBTUSDM", "XBT", "USD", "XBT"),
        ]),
        "/api/v2/position/getPositionMode": _good({"positionMode": 1}),
        "/api/v1/positions": _good([]),
        "/api/v1/orders": EMPTY,
        "/api/v1/stopOrders": EMPTY,
        "/api/v1/account-overview": _overview("0", "0"),
        "/api/v1/user/api-key": _good({"permission": "General,Futures", "apiVersion": 3}),
        "/api/v1/orders/multi-cancel": _good([{"orderId": "a00", "code": "200", "msg": "success"}]),
    },
    full={
        "/api/v1/positions": _good([
            {"symbol": "XBTUSDTM", "currentQty": 100, "positionSide": "LONG", "marginMode": "CROSS", "markPrice": 5},
            {"symbol": "ETHUSDTM", "currentQty": -7, "positionSide": "SHORT", "marginMode": "ISOLATED", "markPrice": 1},
            {"symbol": "XBTUSDM", "currentQty": 5, "crossMode": False, "markPrice": 50000},
        ]),
        "/api/v1/orders": _orders,
        "/api/v1/stopOrders": _stops,
        "/api/v1/account-overview": _overview("3", "1"),
    },
    prepare=[
        (f"GET {HOST}/timestamp", {}), (f"GET {HOST}/contracts/active", {}),
        ("GET api-futures.kucoin.com/api/v2/position/getPositionMode", {}),
    ],
    listing=[
        (f"GET {HOST}/positions", {}),
        (f"GET {HOST}/orders", {"status": "active", "pageSize": 100, "currentPage": None, "symbol": None}),
        (f"GET {HOST}/stopOrders", {"pageSize": 100, "currentPage": None, "symbol": None}),
    ],
    pages=[(f"GET {HOST}/orders", {"status": "active", "currentPage": 2, "pageSize": 100})],
    orders=[
        *(
            OpenOrder(id=f"a{n:02}", symbol=BTC, conditional=False, reduce_only=False, client_order_id=f"my-a{n:02}")
            for n in range(100)
        ),
        OpenOrder(id="b", symbol=BTC, conditional=False, reduce_only=True, client_order_id="my-b"),
        OpenOrder(id="c", symbol=ETH, conditional=True, reduce_only=True, client_order_id="my-c"),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal(100), hedged=True),
        Position(symbol=ETH, long=False, quantity=Decimal(7), hedged=True),
        Position(symbol=COIN, long=True, quantity=Decimal(5), hedged=False),
    ],
    cancel_all=[
        (f"DELETE {HOST}/orders", {"symbol": "XBTUSDTM"}), (f"DELETE {HOST}/stopOrders", {"symbol": "ETHUSDTM"}),
    ],
    cancel_first=[(f"DELETE {HOST}/orders/multi-cancel", {"orderIdsList": ["a00"]})],
    closes=[
        Close(symbol=BTC, long=True, sent=[
            (f"POST {HOST}/orders", {"symbol": "XBTUSDTM", "side": "sell", "type": "market", "size": 50,
                                     "reduceOnly": True, "positionSide": "LONG", "marginMode": "CROSS",
                                     "clientOid": f"ess-1-{n}"})
            for n in range(2)
        ]),
        Close(symbol=ETH, long=False, limit="2100.57", sent=[
            (f"POST {HOST}/orders", {"symbol": "ETHUSDTM", "side": "buy", "type": "limit", "price": "2100.5",
                                     "timeInForce": "IOC", "size": 7, "reduceOnly": True, "positionSide": "SHORT",
                                     "marginMode": "ISOLATED"}),
        ]),
        Close(symbol=COIN, long=True, sent=[
            (f"POST {HOST}/orders", {"symbol": "XBTUSDM", "side": "sell", "size": 5, "reduceOnly": True,
                                     "positionSide": None, "marginMode": "ISOLATED"}),
        ]),
    ],
    refusal='{"code":"500000","msg":"Internal Server Error"}',
    witness=[(f"GET {HOST}/account-overview", {"currency": coin}) for coin in ("USDT", "XBT")],
    full_witness=Witness(positions=True, orders=True),
    equity=(Decimal("1234.5"), "USDT"),
    hedge_mode=True,
    withdraws=False,
)  # fmt: skip
