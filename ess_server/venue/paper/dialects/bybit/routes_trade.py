"""Orders: place, cancel, cancel all.

Stricter than the exchange in one point: a reduce-only order above the largest size is refused instead of split.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.bybit import lookup
from ess_server.venue.paper.dialects.bybit.codes import NOT_FOUND, REDUCE_ONLY, BybitError, from_refusal, invalid
from ess_server.venue.paper.dialects.bybit.params import Params
from ess_server.venue.paper.dialects.bybit.render import STOP, link_id, order_id, rises
from ess_server.venue.paper.dialects.bybit.request import Answer, Json, Request
from ess_server.venue.paper.model import (
    ZERO,
    Conditional,
    ConditionalRequest,
    LegSide,
    Order,
    OrderRef,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
    TriggerType,
)
from ess_server.venue.paper.position import closable
from ess_server.venue.paper.refusal import Reason, Refused

_TYPES = {"Market": OrderType.MARKET, "Limit": OrderType.LIMIT}
_TIFS = {
    "": TimeInForce.GTC,
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.GTX,
}
_RISE, _FALL = 1, 2
_MAX_CONDITIONALS = 10
_MAX_BATCH = 20
_FILTERS = ("", "Order", "StopOrder", "OpenOrder")


def create(request: Request) -> Answer:
    """New order, ordinary or (with ``triggerPrice``) conditional."""
    if not request.params.linear():
        raise invalid("category")
    return Answer(_created(request, request.params))


def _created(request: Request, params: Params) -> Json:
    if params.optional("takeProfit") or params.optional("stopLoss"):
        raise BybitError(10001, "The paper venue attaches no take profit or stop loss to an order.")
    wanted = _order_request(request, params)
    if lookup.taken(request, wanted.client_id):
        raise Refused(Reason.DUPLICATE_CLIENT_ID, wanted.client_id)
    if params.optional("triggerPrice"):
        waiting = request.books.place_conditional(request.name, _conditional_request(request, params, wanted))
        return _named(waiting)
    quantity = _reduced(request, params, wanted)
    return _named(request.books.place(request.name, replace(wanted, quantity=quantity)))


def create_batch(request: Request) -> Answer:
    """Up to twenty orders; each answers for itself and counts against the limit, which is one of its own."""
    now = str(milliseconds(request.books.now()))
    return _batch(request, lambda whole, item: _created(whole, item) | {"createAt": now})


def amend(request: Request) -> Answer:
    """Change quantity or price of an ordinary order."""
    params = request.params
    symbol, found = params.text("symbol"), lookup.find(request.account, params)
    request.books.market.instrument(symbol)
    if not params.linear():
        raise invalid("category")
    if not isinstance(found, Order) or found.symbol != symbol:
        raise BybitError(NOT_FOUND, "order not exists or too late to replace")
    quantity, price = params.optional_amount("qty"), params.optional_amount("price")
    changed = request.books.amend(
        request.name,
        symbol,
        OrderRef(id=found.id),
        quantity=found.quantity if quantity is None else quantity,
        price=price or found.price or found.average,
    )
    return Answer(_named(changed))


def _order_request(request: Request, params: Params) -> OrderRequest:
    symbol, side, leg = params.text("symbol"), params.side(), params.leg()
    request.books.market.instrument(symbol)
    kind, tif = _TYPES.get(params.text("orderType")), _TIFS.get(params.optional("timeInForce"))
    if kind is None:
        raise invalid("orderType")
    if tif is None:
        raise invalid("timeInForce")
    limit = kind is OrderType.LIMIT
    reduce = params.flag("reduceOnly") or params.flag("closeOnTrigger")
    hedged = request.account.hedged
    if reduce and hedged and not _against(side, leg):
        raise BybitError(REDUCE_ONLY, "Reduce-only rule not satisfied")
    return OrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.amount("qty"),
        price=params.amount("price") if limit else None,
        tif=tif if limit else TimeInForce.GTC,
        leg=leg,
        reduce_only=reduce and not hedged,
        client_id=params.optional("orderLinkId"),
        quiet=True,
    )


def _against(side: Side, leg: LegSide) -> bool:
    return (leg, side) in ((LegSide.LONG, Side.SELL), (LegSide.SHORT, Side.BUY))


def _reduced(request: Request, params: Params, wanted: OrderRequest) -> Decimal:
    """Return the quantity at which an order is taken: a reducing one is cut to what nothing else reduces.

    Zero with ``reduceOnly`` and ``closeOnTrigger`` asks for all of it, up to the largest order.
    """
    account, instrument = request.account, request.books.market.instrument(wanted.symbol)
    if not wanted.reduce_only and not _against(wanted.side, wanted.leg):
        return wanted.quantity
    held = closable(account.leg(wanted.symbol, wanted.leg).quantity, wanted.side.sign)
    if not held:
        raise BybitError(REDUCE_ONLY, "current position is zero, cannot fix reduce-only order qty")
    resting = [o for o in account.orders_of(wanted.symbol, wanted.leg) if o.reduces and o.side is wanted.side]
    reserved = request.books.config.reserve_reduce_only
    free = held - (sum((order.remaining for order in resting), start=ZERO) if reserved else ZERO)
    if free <= 0:
        raise Refused(Reason.REDUCE_ONLY_RESERVED)
    if not wanted.quantity and params.flag("reduceOnly") and params.flag("closeOnTrigger"):
        market = wanted.type is OrderType.MARKET
        return min(free, instrument.max_market_quantity if market else instrument.max_quantity)
    return min(free, wanted.quantity)


def _conditional_request(request: Request, params: Params, wanted: OrderRequest) -> ConditionalRequest:
    if len(request.account.conditionals_of(wanted.symbol)) >= _MAX_CONDITIONALS:
        raise BybitError(110009, "The number of stop orders exceeds the maximum allowable limit")
    price, rise = params.amount("triggerPrice"), _rise(params)
    _check_direction(request, wanted.symbol, price, rise=rise)
    trigger = TriggerType.STOP if rises(wanted.side, TriggerType.STOP) is rise else TriggerType.TAKE_PROFIT
    whole = not wanted.quantity and params.flag("reduceOnly") and params.flag("closeOnTrigger")
    return ConditionalRequest(
        symbol=wanted.symbol,
        side=wanted.side,
        trigger=trigger,
        quantity=wanted.quantity,
        price=wanted.price,
        trigger_price=price,
        close_position=whole,
        tif=wanted.tif,
        leg=wanted.leg,
        reduce_only=wanted.reduce_only and not whole,
        client_id=wanted.client_id,
        kind=STOP,
    )


def _rise(params: Params) -> bool:
    direction = params.integer("triggerDirection")
    if direction not in (_RISE, _FALL):
        raise invalid("triggerDirection")
    return direction == _RISE


def _check_direction(request: Request, symbol: str, price: Decimal, *, rise: bool) -> None:
    mark = request.books.market.mark(symbol)
    if rise and price <= mark:
        raise BybitError(110092, f"expect Rising, but trigger_price[{price}] <= current[{mark}]??LastPrice")
    if not rise and price >= mark:
        raise BybitError(110093, f"expect Falling, but trigger_price[{price}] >= current[{mark}]??LastPrice")


def cancel(request: Request) -> Answer:
    """Cancel one order of either kind."""
    return Answer(_cancelled(request, request.params))


def _cancelled(request: Request, params: Params) -> Json:
    symbol, found = params.text("symbol"), lookup.find(request.account, params)
    request.books.market.instrument(symbol)
    if found is None or lookup.symbol_of(found) != symbol:
        raise BybitError(NOT_FOUND, "order not exists or too late to cancel")
    return _end(request, found)


def _end(request: Request, entry: lookup.Entry) -> Json:
    if isinstance(entry, Order):
        request.books.cancel(request.name, entry.symbol, OrderRef(id=entry.id))
    else:
        request.books.cancel_conditional(request.name, OrderRef(id=entry.id))
    return _named(entry)


def cancel_all(request: Request) -> Answer:
    """Cancel the orders of a symbol, base coin or settle coin: both kinds, unless ``orderFilter`` names one."""
    params, account = request.params, request.account
    wanted = params.optional("orderFilter")
    if wanted not in _FILTERS:
        raise invalid("orderFilter")
    if not params.linear():
        return Answer({"list": [], "success": "1"})
    inside = lookup.within(params, request)
    entries: list[lookup.Entry] = []
    if wanted != "StopOrder":
        entries += account.open_orders.values()
    if wanted in ("", "StopOrder"):
        alone = params.optional("stopOrderType") == STOP
        waiting = account.open_conditionals.values()
        entries += [item for item in waiting if not alone or item.request.kind in ("", STOP)]
    ended = [_end(request, entry) for entry in entries if inside(lookup.symbol_of(entry))]
    return Answer({"list": ended, "success": "1"})


def cancel_batch(request: Request) -> Answer:
    """Cancel up to twenty orders; each answers for itself and counts against the limit."""
    return _batch(request, _cancelled)


def _batch(request: Request, step: Callable[[Request, Params], Json]) -> Answer:
    if not request.params.linear():
        raise invalid("category")
    rows: list[Json] = []
    codes: list[Json] = []
    for item in request.params.items("request", _MAX_BATCH):
        shown: Json = {"orderId": item.optional("orderId"), "orderLinkId": item.optional("orderLinkId")}
        code, message = 0, "OK"
        try:
            request.count()
            shown |= step(request, item)
        except Refused as refusal:
            error = from_refusal(refusal)
            code, message = error.code, error.message
        except BybitError as error:
            code, message = error.code, error.message
        rows.append({"category": "linear", "symbol": item.optional("symbol"), **shown})
        codes.append({"code": code, "msg": message})
    return Answer({"list": rows}, {"list": codes})


def _named(entry: Order | Conditional) -> Json:
    number = entry.conditional_id or entry.id if isinstance(entry, Order) else entry.id
    return {"orderId": order_id(number), "orderLinkId": link_id(entry.client_id)}
