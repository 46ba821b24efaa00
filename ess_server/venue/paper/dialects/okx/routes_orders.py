"""Placing and cancelling ordinary orders, closing positions, and the dead man's switch."""

from datetime import timedelta

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.okx.codes import OkxError, missing, wrong
from ess_server.venue.paper.dialects.okx.contracts import find, to_base
from ess_server.venue.paper.dialects.okx.params import Params
from ess_server.venue.paper.dialects.okx.render import client_id, pos_side
from ess_server.venue.paper.dialects.okx.request import Answer, Json, Request, at_most, each
from ess_server.venue.paper.model import (
    Instrument,
    Leg,
    LegSide,
    Order,
    OrderRef,
    OrderRequest,
    OrderStatus,
    OrderType,
    TimeInForce,
)
from ess_server.venue.paper.position import closing
from ess_server.venue.paper.refusal import Reason, Refused

MAX_BATCH = 20
_TYPES = {
    "market": (OrderType.MARKET, TimeInForce.GTC),
    "optimal_limit_ioc": (OrderType.MARKET, TimeInForce.IOC),
    "limit": (OrderType.LIMIT, TimeInForce.GTC),
    "post_only": (OrderType.LIMIT, TimeInForce.GTX),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "fok": (OrderType.LIMIT, TimeInForce.FOK),
}
_LEGS = {"": LegSide.BOTH, "net": LegSide.BOTH, "long": LegSide.LONG, "short": LegSide.SHORT}
_COUNTDOWN_S = (10, 120)


def place(request: Request) -> Answer:
    """Up to twenty orders; each answers for itself, and only that it was accepted."""
    at_most(request.items, MAX_BATCH, "51111")

    def placed(params: Params) -> Json:
        if request.late:
            raise OkxError("50036", "expTime is earlier than the time of the system")
        made = request.books.place(request.name, _order(request, params))
        return {"ordId": str(made.id), "clOrdId": client_id(made.client_id), "tag": params.optional("tag")}

    return each(request.items, placed, _ids)


def _order(request: Request, params: Params) -> OrderRequest:
    instrument = find(request.books.market, params.text("instId"))
    params.refuse("attachAlgoOrds", "pxUsd", "pxVol")
    kind, tif = _TYPES[params.choice("ordType", *_TYPES)]
    if kind is OrderType.LIMIT and not params.optional("px"):
        raise OkxError("51204", "A limit order needs a price")
    return OrderRequest(
        symbol=instrument.symbol,
        side=params.side(),
        type=kind,
        quantity=to_base(params.amount("sz"), instrument),
        price=params.amount("px") if kind is OrderType.LIMIT else None,
        tif=tif,
        leg=leg_of(params),
        isolated=isolated_of(params),
        reduce_only=reduces_only(request, params),
        client_id=params.client_id("clOrdId"),
        quiet=True,
    )


def leg_of(params: Params) -> LegSide:
    """Return the leg that ``posSide`` names. Raises OkxError 51000."""
    found = _LEGS.get(params.optional("posSide"))
    if found is None:
        raise wrong("posSide")
    return found


def isolated_of(params: Params, name: str = "tdMode") -> bool:
    """Return whether the isolated position is meant. Raises OkxError 51000; swaps have no cash mode."""
    return params.choice(name, "cross", "isolated") == "isolated"


def reduces_only(request: Request, params: Params) -> bool:
    """Return ``reduceOnly``, which means nothing in long/short mode: the leg says it there."""
    return params.flag("reduceOnly") and not request.account.hedged


def cancel(request: Request) -> Answer:
    """Up to twenty cancels; each answers for itself."""
    at_most(request.items, MAX_BATCH, "50025")

    def cancelled(params: Params) -> Json:
        instrument, ref = find(request.books.market, params.text("instId")), params.order_ref()
        done = _cancelled(request, instrument, ref)
        return {"ordId": str(done.id), "clOrdId": client_id(done.client_id)}

    return each(request.items, cancelled, _ids)


def amend(request: Request) -> Answer:
    """Change size or price of a resting order."""

    def amended(params: Params) -> Json:
        if request.late:
            raise OkxError("50036", "expTime is earlier than the time of the system")
        instrument, ref = find(request.books.market, params.text("instId")), params.order_ref()
        found = request.books.find(request.name, instrument.symbol, ref)
        size, price = params.optional_amount("newSz"), params.optional_amount("newPx")
        changed = request.books.amend(
            request.name,
            instrument.symbol,
            ref,
            quantity=found.quantity if size is None else to_base(size, instrument),
            price=price or found.price or found.average,
        )
        ids = {"ordId": str(changed.id), "clOrdId": client_id(changed.client_id)}
        return {**ids, "reqId": params.optional("reqId"), "ts": str(milliseconds(changed.updated))}

    return each(request.items, amended, _ids)


def _cancelled(request: Request, instrument: Instrument, ref: OrderRef) -> Order:
    try:
        return request.books.cancel(request.name, instrument.symbol, ref)
    except Refused:
        found = request.account.find_order(ref)
        if found is None or found.symbol != instrument.symbol:
            raise
        if found.status is OrderStatus.FILLED:
            raise OkxError("51402", "Cancellation failed: the order is completed") from None
        raise OkxError("51401", "Cancellation failed: the order is canceled already") from None


def _ids(params: Params) -> Json:
    return {"ordId": params.optional("ordId"), "clOrdId": params.optional("clOrdId"), "tag": params.optional("tag")}


def close_position(request: Request) -> Answer:
    """Close a whole position at market. ``autoCxl`` cancels what already closes it, else that refuses."""
    params, account = request.params, request.account
    instrument = find(request.books.market, params.text("instId"))
    side = leg_of(params)
    if side not in account.leg_sides():
        raise wrong("posSide") if params.optional("posSide") else missing("posSide")
    leg = account.leg(instrument.symbol, side, isolated=isolated_of(params, "mgnMode"))
    if not leg.quantity:
        raise OkxError("51023", "Position does not exist")
    if (resting := _closing(account, leg)) and not params.flag("autoCxl"):
        raise OkxError("51115", "Pending orders that close the position must be canceled first", 429)
    for order in resting:
        request.books.cancel(request.name, order.symbol, OrderRef(id=order.id))
    _close(request, leg, params.client_id("clOrdId"))
    shown = {"instId": params.text("instId"), "posSide": pos_side(side), "clOrdId": params.optional("clOrdId")}
    return Answer([{**shown, "tag": params.optional("tag")}])


def _closing(account: Account, leg: Leg) -> list[Order]:
    resting = account.orders_of(leg.symbol, leg.side)
    return [o for o in resting if o.isolated is leg.isolated and o.reduces and o.side.sign * leg.quantity < 0]


def _close(request: Request, leg: Leg, own_id: str) -> None:
    try:
        request.books.place(request.name, closing(leg, own_id))
    except Refused as refusal:
        if refusal.reason is Reason.QUANTITY_TOO_LARGE:
            raise OkxError("51108", "The position is beyond what can be closed at market") from None
        raise


def cancel_all_after(request: Request) -> Answer:
    """Arm the dead man's switch for 10 to 120 s, or disarm it with 0. Conditional orders and positions stay."""
    request.params.text("timeOut")
    seconds = request.params.integer("timeOut", 0)
    low, high = _COUNTDOWN_S
    if seconds and not low <= seconds <= high:
        raise wrong("timeOut")
    for symbol in request.books.market.instruments:
        request.books.count_down(request.name, symbol, timedelta(seconds=seconds))
    now = request.books.now()
    due = str(milliseconds(now + timedelta(seconds=seconds))) if seconds else "0"
    return Answer([{"triggerTime": due, "tag": "", "ts": str(milliseconds(now))}])
