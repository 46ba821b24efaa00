"""Placing and cancelling orders."""

from ess_server.venue.paper.dialects.binance.errors import BinanceError, missing
from ess_server.venue.paper.dialects.binance.request import Request, count_order
from ess_server.venue.paper.dialects.binance.text import Json
from ess_server.venue.paper.dialects.binance_spot.render import cancelled, order_list, placed
from ess_server.venue.paper.model import OrderRef, TimeInForce
from ess_server.venue.paper.refusal import Reason, Refused
from ess_server.venue.paper.spot_model import SpotFill, SpotKind, SpotOrder, SpotRequest

_ANSWERS = ("ACK", "RESULT", "FULL")
_FULLY_ANSWERED = (SpotKind.MARKET, SpotKind.LIMIT)


def place(request: Request) -> Json:
    """New order."""
    count_order(request)
    wanted = _order(request, request.params.text("type"))
    return _placed(request, request.books.spot.place(request.books.account(request.account), wanted))


def test(request: Request) -> Json:
    """Read an order and place nothing."""
    _order(request, request.params.text("type"))
    return {}


def _placed(request: Request, item: SpotOrder) -> Json:
    default = "FULL" if item.request.kind in _FULLY_ANSWERED else "ACK"
    kind = request.params.optional("newOrderRespType", default)
    if kind not in _ANSWERS:
        raise BinanceError(-1128, "Combination of optional parameters invalid.")
    return placed(item, _fills(request, item), kind)


def _fills(request: Request, item: SpotOrder) -> list[SpotFill]:
    return [fill for fill in request.books.account(request.account).spot.fills if fill.order_id == item.id]


def _order(request: Request, kind: str) -> SpotRequest:
    params, found = request.params, _kind(kind)
    symbol = params.text("symbol")
    request.books.market.instrument(symbol)
    cost = params.optional_amount("quoteOrderQty") if found is SpotKind.MARKET else None
    timed = found.priced and found is not SpotKind.LIMIT_MAKER
    if not timed and params.optional("timeInForce"):
        raise BinanceError(-1106, "Parameter 'timeInForce' sent when not required.")
    return SpotRequest(
        symbol=symbol,
        side=params.side(),
        kind=found,
        cost=cost,
        price=params.amount("price") if found.priced else None,
        stop_price=params.amount("stopPrice") if found.waits else None,
        tif=_tif(request, "timeInForce") if timed else TimeInForce.GTC,
        client_id=params.optional("newClientOrderId"),
        **({} if cost is not None else {"quantity": params.amount("quantity")}),
    )


def _kind(text: str) -> SpotKind:
    try:
        return SpotKind(text)
    except ValueError:
        raise BinanceError(-1116, "Invalid orderType.") from None


def _tif(request: Request, name: str) -> TimeInForce:
    text = request.params.text(name)
    if text not in (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK):
        raise BinanceError(-1115, "Invalid timeInForce.")
    return TimeInForce(text)


def place_oco(request: Request) -> Json:
    """New list by the older endpoint: a limit order and a stop."""
    params = request.params
    stop_limit = params.optional_amount("stopLimitPrice")
    limit = _leg(request, SpotKind.LIMIT_MAKER, params.optional("limitClientOrderId"), price="price")
    kind = SpotKind.STOP_LOSS if stop_limit is None else SpotKind.STOP_LOSS_LIMIT
    stop = _leg(request, kind, params.optional("stopClientOrderId"), price="stopLimitPrice", stop="stopPrice")
    return _pair(request, limit, stop)


def place_list(request: Request) -> Json:
    """New list: one order above the market, one below it."""
    legs = []
    for place in ("above", "below"):
        kind = _kind(request.params.text(f"{place}Type"))
        name = request.params.optional(f"{place}ClientOrderId")
        legs.append(_leg(request, kind, name, price=f"{place}Price", stop=f"{place}StopPrice"))
    return _pair(request, legs[0], legs[1])


def _leg(request: Request, kind: SpotKind, name: str, *, price: str, stop: str = "") -> SpotRequest:
    params = request.params
    symbol = params.text("symbol")
    request.books.market.instrument(symbol)
    return SpotRequest(
        symbol=symbol,
        side=params.side(),
        kind=kind,
        quantity=params.amount("quantity"),
        price=params.amount(price) if kind.priced else None,
        stop_price=params.amount(stop) if kind.waits else None,
        client_id=name,
    )


def _pair(request: Request, first: SpotRequest, second: SpotRequest) -> Json:
    count_order(request)
    legs = request.books.spot.place_pair(request.books.account(request.account), first, second)
    return order_list(legs, [placed(leg, [], "RESULT") for leg in legs])


def cancel(request: Request) -> Json:
    """Cancel one order; of a list, the list."""
    symbol, ref = request.params.text("symbol"), request.params.order_ref()
    ended = request.books.spot.cancel(request.books.account(request.account), symbol, ref)
    return _ended(ended)[0]


def cancel_all(request: Request) -> list[Json]:
    """Cancel every order of a pair; lists are answered as lists."""
    symbol = request.params.text("symbol")
    return _ended(request.books.spot.cancel_all(request.books.account(request.account), symbol))


def cancel_list(request: Request) -> Json:
    """Cancel a list."""
    symbol, account = request.params.text("symbol"), request.books.account(request.account)
    if not request.params.optional("orderListId"):
        raise missing("orderListId")
    legs = account.spot.legs(request.params.integer("orderListId"))
    if not legs:
        raise Refused(Reason.CANCEL_UNKNOWN_ORDER)
    return _ended(request.books.spot.cancel(account, symbol, OrderRef(id=legs[0].id)))[0]


def _ended(orders: list[SpotOrder]) -> list[Json]:
    alone = [cancelled(item) for item in orders if not item.list_id]
    numbers = dict.fromkeys(item.list_id for item in orders if item.list_id)
    lists = [[item for item in orders if item.list_id == number] for number in numbers]
    return alone + [order_list(legs, [cancelled(leg) for leg in legs]) for legs in lists]
