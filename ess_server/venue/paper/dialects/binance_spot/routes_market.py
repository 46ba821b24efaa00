"""Public endpoints: what is listed and by which rules, the clock, and where it trades."""

import json

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.errors import BinanceError, missing
from ess_server.venue.paper.dialects.binance.levels import levels
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json, fixed, plain
from ess_server.venue.paper.model import ZERO, Instrument
from ess_server.venue.paper.quotes import Quote
from ess_server.venue.paper.spot_model import SpotKind

WEIGHT_TIMES = 2.5
"""6,000 a minute, where futures have 2,400."""
_DIGITS = 8
_MAX_DEPTH = 5000


def ping(_request: Request) -> Json:
    """Answer."""
    return {}


def server_time(request: Request) -> Json:
    """The venue's clock."""
    return {"serverTime": milliseconds(request.books.now())}


def exchange_info(request: Request) -> Json:
    """Every pair with its filters, and the limits in force."""
    limits = request.limiter.limits
    rate_limits = [
        ("REQUEST_WEIGHT", "MINUTE", 1, request.limiter.weight_limit(WEIGHT_TIMES)),
        ("ORDERS", "SECOND", 10, limits.orders_per_ten_seconds),
        ("ORDERS", "MINUTE", 1, limits.orders_per_minute),
    ]
    return {
        "timezone": "UTC",
        "serverTime": milliseconds(request.books.now()),
        "rateLimits": [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
            for kind, interval, number, limit in rate_limits
            if limit is not None
        ],
        "exchangeFilters": [],
        "symbols": [
            _pair(request.books.market.instrument(name), request.books.config.max_open_orders)
            for name in _symbols(request)
        ],
    }


def _pair(item: Instrument, max_orders: int) -> Json:
    return {
        "symbol": item.symbol,
        "status": "TRADING",
        "baseAsset": item.base,
        "baseAssetPrecision": _DIGITS,
        "quoteAsset": item.quote,
        "quotePrecision": _DIGITS,
        "quoteAssetPrecision": _DIGITS,
        "baseCommissionPrecision": _DIGITS,
        "quoteCommissionPrecision": _DIGITS,
        "orderTypes": [kind.value for kind in SpotKind],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(item, max_orders),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def _filters(item: Instrument, max_orders: int) -> list[Json]:
    up, down = fixed(1 + item.price_band, 4), fixed(1 - item.price_band, 4)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(item.tick),
            "maxPrice": plain(item.first_mark * 1000),
            "tickSize": plain(item.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": plain(item.min_quantity),
            "maxQty": plain(item.max_quantity),
            "stepSize": plain(item.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": fixed(ZERO, _DIGITS),
            "maxQty": plain(item.max_market_quantity),
            "stepSize": fixed(ZERO, _DIGITS),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": plain(item.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": down,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": max_orders},
    ]


def _symbols(request: Request) -> list[str]:
    """The pairs that a request names, one or a JSON list; else all."""
    one, several = request.params.optional("symbol"), request.params.optional("symbols")
    if several:
        try:
            names = json.loads(several)
        except ValueError:
            raise missing("symbols") from None
        if not isinstance(names, list) or not names:
            raise missing("symbols")
    else:
        names = [one] if one else list(request.books.market.instruments)
    for name in names:
        request.books.market.instrument(str(name))
    return [str(name) for name in names]


def _told(request: Request, rows: list[Json]) -> object:
    return rows[0] if request.params.optional("symbol") else rows


def _quotes(request: Request) -> list[Quote]:
    return [request.quotes.quote(symbol) for symbol in _symbols(request)]


def ticker_price(request: Request) -> object:
    """Last price: the mark, on the tick."""
    return _told(request, [{"symbol": q.symbol, "price": q.last} for q in _quotes(request)])


def average_price(request: Request) -> Json:
    """Average of five minutes; the paper venue keeps no history, so it is the present price."""
    quote = request.quotes.quote(request.params.text("symbol"))
    return {"mins": 5, "price": quote.last, "closeTime": milliseconds(quote.time)}


def book_ticker(request: Request) -> object:
    """Top of book."""
    rows: list[Json] = [
        {"symbol": q.symbol, "bidPrice": q.bid, "bidQty": q.size, "askPrice": q.ask, "askQty": q.size}
        for q in _quotes(request)
    ]
    return _told(request, rows)


def ticker_day(request: Request) -> object:
    """The daily ticker; the paper venue keeps no history, so every figure is the present price."""
    return _told(request, [_day(q) for q in _quotes(request)])


def _day(quote: Quote) -> Json:
    now, last = milliseconds(quote.time), quote.last
    prices = ("weightedAvgPrice", "prevClosePrice", "lastPrice", "openPrice", "highPrice", "lowPrice")
    nothing = ("priceChange", "priceChangePercent", "lastQty", "volume", "quoteVolume")
    return {
        "symbol": quote.symbol,
        **dict.fromkeys(prices, last),
        **dict.fromkeys(nothing, "0"),
        "bidPrice": quote.bid,
        "bidQty": quote.size,
        "askPrice": quote.ask,
        "askQty": quote.size,
        "openTime": now - 86_400_000,
        "closeTime": now,
        "firstId": -1,
        "lastId": -1,
        "count": 0,
    }


def depth(request: Request) -> Json:
    """Order book."""
    symbol, limit = request.params.text("symbol"), request.params.integer("limit", 100)
    instrument = request.books.market.instrument(symbol)
    if not 1 <= limit <= _MAX_DEPTH:
        raise BinanceError(-1100, "Illegal characters found in parameter 'limit'.")
    quote = request.quotes.quote(symbol)
    bids, asks = levels(quote, instrument, limit)
    return {"lastUpdateId": quote.number, "bids": bids, "asks": asks}
