"""Orders, lists and executions as they are asked for."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json
from ess_server.venue.paper.dialects.binance_spot.render import order, order_list, trade
from ess_server.venue.paper.spot_model import SpotOrder

_DAY_MS = 86_400_000
_MAX_LISTED = 1000


def one(request: Request) -> Json:
    """One order, open or done; of those with one client id, the newest."""
    symbol, account = request.params.text("symbol"), request.books.account(request.account)
    request.books.market.instrument(symbol)
    return order(request.books.spot.find(account, symbol, request.params.order_ref()))


def list_open(request: Request) -> list[Json]:
    """Open orders, of one pair or of all."""
    symbol = request.params.optional("symbol")
    if symbol:
        request.books.market.instrument(symbol)
    orders = request.books.account(request.account).spot.open.values()
    return [order(item) for item in orders if symbol in ("", item.symbol)]


def list_open_lists(request: Request) -> list[Json]:
    """Lists with an open order."""
    account = request.books.account(request.account).spot
    numbers = dict.fromkeys(item.list_id for item in account.open.values() if item.list_id)
    return [order_list(account.legs(number)) for number in numbers]


def list_all(request: Request) -> list[Json]:
    """Orders of one pair, open and done, newest last: from a number on, else the newest."""
    params, account = request.params, request.books.account(request.account).spot
    symbol, first = params.text("symbol"), params.integer("orderId", 0)
    request.books.market.instrument(symbol)
    start, end = _span(request)
    found = [
        item
        for item in (*account.done.values(), *account.open.values())
        if item.symbol == symbol and item.id >= first and start <= milliseconds(item.created) <= end
    ]
    found.sort(key=lambda item: item.id)
    limit = min(params.integer("limit", 500), _MAX_LISTED)
    chosen: list[SpotOrder] = found[:limit] if first or params.optional("startTime") else found[-limit:]
    return [order(item) for item in chosen]


def list_trades(request: Request) -> list[Json]:
    """Executions of one pair, newest last: from a number or a time on, else the newest."""
    params, account = request.params, request.books.account(request.account).spot
    symbol, number, first = params.text("symbol"), params.integer("orderId", 0), params.integer("fromId", 0)
    request.books.market.instrument(symbol)
    start, end = _span(request)
    found = [
        item
        for item in account.fills
        if item.symbol == symbol
        and number in (0, item.order_id)
        and item.id >= first
        and start <= milliseconds(item.at) <= end
    ]
    limit = min(params.integer("limit", 500), _MAX_LISTED)
    chosen = found[:limit] if first or params.optional("startTime") else found[-limit:]
    orders = {**account.done, **account.open}
    return [trade(item, orders[item.order_id].list_id if item.order_id in orders else 0) for item in chosen]


def _span(request: Request) -> tuple[int, int]:
    params = request.params
    start, end = params.integer("startTime", 0), params.integer("endTime", 0)
    if start and end and end - start > _DAY_MS:
        raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")
    return start, end or 1 << 62
