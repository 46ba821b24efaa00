"""Gate."""

import hashlib
from decimal import Decimal

from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from tests.venue.unified.case import NOW_MS, Case, Close
from tests.venue.unified.wire import Sent

HOST = "api.gateio.ws/api/v4/futures"
BTC, ETH, COIN = "BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USD:BTC"
EXPIRES = {"header X-Gate-Exptime": NOW_MS + 1750, "X-Gate-Exptime": None}
LISTS = [(settle, what) for settle in ("usdt", "btc") for what in ("positions", "orders", "price_orders")]
PATHS = [f"/api/v4/futures/{settle}/{what}" for settle, what in LISTS]
NOT_USED = (400, '{"label":"USER_NOT_FOUND","message":"please transfer funds first to create futures account"}')


def _market(name: str) -> dict[str, object]:
    return {
        "name": name, "type": "direct", "quanto_multiplier": "0.0001", "order_size_min": 1, "order_size_max": 1000000,
        "market_order_size_max": "60", "order_price_round": "0.1", "order_price_deviate": "0.5", "mark_price": "50000",
        "leverage_min": "1", "leverage_max": "100", "status": "trading", "create_time": 1, "taker_fee_rate": "0.0005",
    }  # fmt: skip


def _position(contract: str, size: str, mode: str) -> dict[str, object]:
    return {"contract": contract, "size": size, "mode": mode, "mark_price": "50000", "entry_price": "0", "value": "0"}


def _positions(sent: Sent) -> list[dict[str, object]]:
    if sent.params.get("offset", "0") == "0":
        held = [_position("BTC_USDT", "100", "dual_long"), _position("BTC_USDT", "0", "dual_short")]
        return held + [_position(f"X{n}_USDT", "0", "single") for n in range(98)]
    assert sent.params["offset"] == "100"
    return [_position("ETH_USDT", "-7", "single")]


def _order(id_: int, contract: str, **more: object) -> dict[str, object]:
    return {"id": id_, "contract": contract, "size": 1, "is_reduce_only": False, "is_close": False,
            "text": f"t-{id_}", **more}  # fmt: skip


def _trigger(id_: int, contract: str, **more: object) -> dict[str, object]:
    return {
        "id": id_,
        "status": "open",
        "trigger": {"price": "1"},
        "initial": {"contract": contract, "size": 0, **more},
    }


def _account(position: str, order: str) -> dict[str, object]:
    return {"currency": "USDT", "total": "1000.5", "unrealised_pnl": "-0.5", "position_margin": position,
            "order_margin": order, "in_dual_mode": True}  # fmt: skip


def _id(number: int) -> str:
    return "t-ess-" + hashlib.sha256(f"ess-1-{number}".encode()).hexdigest()[:22]


def _list(settle: str, what: str) -> tuple[str, dict[str, object]]:
    more: dict[str, object] = {"holding": "true"} if what == "positions" else {"status": "open"}
    return f"GET {HOST}/{settle}/{what}", {"limit": 100, "offset": None, "contract": None, **more}


CASE = Case(
    name="gate",
    flat={
        "/api/v4/spot/time": {"server_time": 1_800_000_000_000},
        "/api/v4/futures/usdt/contracts": [_market("BTC_USDT"), _market("ETH_USDT")],
        "/api/v4/futures/btc/contracts": [_market("BTC_USD")],
        "/api/v4/futures/usdt/accounts": _account("0", "0"),
        **{path: [] for path in PATHS},
        "/api/v4/futures/btc/positions": NOT_USED,
        "/api/v4/futures/usdt/batch_cancel_orders": [{"id": "1", "succeeded": False, "message": "ORDER_NOT_FOUND"}],
        "/api/v4/futures/usdt/price_orders/3": (404, '{"label":"AUTO_ORDER_NOT_FOUND"}'),
    },
    full={
        "/api/v4/futures/usdt/positions": _positions,
        "/api/v4/futures/btc/positions": [_position("BTC_USD", "50", "single")],
        "/api/v4/futures/usdt/orders": lambda sent: (
            [_order(1, "BTC_USDT"), _order(2, "BTC_USDT", is_reduce_only=True)] if sent.method == "GET" else {"id": 9}
        ),
        "/api/v4/futures/btc/orders": lambda sent: (
            [_order(5, "BTC_USD", is_close=True)] if sent.method == "GET" else {"id": 9}
        ),
        "/api/v4/futures/usdt/price_orders": [
            _trigger(3, "ETH_USDT", is_reduce_only=True), _trigger(4, "ETH_USDT", is_reduce_only=False),
        ],
        "/api/v4/futures/usdt/accounts": _account("3", "1"),
    },
    prepare=[
        ("GET api.gateio.ws/api/v4/spot/time", {}),
        (f"GET {HOST}/usdt/contracts", {}), (f"GET {HOST}/btc/contracts", {}),
        (f"GET {HOST}/usdt/accounts", {}),
    ],
    listing=[_list(settle, what) for settle, what in LISTS],
    pages=[(f"GET {HOST}/usdt/positions", {"offset": 100, "limit": 100, "holding": "true"})],
    orders=[
        OpenOrder(id="1", symbol=BTC, conditional=False, reduce_only=False, client_order_id="t-1"),
        OpenOrder(id="2", symbol=BTC, conditional=False, reduce_only=True, client_order_id="t-2"),
        OpenOrder(id="3", symbol=ETH, conditional=True, reduce_only=True),
        OpenOrder(id="4", symbol=ETH, conditional=True, reduce_only=False),
        OpenOrder(id="5", symbol=COIN, conditional=False, reduce_only=True, client_order_id="t-5"),
    ],
    positions=[
        Position(symbol=BTC, long=True, quantity=Decimal(100), hedged=True),
        Position(symbol=ETH, long=False, quantity=Decimal(7), hedged=False),
        Position(symbol=COIN, long=True, quantity=Decimal(50), hedged=False),
    ],
    cancel_all=[
        (f"DELETE {HOST}/usdt/orders", {"contract": "BTC_USDT"}),
        (f"DELETE {HOST}/usdt/price_orders", {"contract": "ETH_USDT"}),
        (f"DELETE {HOST}/btc/orders", {"contract": "BTC_USD"}),
    ],
    cancel_first=[(f"POST {HOST}/usdt/batch_cancel_orders", {"items": ["1"]})],
    closes=[
        Close(symbol=BTC, long=True, sent=[
            (f"POST {HOST}/usdt/orders", {"contract": "BTC_USDT", "size": "-50", "price": "0", "tif": "ioc",
                                          "reduce_only": True, "auto_size": None, "text": _id(n), **EXPIRES})
            for n in range(2)
        ]),
        Close(symbol=ETH, long=False, sent=[
            (f"POST {HOST}/usdt/orders", {"contract": "ETH_USDT", "size": 7, "price": "0", "tif": "ioc",
                                          "reduce_only": True, "text": _id(0), **EXPIRES}),
        ]),
        Close(symbol=ETH, long=False, limit="2100.57", sent=[
            (f"POST {HOST}/usdt/orders", {"contract": "ETH_USDT", "size": 7, "price": "2100.5", "tif": "ioc",
                                          "reduce_only": True}),
        ]),
        Close(symbol=COIN, long=True, sent=[
            (f"POST {HOST}/btc/orders", {"contract": "BTC_USD", "size": -50, "price": "0", "reduce_only": True}),
        ]),
    ],
    refusal='{"label":"SERVER_ERROR","message":"try again"}',
    legal={path: ["[]"] for path in PATHS},
    witness=[(f"GET {HOST}/usdt/accounts", {})],
    full_witness=Witness(positions=True, orders=True),
    equity=(Decimal("1000.0"), "USDT"),
    hedge_mode=True,
)  # fmt: skip
