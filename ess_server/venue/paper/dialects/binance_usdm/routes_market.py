"""Public endpoints: what is listed, by which rules, and the clock."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json, fixed, plain
from ess_server.venue.paper.model import Instrument

_PERPETUAL_DELIVERY = 4_133_404_800_000
_ONBOARDED = 1_569_398_400_000
_ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)


def ping(_request: Request) -> Json:
    """Answer."""
    return {}


def server_time(request: Request) -> Json:
    """The venue's clock."""
    return {"serverTime": milliseconds(request.books.now())}


def exchange_info(request: Request) -> Json:
    """Every contract with its filters, and the limits in force."""
    limits = request.limiter.limits
    rate_limits = [
        ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        ("ORDERS", "SECOND", 10, limits.orders_per_ten_seconds),
        ("ORDERS", "MINUTE", 1, limits.orders_per_minute),
    ]
    return {
        "timezone": "UTC",
        "serverTime": milliseconds(request.books.now()),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
            for kind, interval, number, limit in rate_limits
            if limit is not None
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"}
            for asset in sorted({item.quote for item in request.books.market.instruments.values()})
        ],
        "symbols": [
            _symbol(item, request.books.config.max_open_orders, halted=item.symbol in request.books.market.halted)
            for item in request.books.market.instruments.values()
        ],
    }


def _symbol(item: Instrument, max_orders: int, *, halted: bool) -> Json:
    return {
        "symbol": item.symbol,
        "pair": item.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _PERPETUAL_DELIVERY,
        "onboardDate": _ONBOARDED,
        "settlePlan": 0,
        "status": "SETTLING" if halted else "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": item.base,
        "quoteAsset": item.quote,
        "marginAsset": item.quote,
        "pricePrecision": item.price_digits,
        "quantityPrecision": item.quantity_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": _filters(item, max_orders),
        "orderTypes": list(_ORDER_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _filters(item: Instrument, max_orders: int) -> list[Json]:
    step, least = plain(item.step), plain(item.min_quantity)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(item.tick),
            "maxPrice": plain(item.first_mark * 1000),
            "tickSize": plain(item.tick),
        },
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": plain(item.max_quantity), "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": plain(item.max_market_quantity), "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": max_orders},
        {"filterType": "MIN_NOTIONAL", "notional": plain(item.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": fixed(1 + item.price_band, 4),
            "multiplierDown": fixed(1 - item.price_band, 4),
            "multiplierDecimal": "4",
        },
    ]
