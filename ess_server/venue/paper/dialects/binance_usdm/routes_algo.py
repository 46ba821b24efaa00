"""Conditional orders, which Binance keeps in a service of their own (algo orders, since December 2025)."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.errors import BinanceError, missing
from ess_server.venue.paper.dialects.binance.params import Params
from ess_server.venue.paper.dialects.binance.request import Request, count_order
from ess_server.venue.paper.dialects.binance.text import Json
from ess_server.venue.paper.dialects.binance_usdm.render import conditional
from ess_server.venue.paper.dialects.binance_usdm.routes_trade import DONE
from ess_server.venue.paper.model import ZERO, Conditional, ConditionalRequest, OrderRef, TriggerType

_TYPES = {
    "STOP": (TriggerType.STOP, True),
    "STOP_MARKET": (TriggerType.STOP, False),
    "TAKE_PROFIT": (TriggerType.TAKE_PROFIT, True),
    "TAKE_PROFIT_MARKET": (TriggerType.TAKE_PROFIT, False),
    "TRAILING_STOP_MARKET": (TriggerType.TRAILING, False),
}
_MAX_LISTED = 1000


def place(request: Request) -> Json:
    """New conditional order."""
    params = request.params
    if params.text("algoType") != "CONDITIONAL":
        raise BinanceError(-1130, "Data sent for parameter 'algoType' is not valid.")
    symbol = params.text("symbol")
    instrument = request.books.market.instrument(symbol)
    if params.has("reduceOnly") and request.books.account(request.account).hedged:
        raise BinanceError(-1106, "Parameter 'reduceOnly' sent when not required.")
    wanted = _request(symbol, params)
    count_order(request)
    return conditional(request.books.place_conditional(request.account, wanted), instrument)


def _request(symbol: str, params: Params) -> ConditionalRequest:
    found = _TYPES.get(params.text("type"))
    if found is None:
        raise BinanceError(-1116, "Invalid orderType.")
    trigger, priced = found
    whole = params.flag("closePosition")
    if whole and (priced or trigger is TriggerType.TRAILING):
        raise BinanceError(-4136, f"Target strategy invalid for orderType {params.text('type')},closePosition true")
    if trigger is TriggerType.TRAILING and not params.optional("callbackRate"):
        raise missing("callbackRate")
    return ConditionalRequest(
        symbol=symbol,
        side=params.side(),
        trigger=trigger,
        quantity=(params.optional_amount("quantity") or ZERO) if whole else params.amount("quantity"),
        price=params.amount("price") if priced else None,
        trigger_price=None if trigger is TriggerType.TRAILING else params.amount("triggerPrice"),
        callback_percent=params.optional_amount("callbackRate") if trigger is TriggerType.TRAILING else None,
        activation_price=params.optional_amount("activatePrice"),
        close_position=whole,
        tif=params.tif(required=False),
        leg=params.leg(),
        reduce_only=params.flag("reduceOnly"),
        client_id=params.optional("clientAlgoId"),
    )


def cancel(request: Request) -> Json:
    """Cancel one conditional order."""
    done = request.books.cancel_conditional(request.account, _ref(request))
    return {"algoId": done.id, "clientAlgoId": done.client_id, "code": "200", "msg": "success"}


def cancel_all(request: Request) -> Json:
    """Cancel every conditional order of a symbol."""
    request.books.cancel_all_conditionals(request.account, request.params.text("symbol"))
    return DONE


def query(request: Request) -> Json:
    """One conditional order, waiting or done."""
    return _listed(request, [request.books.find_conditional(request.account, _ref(request))])[0]


def list_open(request: Request) -> list[Json]:
    """Waiting conditional orders, of one symbol or of all."""
    params, account = request.params, request.books.account(request.account)
    symbol, number = params.optional("symbol"), params.integer("algoId", 0)
    if symbol:
        request.books.market.instrument(symbol)
    waiting = [
        item
        for item in account.open_conditionals.values()
        if symbol in ("", item.request.symbol) and number in (0, item.id)
    ]
    return _listed(request, waiting)


def list_all(request: Request) -> list[Json]:
    """Conditional orders, waiting and done, newest last."""
    params, account = request.params, request.books.account(request.account)
    symbol = params.text("symbol")
    request.books.market.instrument(symbol)
    start, end = params.integer("startTime", 0), params.integer("endTime", 1 << 62)
    found = [
        item
        for item in (*account.done_conditionals.values(), *account.open_conditionals.values())
        if item.request.symbol == symbol and start <= milliseconds(item.created) <= end
    ]
    found.sort(key=lambda item: item.id)
    return _listed(request, found[-min(params.integer("limit", 500), _MAX_LISTED) :])


def _ref(request: Request) -> OrderRef:
    return request.params.order_ref("algoId", "clientAlgoId")


def _listed(request: Request, items: list[Conditional]) -> list[Json]:
    return [conditional(item, request.books.market.instrument(item.request.symbol)) for item in items]
