"""Hyperliquid."""

import hashlib
from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import NOW_MS, Case, Close
from tests.venue.unified.wire import Sent

INFO, ACT = "POST api.hyperliquid.xyz/info", "POST api.hyperliquid.xyz/exchange"
BTC, ETH, SPOT = "BTC/USDC:USDC", "ETH/USDC:USDC", "PURR/USDC"
WALLET = "0x" + "ab" * 20


def _coins() -> list[object]:
    names = [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}, {"name": "ETH", "szDecimals": 4, "maxLeverage": 25}]
    return [{"universe": names}, [{"markPx": "50000", "midPx": "50000"}, {"markPx": "2100", "midPx": "2100"}]]


def _spot() -> list[object]:
    tokens = [
        {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0},
        {"name": "PURR", "szDecimals": 0, "weiDecimals": 5, "index": 1},
        {"name": "HYPE", "szDecimals": 2, "weiDecimals": 8, "index": 2},
    ]
    pairs = [
        {"name": "PURR/USDC", "tokens": [1, 0], "index": 0, "isCanonical": True},
        {"name": "@1", "tokens": [2, 0], "index": 1, "isCanonical": False},
    ]
    prices = [{"coin": "PURR/USDC", "markPx": "0.1", "midPx": "0.1"}, {"coin": "@1", "markPx": "40", "midPx": "40"}]
    return [{"universe": pairs, "tokens": tokens}, prices]


def _state(*held: tuple[str, str, str]) -> dict[str, object]:
    rows = [
        {"type": "oneWay", "position": {"coin": coin, "szi": size, "positionValue": value, "entryPx": "1"}}
        for coin, size, value in held
    ]
    return {"assetPositions": rows, "marginSummary": {"accountValue": "1234.5", "totalNtlPos": "0"}, "time": 1}


def _order(id_: int, coin: str, **more: object) -> dict[str, object]:
    return {"oid": id_, "coin": coin, "side": "A", "limitPx": "1", "sz": "1", "isTrigger": False, "reduceOnly": False,
            "cloid": None, **more}  # fmt: skip


def _info(*, full: bool) -> object:
    stop = _order(2, "ETH", isTrigger=True, reduceOnly=True, cloid="0xaa")
    orders = [_order(1, "BTC"), stop, _order(3, "PURR/USDC"), _order(4, "@1")]
    answers = {
        "metaAndAssetCtxs": _coins(),
        "spotMetaAndAssetCtxs": _spot(),
        "clearinghouseState": _state(("BTC", "0.5", "25000"), ("ETH", "-2", "4200")) if full else _state(),
        "frontendOpenOrders": orders if full else [],
        "openOrders": orders if full else [],
        "exchangeStatus": {"time": NOW_MS, "specialStatuses": None},
    }
    return lambda sent: answers[sent.params["type"]]


def _exchange(sent: Sent) -> dict[str, object]:
    kind = sent.params["action"]["type"]
    statuses = ["success"] if kind == "cancel" else [{"filled": {"oid": 9, "totalSz": "1", "avgPx": "1"}}]
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}


def _cancel(asset: int, order: int) -> tuple[str, dict[str, object]]:
    return ACT, {"action": {"type": "cancel", "cancels": [{"a": asset, "o": order}]}}


def _close(asset: int, price: str, size: str, *, buy: bool) -> tuple[str, dict[str, object]]:
    cloid = "0x" + hashlib.sha256(b"ess-1-0").hexdigest()[:32]
    order = {"a": asset, "b": buy, "p": price, "s": size, "r": True, "t": {"limit": {"tif": "Ioc"}}, "c": cloid}
    # No builder beside them: ccxt's own call would pay its builder a fee.
    action = {"type": "order", "orders": [order], "grouping": "na"}
    return ACT, {"action": action, "expiresAfter": NOW_MS + 1750}


CASE = Case(
    name="hyperliquid",
    flat={"/info": _info(full=False), "/exchange": _exchange},
    full={"/info": _info(full=True)},
    prepare=[(INFO, {"type": kind}) for kind in ("exchangeStatus", "metaAndAssetCtxs", "spotMetaAndAssetCtxs")],
    listing=[
        (INFO, {"type": "clearinghouseState", "user": WALLET, "dex": None}),
        (INFO, {"type": "frontendOpenOrders", "user": WALLET, "dex": None}),
    ],
    orders=[
        OpenOrder(id="1", symbol=BTC, conditional=False, reduce_only=False),
        OpenOrder(id="2", symbol=ETH, conditional=True, reduce_only=True, client_order_id="0xaa"),
        OpenOrder(id="3", symbol=SPOT, conditional=False, reduce_only=False),
        OpenOrder(id="4", symbol="HYPE/USDC", conditional=False, reduce_only=False),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal("0.5"), hedged=False),
        Position(symbol=ETH, long=False, quantity=Decimal(2), hedged=False),
    ],
    cancel_all=[_cancel(0, 1), _cancel(1, 2), _cancel(10000, 3), _cancel(10001, 4)],
    cancel_first=[_cancel(0, 1)],
    closes=[
        Close(symbol=BTC, long=True, sent=[_close(0, "47500", "0.5", buy=False)]),
        Close(symbol=ETH, long=False, limit="2100.57", sent=[_close(1, "2100.5", "2", buy=True)]),
    ],
    refusal='{"status":"err","response":"User or API Wallet does not exist."}',
    legal={"/info": ["[]"]},
    witness=[(INFO, {"type": "openOrders", "user": WALLET})],
    flat_witness=Witness(orders=False),
    full_witness=Witness(orders=True),
    equity=(Decimal("1234.5"), "USDC"),
    arm=[(ACT, {"action": {"type": "scheduleCancel", "time": NOW_MS + 30_000}})],
    disarm=[(ACT, {"action": {"type": "scheduleCancel"}})],
    key=WALLET,
    secret="0x" + "11" * 32,
)  # fmt: skip
