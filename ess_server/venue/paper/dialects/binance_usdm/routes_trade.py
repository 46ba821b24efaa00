"""Ordinary orders."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.errors import BinanceError, missing
from ess_server.venue.paper.dialects.binance.params import Params
from ess_server.venue.paper.dialects.binance.request import Request, count_order
from ess_server.venue.paper.dialects.binance.text import Json
from ess_server.venue.paper.dialects.binance_usdm.codes import from_refusal
from ess_server.venue.paper.dialects.binance_usdm.render import acknowledged, order, trade
from ess_server.venue.paper.model import Order, OrderRef, OrderRequest, OrderType, TimeInForce
from ess_server.venue.paper.refusal import Refused

_CONDITIONAL_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_MAX_PLACED = 5
_MAX_CANCELLED = 10
_MAX_LISTED = 1000
_MAX_COUNTDOWN_MS = 86_400_000
DONE: Json = {"code": 200, "msg": "The operation of cancel all open order is done."}


def place(request: Request) -> Json:
    """New order."""
    count_order(request)
    return _place(request, request.params)


def test(request: Request) -> Json:
    """Read an order and place nothing."""
    _order_request(request, request.params)
    return {}


def _place(request: Request, params: Params) -> Json:
    wanted = _order_request(request, params)
    placed = request.books.place(request.account, wanted)
    instrument = request.books.market.instrument(placed.symbol)
    shown = order(placed, instrument)
    if params.optional("newOrderRespType", "ACK") != "RESULT":
        shown = acknowledged(shown, instrument)
    return shown


def _order_request(request: Request, params: Params) -> OrderRequest:
    symbol, kind = params.text("symbol"), params.text("type")
    request.books.market.instrument(symbol)
    side, leg = params.side(), params.leg()
    if kind in _CONDITIONAL_TYPES:
        raise BinanceError(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    if kind not in (OrderType.LIMIT, OrderType.MARKET):
        raise BinanceError(-1116, "Invalid orderType.")
    limit = kind == OrderType.LIMIT
    _refuse_flag(request, params)
    return OrderRequest(
        symbol=symbol,
        side=side,
        type=OrderType(kind),
        quantity=params.amount("quantity"),
        price=params.amount("price") if limit else None,
        tif=params.tif(required=True) if limit else _market_tif(params),
        leg=leg,
        reduce_only=params.flag("reduceOnly"),
        client_id=params.optional("newClientOrderId"),
    )


def _market_tif(params: Params) -> TimeInForce:
    if params.optional("timeInForce"):
        raise BinanceError(-1106, "Parameter 'timeInForce' sent when not required.")
    return TimeInForce.GTC


def _refuse_flag(request: Request, params: Params) -> None:
    """In hedge mode the parameter itself is refused, whatever its value."""
    if params.has("reduceOnly") and request.books.account(request.account).hedged:
        raise BinanceError(-1106, "Parameter 'reduceOnly' sent when not required.")
    if params.flag("closePosition"):
        raise BinanceError(-4136, f"Target strategy invalid for orderType {params.text('type')},closePosition true")


def amend(request: Request) -> Json:
    """Modify an order."""
    params = request.params
    symbol, ref = params.text("symbol"), params.order_ref()
    if params.side() is not request.books.find(request.account, symbol, ref).side:
        raise BinanceError(-1117, "Invalid side.")
    count_order(request)
    changed = request.books.amend(
        request.account, symbol, ref, quantity=params.amount("quantity"), price=params.amount("price")
    )
    return order(changed, request.books.market.instrument(symbol))


def cancel(request: Request) -> Json:
    """Cancel one order."""
    return _cancelled(request, request.params.text("symbol"), request.params.order_ref())


def _cancelled(request: Request, symbol: str, ref: OrderRef) -> Json:
    request.books.market.instrument(symbol)
    done = request.books.cancel(request.account, symbol, ref)
    return order(done, request.books.market.instrument(symbol))


def cancel_all(request: Request) -> Json:
    """Cancel every ordinary order of a symbol."""
    request.books.cancel_all(request.account, request.params.text("symbol"))
    return DONE


def count_down(request: Request) -> Json:
    """Arm or disarm the dead man's switch of a symbol."""
    symbol, span = request.params.text("symbol"), request.params.integer("countdownTime")
    if not 0 <= span <= _MAX_COUNTDOWN_MS:
        raise BinanceError(-1130, "Data sent for parameter 'countdownTime' is not valid.")
    request.books.count_down(request.account, symbol, timedelta(milliseconds=span))
    return {"symbol": symbol, "countdownTime": str(span)}


def place_batch(request: Request) -> list[Json]:
    """Up to five orders; each answers for itself."""
    items = _list(request.params.text("batchOrders"), "batchOrders", _MAX_PLACED)
    rows = []
    for item in items:
        if not isinstance(item, Mapping):
            raise missing("batchOrders")
        params = Params({str(k): _text(v) for k, v in item.items()})

        def placed(params: Params = params) -> Json:
            count_order(request)
            return _place(request, params)

        rows.append(_each(placed))
    return rows


def cancel_batch(request: Request) -> list[Json]:
    """Up to ten cancels; each answers for itself."""
    symbol, params = request.params.text("symbol"), request.params
    if params.optional("orderIdList") or params.optional("orderidlist"):
        text = params.optional("orderIdList") or params.text("orderidlist")
        refs = [OrderRef(id=_number(item)) for item in _list(text, "orderIdList", _MAX_CANCELLED)]
    else:
        text = params.optional("origClientOrderIdList") or params.optional("origclientorderidlist")
        refs = [OrderRef(client_id=str(item)) for item in _list(text, "origClientOrderIdList", _MAX_CANCELLED)]

    def cancelled(ref: OrderRef) -> Callable[[], Json]:
        return lambda: _cancelled(request, symbol, ref)

    return [_each(cancelled(ref)) for ref in refs]


def _each(step: Callable[[], Json]) -> Json:
    try:
        return step()
    except Refused as refusal:
        error = from_refusal(refusal)
    except BinanceError as caught:
        error = caught
    return {"code": error.code, "msg": error.message}


def _list(text: str, name: str, most: int) -> list[object]:
    try:
        items = json.loads(text)
    except ValueError:
        raise missing(name) from None
    if not isinstance(items, list) or not items:
        raise missing(name)
    if len(items) > most:
        raise BinanceError(-4082, "Invalid number of batch place orders.")
    return items


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise missing("orderIdList")
    return int(text)


def query(request: Request) -> Json:
    """One order, open or done."""
    symbol = request.params.text("symbol")
    found = request.books.find(request.account, symbol, request.params.order_ref())
    return order(found, request.books.market.instrument(symbol), listed=True)


def query_open(request: Request) -> Json:
    """One open order."""
    symbol = request.params.text("symbol")
    found = request.books.find(request.account, symbol, request.params.order_ref())
    if not found.status.is_open:
        raise BinanceError(-2013, "Order does not exist.")
    return order(found, request.books.market.instrument(symbol), listed=True)


def list_open(request: Request) -> list[Json]:
    """Open orders, of one symbol or of all."""
    symbol = request.params.optional("symbol")
    account = request.books.account(request.account)
    if symbol:
        request.books.market.instrument(symbol)
    return _listed(request, [item for item in account.open_orders.values() if symbol in ("", item.symbol)])


def list_all(request: Request) -> list[Json]:
    """Orders of one symbol or of all, open and done, newest last: from a number on, else the newest."""
    params, account = request.params, request.books.account(request.account)
    symbol, first = params.optional("symbol"), params.integer("orderId", 0)
    start, end = _span(params)
    found = [
        item
        for item in (*account.done_orders.values(), *account.open_orders.values())
        if symbol in ("", item.symbol) and item.id >= first and start <= milliseconds(item.created) <= end
    ]
    found.sort(key=lambda item: item.id)
    limit = min(params.integer("limit", 500), _MAX_LISTED)
    return _listed(request, found[:limit] if first else found[-limit:])


def _listed(request: Request, items: list[Order]) -> list[Json]:
    return [order(item, request.books.market.instrument(item.symbol), listed=True) for item in items]


def list_trades(request: Request) -> list[Json]:
    """Executions, newest last: from a number or a time on, else the newest. Number and time exclude each other."""
    params, account = request.params, request.books.account(request.account)
    if params.optional("fromId") and (params.optional("startTime") or params.optional("endTime")):
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    symbol, number, first = params.text("symbol"), params.integer("orderId", 0), params.integer("fromId", 0)
    instrument = request.books.market.instrument(symbol)
    start, end = _span(params)
    found = [
        item
        for item in account.fills
        if item.symbol == symbol
        and number in (0, item.order_id)
        and item.id >= first
        and start <= milliseconds(item.at) <= end
    ]
    limit = min(params.integer("limit", 500), _MAX_LISTED)
    oldest_first = first or params.optional("startTime")
    return [trade(item, instrument) for item in (found[:limit] if oldest_first else found[-limit:])]


def _span(params: Params) -> tuple[int, int]:
    return params.integer("startTime", 0), params.integer("endTime", 1 << 62)
