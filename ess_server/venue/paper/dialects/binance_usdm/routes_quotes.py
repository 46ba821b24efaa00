"""Public endpoints: where it trades. Prices are those that ``Quotes`` tells."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.dialects.binance.levels import levels
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json, fixed
from ess_server.venue.paper.quotes import Quote

_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)


def _each(request: Request) -> list[str]:
    symbol = request.params.optional("symbol")
    if symbol:
        request.books.market.instrument(symbol)
        return [symbol]
    return list(request.books.market.instruments)


def _quotes(request: Request) -> list[Quote]:
    return [request.quotes.quote(symbol) for symbol in _each(request)]


def _one_or_all(request: Request, rows: list[Json]) -> object:
    return rows[0] if request.params.optional("symbol") else rows


def ticker_price(request: Request) -> object:
    """Last price: the mark, on the tick."""
    rows: list[Json] = [{"symbol": q.symbol, "price": q.last, "time": milliseconds(q.time)} for q in _quotes(request)]
    return _one_or_all(request, rows)


def ticker_day(request: Request) -> object:
    """The daily ticker; the paper venue keeps no history, so every figure is the present price."""
    return _one_or_all(request, [_day(q) for q in _quotes(request)])


def _day(quote: Quote) -> Json:
    now, last = milliseconds(quote.time), quote.last
    return {
        "symbol": quote.symbol,
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


def book_ticker(request: Request) -> object:
    """Top of book."""
    rows: list[Json] = [
        {
            "symbol": q.symbol,
            "bidPrice": q.bid,
            "bidQty": q.size,
            "askPrice": q.ask,
            "askQty": q.size,
            "time": milliseconds(q.time),
            "lastUpdateId": q.number,
        }
        for q in _quotes(request)
    ]
    return _one_or_all(request, rows)


def depth(request: Request) -> Json:
    """Order book."""
    symbol = request.params.text("symbol")
    instrument, limit = request.books.market.instrument(symbol), request.params.integer("limit", 500)
    if limit not in _DEPTH_LIMITS:
        raise BinanceError(-4021, f"{limit} is not valid depth limit.")
    quote = request.quotes.quote(symbol)
    now = milliseconds(quote.time)
    bids, asks = levels(quote, instrument, limit)
    return {"lastUpdateId": quote.number, "E": now, "T": now, "bids": bids, "asks": asks}


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
