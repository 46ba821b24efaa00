"""Take profit, stop loss and trailing stop of a position, which the exchange keeps as conditional orders.

They end with their position. A trailing stop follows at the share of the price that its distance was when it was set.
A partial take profit and stop loss set together stand each for itself.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from ess_server.venue.paper.dialects.bybit.codes import BybitError, invalid
from ess_server.venue.paper.dialects.bybit.render import TRAILING
from ess_server.venue.paper.dialects.bybit.request import Answer, Request
from ess_server.venue.paper.model import (
    ZERO,
    Conditional,
    ConditionalRequest,
    Leg,
    LegSide,
    OrderRef,
    Side,
    TriggerType,
)
from ess_server.venue.paper.refusal import Reason, Refused


@dataclass(frozen=True, slots=True)
class _Half:
    """Take profit or stop loss: its parameter, its kind, what its other parameters begin with, its trigger."""

    name: str
    kind: str
    short: str
    trigger: TriggerType


_MODES = ("Full", "Partial")
_HALVES = (
    _Half("takeProfit", "TakeProfit", "tp", TriggerType.TAKE_PROFIT),
    _Half("stopLoss", "StopLoss", "sl", TriggerType.STOP),
)
_ATTACHED = (TRAILING, *(f"{part}{half.kind}" for half in _HALVES for part in ("", "Partial")))


def set_stop(request: Request) -> Answer:
    """Set, change or (by zero) cancel what is attached to a position. Raises BybitError 10001 for a flat one."""
    params, account = request.params, request.account
    symbol, side = params.text("symbol"), params.leg()
    request.books.market.instrument(symbol)
    if not params.linear() or (params.optional("tpslMode") or "Full") not in _MODES:
        raise invalid("tpslMode")
    if side not in account.leg_sides():
        raise Refused(Reason.LEG_MISMATCH, side)
    leg = account.leg(symbol, side)
    if not leg.quantity:
        raise BybitError(10001, "can not set tp/sl/ts for zero position")
    for half in _HALVES:
        price = params.optional_amount(half.name)
        if price is not None:
            _set_half(request, leg, half, price)
    distance = params.optional_amount("trailingStop")
    if distance is not None:
        _set_trailing(request, leg, distance)
    return Answer({})


def _set_half(request: Request, leg: Leg, half: _Half, price: Decimal) -> None:
    params, wanted = request.params, _closing(leg, half.trigger)
    if params.optional("tpslMode") == "Partial" and price:
        limited = params.optional(f"{half.short}OrderType") == "Limit"
        wanted = replace(
            wanted,
            trigger_price=price,
            price=params.amount(f"{half.short}LimitPrice") if limited else None,
            quantity=params.amount(f"{half.short}Size"),
            close_position=False,
            reduce_only=leg.side is LegSide.BOTH,
            kind=f"Partial{half.kind}",
        )
        request.books.place_conditional(request.name, wanted)
        return
    _replace(request, leg, replace(wanted, trigger_price=price, kind=half.kind), cancel=not price)


def _set_trailing(request: Request, leg: Leg, distance: Decimal) -> None:
    start = request.params.optional_amount("activePrice")
    percent = distance / (start or request.books.market.mark(leg.symbol)) * 100
    wanted = replace(
        _closing(leg, TriggerType.TRAILING), callback_percent=percent, activation_price=start or None, kind=TRAILING
    )
    _replace(request, leg, wanted, cancel=not distance)


def _closing(leg: Leg, trigger: TriggerType) -> ConditionalRequest:
    side = Side.SELL if leg.quantity > ZERO else Side.BUY
    return ConditionalRequest(symbol=leg.symbol, side=side, trigger=trigger, leg=leg.side, close_position=True)


def _replace(request: Request, leg: Leg, wanted: ConditionalRequest, *, cancel: bool) -> None:
    """Place the new one before the old one goes: what is refused changes nothing."""

    def same(item: Conditional) -> bool:
        return item.request.kind == wanted.kind and item.request.leg is leg.side

    old = [item for item in request.account.conditionals_of(leg.symbol) if same(item)]
    if not cancel:
        request.books.place_conditional(request.name, wanted)
    for item in old:
        request.books.cancel_conditional(request.name, OrderRef(id=item.id))


def end_orphans(request: Request) -> None:
    """End what is attached to positions that are flat by now."""
    account = request.account
    for item in list(account.open_conditionals.values()):
        wanted = item.request
        if wanted.kind in _ATTACHED and not account.leg(wanted.symbol, wanted.leg).quantity:
            request.books.cancel_conditional(request.name, OrderRef(id=item.id))
