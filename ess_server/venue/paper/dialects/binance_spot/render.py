"""Orders, lists of two orders, and trades as Binance spot prints them: every figure with eight decimals."""

from collections.abc import Sequence

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.text import Json, fixed
from ess_server.venue.paper.model import Side
from ess_server.venue.paper.spot_model import SpotFill, SpotOrder

DIGITS = 8


def order(item: SpotOrder) -> Json:
    """One order as queries tell it."""
    return {
        **_named(item),
        "clientOrderId": item.client_id,
        **_state(item),
        "stopPrice": fixed(item.request.stop_price, DIGITS),
        "icebergQty": fixed(None, DIGITS),
        "time": milliseconds(item.created),
        "updateTime": milliseconds(item.updated),
        "isWorking": not item.waiting,
        "workingTime": -1 if item.waiting else milliseconds(item.created),
    }


def placed(item: SpotOrder, fills: Sequence[SpotFill], kind: str) -> Json:
    """One order as its placement is answered: ``kind`` is ACK, RESULT or FULL."""
    shown: Json = {
        **_named(item),
        "clientOrderId": item.client_id,
        "transactTime": milliseconds(item.updated),
    }
    if kind == "ACK":
        return shown
    shown |= _state(item) | {"workingTime": -1 if item.waiting else milliseconds(item.created)}
    if item.request.kind.waits:
        shown["stopPrice"] = fixed(item.request.stop_price, DIGITS)
    if kind == "FULL":
        shown["fills"] = [
            {
                "price": fixed(fill.price, DIGITS),
                "qty": fixed(fill.quantity, DIGITS),
                "commission": fixed(fill.fee, DIGITS),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.id,
            }
            for fill in fills
        ]
    return shown


def cancelled(item: SpotOrder) -> Json:
    """One order as its cancel is answered: under a client id of the cancel's own."""
    return {
        **_named(item),
        "origClientOrderId": item.client_id,
        "clientOrderId": f"cancel-{item.id}",
        "transactTime": milliseconds(item.updated),
        **_state(item),
        "stopPrice": fixed(item.request.stop_price, DIGITS),
    }


def order_list(legs: Sequence[SpotOrder], reports: Sequence[Json] = ()) -> Json:
    """Two orders of which one cancels the other."""
    first, live = legs[0], any(leg.status.is_open for leg in legs)
    shown: Json = {
        "orderListId": first.list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if live else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if live else "ALL_DONE",
        "listClientOrderId": f"list-{first.list_id}",
        "transactionTime": milliseconds(first.updated),
        "symbol": first.symbol,
        "orders": [
            {"symbol": leg.symbol, "orderId": leg.id, "clientOrderId": leg.client_id} for leg in legs
        ],
    }  # fmt: skip
    if reports:
        shown["orderReports"] = list(reports)
    return shown


def trade(item: SpotFill, list_id: int) -> Json:
    """One execution."""
    return {
        "symbol": item.symbol,
        "id": item.id,
        "orderId": item.order_id,
        "orderListId": list_id or -1,
        "price": fixed(item.price, DIGITS),
        "qty": fixed(item.quantity, DIGITS),
        "quoteQty": fixed(item.quantity * item.price, DIGITS),
        "commission": fixed(item.fee, DIGITS),
        "commissionAsset": item.fee_asset,
        "time": milliseconds(item.at),
        "isBuyer": item.side is Side.BUY,
        "isMaker": item.maker,
        "isBestMatch": True,
    }


def _named(item: SpotOrder) -> Json:
    return {"symbol": item.symbol, "orderId": item.id, "orderListId": item.list_id or -1}


def _state(item: SpotOrder) -> Json:
    request = item.request
    return {
        "price": fixed(request.price, DIGITS),
        "origQty": fixed(request.quantity, DIGITS),
        "executedQty": fixed(item.filled, DIGITS),
        "origQuoteOrderQty": fixed(request.cost, DIGITS),
        "cummulativeQuoteQty": fixed(item.cost, DIGITS),
        "status": item.status.value,
        "timeInForce": request.tif.value,
        "type": request.kind.value,
        "side": request.side.value,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
