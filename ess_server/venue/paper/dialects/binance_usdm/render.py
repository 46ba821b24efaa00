"""Orders, conditional orders and trades as Binance prints them."""

from decimal import Decimal

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.text import Json, fixed, plain
from ess_server.venue.paper.model import (
    Conditional,
    ConditionalRequest,
    ConditionalStatus,
    Fill,
    Instrument,
    Order,
    OrderStatus,
    Side,
    TriggerType,
)

_HALVES = ("tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice")
"""Prices of a take profit and a stop loss within one order, which the paper venue does not take."""


def order(item: Order, instrument: Instrument, *, listed: bool = False) -> Json:
    """One order; ``listed`` adds the creation time that queries carry and placements do not."""
    price_digits, quantity_digits = instrument.price_digits, instrument.quantity_digits
    shown: Json = {
        "orderId": item.id,
        "symbol": item.symbol,
        "status": item.status.value,
        "clientOrderId": item.client_id,
        "price": fixed(item.price, price_digits),
        "avgPrice": fixed(item.average, price_digits + 3),
        "origQty": fixed(item.quantity, quantity_digits),
        "executedQty": fixed(item.filled, quantity_digits),
        "cumQty": fixed(item.filled, quantity_digits),
        "cumQuote": fixed(item.cost, price_digits + 3),
        "timeInForce": item.tif.value,
        "type": item.type.value,
        "reduceOnly": item.reduces,
        "closePosition": item.close_position,
        "side": item.side.value,
        "positionSide": item.leg.value,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "origType": item.type.value,
        "updateTime": milliseconds(item.updated),
    }
    shown |= _unused()
    if listed:
        shown["time"] = milliseconds(item.created)
    return shown


def _unused() -> Json:
    """Options of Binance's orders that the paper venue does not have."""
    return {
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
    }


def acknowledged(shown: Json, instrument: Instrument) -> Json:
    """An order as ACK answers it: accepted, with nothing said about fills."""
    nothing = fixed(None, instrument.quantity_digits)
    return {
        **shown,
        "status": OrderStatus.NEW.value,
        "avgPrice": "0.00",
        "executedQty": nothing,
        "cumQty": nothing,
        "cumQuote": fixed(None, instrument.price_digits + 3),
    }


def order_type(request: ConditionalRequest) -> str:
    """Binance's name for what a conditional order is."""
    if request.trigger is TriggerType.TRAILING:
        return "TRAILING_STOP_MARKET"
    return request.trigger.value if request.price is not None else f"{request.trigger.value}_MARKET"


def conditional(item: Conditional, instrument: Instrument) -> Json:
    """One order of the algo service."""
    request, price_digits = item.request, instrument.price_digits
    status = "FINISHED" if item.status is ConditionalStatus.TRIGGERED else item.status.value
    return {
        "algoId": item.id,
        "clientAlgoId": item.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order_type(request),
        "symbol": request.symbol,
        "side": request.side.value,
        "positionSide": request.leg.value,
        "timeInForce": request.tif.value,
        "quantity": fixed(request.quantity, instrument.quantity_digits),
        "algoStatus": status,
        "actualOrderId": str(item.order_id) if item.order_id else "",
        "triggerPrice": fixed(request.trigger_price, price_digits),
        "price": fixed(request.price, price_digits),
        "icebergQuantity": None,
        **dict.fromkeys(("actualPrice", *_HALVES), fixed(None, price_digits)),
        "tpOrderType": "",
        "workingType": "MARK_PRICE",
        "closePosition": request.close_position,
        "reduceOnly": request.reduce_only,
        "activatePrice": fixed(request.activation_price, price_digits),
        "callbackRate": plain(request.callback_percent or Decimal(0)),
        "createTime": milliseconds(item.created),
        "updateTime": milliseconds(item.updated),
        "triggerTime": milliseconds(item.triggered) if item.triggered else 0,
    } | _unused()


def trade(fill: Fill, instrument: Instrument) -> Json:
    """One execution."""
    return {
        "symbol": fill.symbol,
        "id": fill.id,
        "orderId": fill.order_id,
        "side": fill.side.value,
        "price": fixed(fill.price, instrument.price_digits),
        "qty": fixed(fill.quantity, instrument.quantity_digits),
        "realizedPnl": fixed(fill.realized, 8),
        "quoteQty": fixed(fill.quantity * fill.price, 8),
        "commission": fixed(fill.fee, 8),
        "commissionAsset": fill.asset,
        "time": milliseconds(fill.at),
        "positionSide": fill.leg.value,
        "buyer": fill.side is Side.BUY,
        "maker": fill.maker,
    }
