"""Public endpoints: what is listed and where it trades."""

from decimal import Decimal

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance_usdm.codes import BinanceError
from ess_server.venue.paper.dialects.binance_usdm.render import Json, fixed, plain
from ess_server.venue.paper.dialects.binance_usdm.request import Request
from ess_server.venue.paper.model import Instrument

_PERPETUAL_DELIVERY = 4_133_404_800_000
_ONBOARDED = 1_569_398_400_000
_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_MAX_LEVELS = 20
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


def system_status(_request: Request) -> Json:
    """Always normal; maintenance is a scripted fault."""
    return {"status": 0, "msg": "normal"}


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
            _symbol(item, request.books.config.max_open_orders) for item in request.books.market.instruments.values()
        ],
    }


def _symbol(item: Instrument, max_orders: int) -> Json:
    return {
        "symbol": item.symbol,
        "pair": item.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _PERPETUAL_DELIVERY,
        "onboardDate": _ONBOARDED,
        "status": "TRADING",
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


def _each(request: Request) -> list[str]:
    symbol = request.params.optional("symbol")
    if symbol:
        request.books.market.instrument(symbol)
        return [symbol]
    return list(request.books.market.instruments)


def _one_or_all(request: Request, rows: list[Json]) -> object:
    return rows[0] if request.params.optional("symbol") else rows


def ticker_price(request: Request) -> object:
    """Last price: the mark, on the tick."""
    now = milliseconds(request.books.now())
    rows: list[Json] = [{"symbol": symbol, "price": _last(request, symbol), "time": now} for symbol in _each(request)]
    return _one_or_all(request, rows)


def _last(request: Request, symbol: str) -> str:
    return fixed(request.books.market.mark(symbol), request.books.market.instrument(symbol).price_digits)


def ticker_day(request: Request) -> object:
    """The daily ticker; the paper venue keeps no history, so every figure is the present price."""
    now = milliseconds(request.books.now())
    rows: list[Json] = []
    for symbol in _each(request):
        last = _last(request, symbol)
        rows.append(
            {
                "symbol": symbol,
                "priceChange": "0",
                "priceChangePercent": "0",
                "weightedAvgPrice": last,
                "lastPrice": last,
                "lastQty": "0",
                "openPrice": last,
                "highPrice": last,
                "lowPrice": last,
                "volume": "0",
                "quoteVolume": "0",
                "openTime": now - 86_400_000,
                "closeTime": now,
                "firstId": 0,
                "lastId": 0,
                "count": 0,
            }
        )
    return _one_or_all(request, rows)


def book_ticker(request: Request) -> object:
    """Top of book."""
    market, now = request.books.market, milliseconds(request.books.now())
    rows: list[Json] = []
    for symbol in _each(request):
        instrument = market.instrument(symbol)
        rows.append(
            {
                "symbol": symbol,
                "bidPrice": fixed(market.bid(symbol), instrument.price_digits),
                "bidQty": _size(request, instrument),
                "askPrice": fixed(market.ask(symbol), instrument.price_digits),
                "askQty": _size(request, instrument),
                "time": now,
                "lastUpdateId": now,
            }
        )
    return _one_or_all(request, rows)


def _size(request: Request, instrument: Instrument) -> str:
    amount = request.books.market.available(instrument.symbol, instrument.max_market_quantity)
    return fixed(amount, instrument.quantity_digits)


def depth(request: Request) -> Json:
    """Order book: the whole size stands at the touch, thin levels behind it."""
    symbol = request.params.text("symbol")
    market, instrument = request.books.market, request.books.market.instrument(symbol)
    limit = request.params.integer("limit", 500)
    if limit not in _DEPTH_LIMITS:
        raise BinanceError(-4021, f"{limit} is not valid depth limit.")
    now, levels = milliseconds(request.books.now()), range(min(limit, _MAX_LEVELS))
    sizes = [_size(request, instrument)] + [plain(instrument.min_quantity)] * len(levels)

    def side(start: Decimal, direction: int) -> list[list[str]]:
        prices = [start + direction * level * instrument.tick for level in levels]
        return [[fixed(p, instrument.price_digits), sizes[n]] for n, p in enumerate(prices) if p > 0]

    bids, asks = side(market.bid(symbol), -1), side(market.ask(symbol), 1)
    return {"lastUpdateId": now, "E": now, "T": now, "bids": bids, "asks": asks}


def premium_index(request: Request) -> object:
    """Mark and index price; there is no funding on the paper venue."""
    now = milliseconds(request.books.now())
    rows: list[Json] = []
    for symbol in _each(request):
        mark = fixed(request.books.market.mark(symbol), 8)
        rows.append(
            {
                "symbol": symbol,
                "markPrice": mark,
                "indexPrice": mark,
                "estimatedSettlePrice": mark,
                "lastFundingRate": "0.00000000",
                "interestRate": "0.00000000",
                "nextFundingTime": now - now % 28_800_000 + 28_800_000,
                "time": now,
            }
        )
    return _one_or_all(request, rows)
