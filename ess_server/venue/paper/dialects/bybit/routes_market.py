"""Public endpoints: the clock, what is listed by which rules, and prices."""

from decimal import Decimal

from ess_server.venue.paper.books import MAX_LEVERAGE
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.bybit.codes import invalid
from ess_server.venue.paper.dialects.bybit.render import fixed, plain
from ess_server.venue.paper.dialects.bybit.request import Answer, Json, Request
from ess_server.venue.paper.model import Instrument
from ess_server.venue.paper.quotes import Quote

_LAUNCHED = "1585526400000"
_EIGHT_HOURS_MS = 28_800_000
_MAX_LISTED, _LISTED = 1000, 500
_MAX_LEVELS, _LEVELS, _THIN_LEVELS = 500, 25, 20


def server_time(request: Request) -> Answer:
    """The venue's clock."""
    now = milliseconds(request.books.now())
    return Answer({"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)})


def instruments(request: Request) -> Answer:
    """Every contract with its rules, in the order of their names; other categories are empty."""
    params, symbol = request.params, request.params.optional("symbol")
    limit, after = params.limit(_LISTED, _MAX_LISTED), params.optional("cursor")
    listed = request.books.market.instruments
    trading = params.linear() and params.optional("status") in ("", "Trading")
    base = params.optional("baseCoin")
    found = [
        item
        for item in sorted(listed.values(), key=lambda item: item.symbol)
        if trading and symbol in ("", item.symbol) and base in ("", item.base) and item.symbol > after
    ]
    shown = found[:limit]
    return Answer(
        {
            "category": params.text("category"),
            "list": [_instrument(item, halted=item.symbol in request.books.market.halted) for item in shown],
            "nextPageCursor": shown[-1].symbol if len(found) > limit else "",
        }
    )


def _instrument(item: Instrument, *, halted: bool) -> Json:
    return {
        "symbol": item.symbol,
        "contractType": "LinearPerpetual",
        "status": "Delivering" if halted else "Trading",
        "baseCoin": item.base,
        "quoteCoin": item.quote,
        "settleCoin": item.quote,
        "launchTime": _LAUNCHED,
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(item.price_digits),
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "copyTrading": "none",
        "isPreListing": False,
        "leverageFilter": {"minLeverage": "1", "maxLeverage": f"{MAX_LEVERAGE}.00", "leverageStep": "1.00"},
        "priceFilter": {
            "minPrice": plain(item.tick),
            "maxPrice": plain(item.first_mark * 1000),
            "tickSize": plain(item.tick),
        },
        "lotSizeFilter": _sizes(item),
        "riskParameters": {"priceLimitRatioX": plain(item.price_band), "priceLimitRatioY": plain(item.price_band)},
    }


def _sizes(item: Instrument) -> Json:
    return {
        "minOrderQty": plain(item.min_quantity),
        "maxOrderQty": plain(item.max_quantity),
        "maxMktOrderQty": plain(item.max_market_quantity),
        "postOnlyMaxOrderQty": plain(item.max_quantity),
        "qtyStep": plain(item.step),
        "minNotionalValue": plain(item.min_notional),
    }


def tickers(request: Request) -> Answer:
    """Prices of one symbol or of all; the paper venue keeps no history, so every figure is the present price."""
    symbol, market = request.params.optional("symbol"), request.books.market
    if symbol:
        market.instrument(symbol)
    symbols = [symbol] if symbol else list(market.instruments)
    rows: list[Json] = []
    if request.params.linear():
        rows = [_ticker(request.quotes.quote(name), market.mark(name), market.instrument(name)) for name in symbols]
    return Answer({"category": request.params.text("category"), "list": rows})


def _ticker(quote: Quote, mark: Decimal, instrument: Instrument) -> Json:
    now, shown = milliseconds(quote.time), fixed(mark, instrument.price_digits)
    return {
        "symbol": quote.symbol,
        "lastPrice": quote.last,
        "markPrice": shown,
        "indexPrice": shown,
        "bid1Price": quote.bid,
        "bid1Size": quote.size,
        "ask1Price": quote.ask,
        "ask1Size": quote.size,
        "prevPrice24h": quote.last,
        "prevPrice1h": quote.last,
        "highPrice24h": quote.last,
        "lowPrice24h": quote.last,
        "price24hPcnt": "0",
        "openInterest": "0",
        "openInterestValue": "0",
        "turnover24h": "0",
        "volume24h": "0",
        "fundingRate": "0",
        "nextFundingTime": str(now - now % _EIGHT_HOURS_MS + _EIGHT_HOURS_MS),
        "deliveryTime": "0",
    }


def order_book(request: Request) -> Answer:
    """Order book: the whole size stands at the touch, thin levels behind it."""
    params, symbol = request.params, request.params.text("symbol")
    if not params.linear():
        raise invalid("symbol")
    instrument, limit = request.books.market.instrument(symbol), params.limit(_LEVELS, _MAX_LEVELS)
    quote = request.quotes.quote(symbol)
    return Answer(
        {
            "s": symbol,
            "b": _side(quote, quote.bid, -instrument.tick, instrument, limit),
            "a": _side(quote, quote.ask, instrument.tick, instrument, limit),
            "ts": milliseconds(quote.time),
            "u": quote.number,
            "seq": quote.number,
        }
    )


def _side(quote: Quote, touch: str, step: Decimal, instrument: Instrument, limit: int) -> list[list[str]]:
    # What a fault has printed may be no number: it stands alone.
    prices = [Decimal(touch) + step * n for n in range(1, min(limit, _THIN_LEVELS))] if quote.true else []
    least = plain(instrument.min_quantity)
    return [[touch, quote.size], *([fixed(p, instrument.price_digits), least] for p in prices if p > 0)]
