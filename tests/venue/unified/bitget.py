"""Bitget."""

from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import Case, Close
from tests.venue.unified.wire import Sent

HOST = "api.bitget.com/api/v2/mix"
BTC, ETH, COIN = "BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USD:BTC"
PRODUCTS = ("USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES")
PLANS = ("normal_plan", "track_plan", "profit_loss")
NOTHING = {"entrustedList": None, "endId": None}


def _good(data: object) -> dict[str, object]:
    return {"code": "00000", "msg": "success", "requestTime": 1, "data": data}


def _market(base: str, quote: str, coin: str) -> dict[str, object]:
    return {
        "symbol": f"{base}{quote}", "baseCoin": base, "quoteCoin": quote, "supportMarginCoins": [coin],
        "symbolType": "perpetual", "symbolStatus": "normal", "pricePlace": "1", "priceEndStep": "1",
        "volumePlace": "3", "sizeMultiplier": "0.001", "minTradeNum": "0.001", "minTradeUSDT": "5",
        "maxMarketOrderQty": "0.4", "maxOrderQty": "1200", "makerFeeRate": "0", "takerFeeRate": "0",
        "minLever": "1", "maxLever": "100",
    }  # fmt: skip


def _contracts(sent: Sent) -> dict[str, object]:
    found = {
        "USDT-FUTURES": [_market("BTC", "USDT", "USDT"), _market("ETH", "USDT", "USDT")],
        "COIN-FUTURES": [_market("BTC", "USD", "BTC")],
    }
    return _good(found.get(str(sent.params["productType"]), []))


def _position(symbol: str, side: str, total: str, mode: str, margin: str) -> dict[str, str]:
    return {"symbol": symbol, "holdSide": side, "total": total, "posMode": mode, "marginMode": margin,
            "markPrice": "50000", "openPriceAvg": "0", "marginCoin": "USDT"}  # fmt: skip


def _positions(sent: Sent) -> dict[str, object]:
    found = {
        "USDT-FUTURES": [
            _position("BTCUSDT", "long", "1", "hedge_mode", "isolated"),
            _position("ETHUSDT", "short", "0.3", "one_way_mode", "crossed"),
            _position("XRPUSDT", "long", "0", "one_way_mode", "crossed"),
        ],
        "COIN-FUTURES": [_position("BTCUSD", "short", "0.2", "one_way_mode", "crossed")],
    }
    return _good(found.get(str(sent.params["productType"]), []))


def _order(id_: int, symbol: str = "BTCUSDT", **more: str) -> dict[str, str]:
    return {"orderId": str(id_), "symbol": symbol, "side": "buy", "reduceOnly": "NO", "tradeSide": "open",
            "clientOid": f"my-{id_}", **more}  # fmt: skip


def _pending(sent: Sent) -> dict[str, object]:
    if sent.params["productType"] != "USDT-FUTURES":
        return _good(NOTHING)
    if "idLessThan" not in sent.params:
        return _good({"entrustedList": [_order(n) for n in range(200, 100, -1)], "endId": "101"})
    assert sent.params["idLessThan"] == "101"
    return _good({"entrustedList": [_order(7, tradeSide="close")], "endId": "7"})


def _plans(sent: Sent) -> dict[str, object]:
    found = {
        ("USDT-FUTURES", "normal_plan"): [_order(3, "ETHUSDT", planType="normal_plan", reduceOnly="YES")],
        ("COIN-FUTURES", "profit_loss"): [_order(4, "BTCUSD", planType="pos_loss", tradeSide="buy_single")],
    }
    rows = found.get((str(sent.params["productType"]), str(sent.params["planType"])))
    return _good({"entrustedList": rows, "endId": rows[-1]["orderId"]} if rows else NOTHING)


def _account(profit: str, locked: str) -> dict[str, object]:
    row = {"marginCoin": "USDT", "locked": locked, "available": "1", "accountEquity": "1234.5", "unrealizedPL": profit}
    return _good([row])


LISTING = [
    *((f"GET {HOST}/position/all-position", {"productType": p, "symbol": None}) for p in PRODUCTS),
    *((f"GET {HOST}/order/orders-pending", {"productType": p, "limit": 100, "idLessThan": None}) for p in PRODUCTS),
    *(
        (f"GET {HOST}/order/orders-plan-pending", {"productType": p, "planType": kind, "limit": 100})
        for p in PRODUCTS
        for kind in PLANS
    ),
]

CASE = Case(
    name="bitget",
    flat={
        "/api/v2/public/time": _good({"serverTime": "1800000000000"}),
        "/api/v2/mix/market/contracts": _contracts,
        "/api/v2/mix/position/all-position": _good([]),
        "/api/v2/mix/order/orders-pending": _good(NOTHING),
        "/api/v2/mix/order/orders-plan-pending": _good(NOTHING),
        "/api/v2/mix/account/accounts": _account("0", "0"),
        "/api/v2/mix/order/batch-cancel-orders": _good({"successList": [], "failureList": [{"orderId": "200"}]}),
        "/api/v2/mix/order/cancel-plan-order": _good({"successList": [], "failureList": []}),
        "/api/v2/mix/order/place-order": _good({"orderId": "9", "clientOid": "x"}),
    },
    full={
        "/api/v2/mix/position/all-position": _positions,
        "/api/v2/mix/order/orders-pending": _pending,
        "/api/v2/mix/order/orders-plan-pending": _plans,
        "/api/v2/mix/account/accounts": _account("-0.5", "3"),
    },
    prepare=[
        ("GET api.bitget.com/api/v2/public/time", {}),
        *(
            (f"GET {HOST}/market/contracts", {"productType": p})
            for p in (*PRODUCTS, "SUSDT-FUTURES", "SUSDC-FUTURES", "SCOIN-FUTURES")
        ),
    ],
    listing=LISTING,
    pages=[(f"GET {HOST}/order/orders-pending", {"productType": "USDT-FUTURES", "idLessThan": "101"})],
    orders=[
        OpenOrder(id="200", symbol=BTC, conditional=False, reduce_only=False, client_order_id="my-200"),
        *(
            OpenOrder(id=str(n), symbol=BTC, conditional=False, reduce_only=False, client_order_id=f"my-{n}")
            for n in range(101, 200)
        ),
        OpenOrder(id="7", symbol=BTC, conditional=False, reduce_only=True, client_order_id="my-7"),
        OpenOrder(id="3", symbol=ETH, conditional=True, reduce_only=True, client_order_id="my-3"),
        OpenOrder(id="4", symbol=COIN, conditional=True, reduce_only=True, client_order_id="my-4"),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=True),
        Position(symbol=ETH, long=False, quantity=Decimal("0.3"), hedged=False),
        Position(symbol=COIN, long=False, quantity=Decimal("0.2"), hedged=False),
    ],
    cancel_all=[
        *(
            (f"POST {HOST}/order/batch-cancel-orders", {
                "symbol": "BTCUSDT", "productType": "USDT-FUTURES",
                "orderIdList": [{"orderId": str(n)} for n in ids],
            })
            for ids in (range(200, 150, -1), range(150, 100, -1), (7,))
        ),
        (f"POST {HOST}/order/cancel-plan-order", {"symbol": "ETHUSDT", "productType": "USDT-FUTURES",
                                                  "planType": "normal_plan", "orderIdList": [{"orderId": "3"}]}),
        (f"POST {HOST}/order/cancel-plan-order", {"symbol": "BTCUSD", "productType": "COIN-FUTURES",
                                                  "planType": "profit_loss", "orderIdList": [{"orderId": "4"}]}),
    ],
    cancel_first=[
        (f"POST {HOST}/order/batch-cancel-orders", {"symbol": "BTCUSDT", "orderIdList": [{"orderId": "200"}]}),
    ],
    closes=[
        Close(symbol=BTC, long=True, sent=[
            (f"POST {HOST}/order/place-order", {
                "symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginMode": "isolated", "marginCoin": "USDT",
                "orderType": "market", "side": "buy", "tradeSide": "Close", "reduceOnly": None, "size": size,
                "clientOid": f"ess-1-{n}",
            })
            for n, size in enumerate(("0.334", "0.333", "0.333"))
        ]),
        Close(symbol=ETH, long=False, limit="2100.55", sent=[
            (f"POST {HOST}/order/place-order", {
                "symbol": "ETHUSDT", "marginMode": "crossed", "orderType": "limit", "price": "2100.5", "force": "IOC",
                "side": "buy", "tradeSide": None, "reduceOnly": "YES", "size": "0.3",
            }),
        ]),
        Close(symbol=COIN, long=False, sent=[
            (f"POST {HOST}/order/place-order", {
                "symbol": "BTCUSD", "productType": "COIN-FUTURES", "marginCoin": "BTC", "side": "buy",
                "reduceOnly": "YES", "size": "0.2",
            }),
        ]),
    ],
    refusal='{"code":"40725","msg":"service return an error","requestTime":1,"data":null}',
    legal={
        "/api/v2/mix/order/orders-pending": ["null for entrustedList"] * 3,
        "/api/v2/mix/order/orders-plan-pending": ["null for entrustedList"] * 9,
    },
    witness=[(f"GET {HOST}/account/accounts", {"productType": p}) for p in PRODUCTS],
    full_witness=Witness(positions=True, orders=True),
    equity=(Decimal("1234.5"), "USDT"),
)  # fmt: skip
