"""Orders, conditional orders and executions as Bybit prints them.

A conditional order keeps its number and its orderLinkId when it fires, so the order that it has placed is shown
under those of the conditional one.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import LIQUIDATION
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.bybit.codes import BybitError
from ess_server.venue.paper.dialects.bybit.request import Json
from ess_server.venue.paper.model import (
    ZERO,
    Conditional,
    ConditionalRequest,
    ConditionalStatus,
    Fill,
    Instrument,
    LegSide,
    Order,
    OrderRef,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    TriggerType,
)

STOP, TRAILING = "Stop", "TrailingStop"
"""Kinds of conditional orders (``stopOrderType``): one that stands alone, and a position's trailing stop."""

LEG_NUMBERS = {LegSide.BOTH: 0, LegSide.LONG: 1, LegSide.SHORT: 2}
SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
_TYPES = {OrderType.MARKET: "Market", OrderType.LIMIT: "Limit"}
_OWN_ID = "paper-"
_NOT_HERE = ("markPrice", "tradeIv", "markIv", "indexPrice", "underlyingPrice", "blockTradeId", "extraFees")
_UNFILLED: Mapping[str, str] = MappingProxyType(
    {"avgPrice": "", "leavesValue": "0", "cumExecQty": "0", "cumExecValue": "0", "cumExecFee": "0"}
)
_STATUS = {
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
}
_CONDITIONAL_STATUS = {
    ConditionalStatus.NEW: "Untriggered",
    ConditionalStatus.TRIGGERED: "Triggered",
    ConditionalStatus.CANCELED: "Deactivated",
    ConditionalStatus.REJECTED: "Rejected",
}


def order_id(number: int) -> str:
    """Print a number as the exchange prints its own: a UUID."""
    return str(UUID(int=number))


def read_id(text: str) -> int:
    """Read a printed number. Raises BybitError 10001."""
    try:
        return UUID(text).int
    except ValueError:
        raise BybitError(10001, "params error: orderId invalid") from None


def link_id(client_id: str) -> str:
    """The orderLinkId of an order; empty unless the client gave one."""
    return "" if client_id.startswith(_OWN_ID) else client_id


def fixed(value: Decimal | None, digits: int) -> str:
    """Print with a fixed number of decimals; None as zero."""
    return f"{value if value is not None else ZERO:.{digits}f}"


def plain(value: Decimal) -> str:
    """Print exactly, without an exponent and without needless zeros."""
    return f"{value.normalize():f}"


def rises(side: Side, trigger: TriggerType) -> bool:
    """Whether a stop or take profit waits for the price to rise."""
    return (side is Side.BUY) == (trigger is TriggerType.STOP)


def order(item: Order, account: Account, instrument: Instrument) -> Json:
    """One ordinary order, or what a conditional order has placed."""
    parent = account.find_conditional(OrderRef(id=item.conditional_id)) if item.conditional_id else None
    market = item.type is OrderType.MARKET
    return (
        {
            "orderId": order_id(item.conditional_id or item.id),
            "orderLinkId": link_id(item.client_id if parent is None else parent.client_id),
            "symbol": item.symbol,
            "price": fixed(item.price, instrument.price_digits),
            "qty": fixed(item.quantity, instrument.quantity_digits),
            "side": SIDES[item.side],
            "positionIdx": LEG_NUMBERS[item.leg],
            "orderStatus": _STATUS[item.status],
            "cancelType": "CancelByUser" if item.status is OrderStatus.CANCELED else "UNKNOWN",
            "rejectReason": _reason(item),
            "timeInForce": "IOC" if market else _tif(item.tif),
            "orderType": _TYPES[item.type],
            "stopOrderType": "" if parent is None else stop_kind(parent.request),
            "triggerPrice": "" if parent is None else fixed(parent.request.trigger_price, instrument.price_digits),
            "triggerDirection": 0 if parent is None else _direction(parent),
            "reduceOnly": item.reduces,
            "closeOnTrigger": item.close_position,
            "createdTime": str(milliseconds(item.created if parent is None else parent.created)),
            "updatedTime": str(milliseconds(item.updated)),
        }
        | _filled(item, instrument)
        | _unused()
        | _origin(item)
    )


def _origin(item: Order) -> Json:
    return {"createType": "CreateByLiq" if item.client_id.startswith(LIQUIDATION) else "CreateByUser"}


def stop_kind(request: ConditionalRequest) -> str:
    """The exchange's name of what a conditional order is; one that was placed elsewhere is named by what it does."""
    return request.kind or (TRAILING if request.trigger is TriggerType.TRAILING else STOP)


def _filled(item: Order, instrument: Instrument) -> Json:
    left = item.remaining if item.status.is_open else ZERO
    return {
        "avgPrice": fixed(item.average, instrument.price_digits + 3) if item.filled else "",
        "leavesQty": fixed(left, instrument.quantity_digits),
        "leavesValue": plain(left * (item.price or ZERO)),
        "cumExecQty": fixed(item.filled, instrument.quantity_digits),
        "cumExecValue": plain(item.cost),
        "cumExecFee": "0",
    }


def conditional(item: Conditional, instrument: Instrument) -> Json:
    """One conditional order that waits or has ended without placing an order."""
    request, price_digits = item.request, instrument.price_digits
    waiting = item.status is ConditionalStatus.NEW
    quantity = fixed(request.quantity, instrument.quantity_digits)
    trigger = request.activation_price if request.trigger is TriggerType.TRAILING else request.trigger_price
    return {
        "orderId": order_id(item.id),
        "orderLinkId": link_id(item.client_id),
        "symbol": request.symbol,
        "price": fixed(request.price, price_digits),
        "qty": quantity,
        "side": SIDES[request.side],
        "positionIdx": LEG_NUMBERS[request.leg],
        "orderStatus": _CONDITIONAL_STATUS[item.status],
        "cancelType": "CancelByUser" if item.status is ConditionalStatus.CANCELED else "UNKNOWN",
        "rejectReason": "EC_NoError" if item.status is not ConditionalStatus.REJECTED else "EC_Others",
        "leavesQty": quantity if waiting else fixed(None, instrument.quantity_digits),
        "timeInForce": "IOC" if request.price is None else _tif(request.tif),
        "orderType": _TYPES[OrderType.MARKET if request.price is None else OrderType.LIMIT],
        "stopOrderType": stop_kind(request),
        "triggerPrice": fixed(trigger, price_digits),
        "triggerDirection": _direction(item),
        "reduceOnly": only_reduces(item),
        "closeOnTrigger": request.close_position,
        "createdTime": str(milliseconds(item.created)),
        "updatedTime": str(milliseconds(item.updated)),
        **_UNFILLED,
    } | _unused()


def only_reduces(item: Conditional) -> bool:
    """Whether a conditional order can only shrink its leg."""
    request = item.request
    against = (request.leg, request.side) in ((LegSide.LONG, Side.SELL), (LegSide.SHORT, Side.BUY))
    return request.reduce_only or request.close_position or against


def _direction(item: Conditional) -> int:
    request = item.request
    if request.trigger is TriggerType.TRAILING:
        return 0
    return 1 if rises(request.side, request.trigger) else 2


def _reason(item: Order) -> str:
    if item.status is OrderStatus.CANCELED:
        return "EC_PerCancelRequest"
    if item.status is not OrderStatus.EXPIRED:
        return "EC_NoError"
    return "EC_PostOnlyWillTakeLiquidity" if item.tif is TimeInForce.GTX else "EC_NoImmediateQtyToFill"


def _tif(tif: TimeInForce) -> str:
    return "PostOnly" if tif is TimeInForce.GTX else tif.value


def _unused() -> Json:
    """Fields of options that the paper venue does not have."""
    return {
        "triggerBy": "LastPrice",
        "createType": "CreateByUser",
        "tpslMode": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "isLeverage": "",
        "orderIv": "",
        "blockTradeId": "",
        "placeType": "",
        "lastPriceOnCreated": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "cumFeeDetail": {},
    }


def execution(fill: Fill, placed: Order | None, account: Account, instrument: Instrument) -> Json:
    """One execution; ``placed`` is the order that has filled, None if it is forgotten."""
    shown: Json = {} if placed is None else order(placed, account, instrument)
    liquidated = placed is not None and placed.client_id.startswith(LIQUIDATION)
    value = fill.quantity * fill.price
    return {
        "symbol": fill.symbol,
        "orderId": shown.get("orderId", order_id(fill.order_id)),
        "orderLinkId": shown.get("orderLinkId", ""),
        "side": SIDES[fill.side],
        "orderPrice": shown.get("price", "0"),
        "orderQty": shown.get("qty", ""),
        "leavesQty": shown.get("leavesQty", ""),
        "createType": "CreateByLiq" if liquidated else "CreateByUser",
        "orderType": shown.get("orderType", "UNKNOWN"),
        "stopOrderType": shown.get("stopOrderType") or "UNKNOWN",
        "execFee": fixed(fill.fee, 8),
        "feeCurrency": fill.asset,
        "feeRate": plain(fill.fee / value if value else ZERO),
        "execId": order_id(fill.id),
        "execPrice": fixed(fill.price, instrument.price_digits),
        "execQty": fixed(fill.quantity, instrument.quantity_digits),
        "execType": "BustTrade" if liquidated else "Trade",
        "execValue": plain(value),
        "execTime": str(milliseconds(fill.at)),
        "isMaker": fill.maker,
        "closedSize": fixed(_closed(fill), instrument.quantity_digits),
        "seq": fill.id,
        **dict.fromkeys(_NOT_HERE, ""),
    }


def _closed(fill: Fill) -> Decimal:
    return min(abs(fill.before), fill.quantity) if fill.before * fill.side.sign < 0 else ZERO
