"""Binance USD-M error codes, from the exchange's published list, and the books' reasons in those codes."""

from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.refusal import Reason, Refused


def from_refusal(refusal: Refused) -> BinanceError:
    """Say a refusal of the books in Binance's words."""
    code, message = _CODES.get(refusal.reason, (-1000, "An unknown error occurred while processing the request."))
    return BinanceError(code, message.replace("%s", refusal.detail))


_CODES = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.HALTED: (-4141, "Symbol is closed."),
    Reason.CANCEL_UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.ORDER_NOT_FOUND: (-2013, "Order does not exist."),
    Reason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.BAD_CLIENT_ID: (-4015, "Client order id is not valid."),
    Reason.LEG_MISMATCH: (-4061, "Order's position side does not match user's setting."),
    Reason.REDUCE_ONLY_NOT_REQUIRED: (-1106, "Parameter 'reduceOnly' sent when not required."),
    Reason.REDUCE_ONLY_REJECTED: (-2022, "ReduceOnly Order is rejected."),
    Reason.REDUCE_ONLY_RESERVED: (
        -4118,
        "ReduceOnly Order Failed. Please check your existing position and open orders.",
    ),
    Reason.MARGIN_INSUFFICIENT: (-2019, "Margin is insufficient."),
    Reason.QUANTITY_NOT_POSITIVE: (-4003, "Quantity less than or equal to zero."),
    Reason.QUANTITY_TOO_SMALL: (-4004, "Quantity less than min quantity."),
    Reason.QUANTITY_TOO_LARGE: (-4005, "Quantity greater than max quantity."),
    Reason.QUANTITY_PRECISION: (-1111, "Precision is over the maximum defined for this asset."),
    Reason.PRICE_MISSING: (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    Reason.PRICE_NOT_POSITIVE: (-4001, "Price less than 0."),
    Reason.PRICE_TICK: (-4014, "Price not increased by tick size."),
    Reason.PRICE_TOO_HIGH: (-4016, "Limit price can't be higher than %s."),
    Reason.PRICE_TOO_LOW: (-4024, "Limit price can't be lower than %s."),
    Reason.NOTIONAL_TOO_SMALL: (-4164, "Order's notional must be no smaller than %s (unless you choose reduce only)."),
    Reason.TOO_MANY_OPEN_ORDERS: (-2025, "Reach max open order limit."),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    Reason.CANNOT_FILL: (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected.",
    ),
    Reason.TRIGGER_MISSING: (
        -1102,
        "Mandatory parameter 'triggerPrice' was not sent, was empty/null, or malformed.",
    ),
    Reason.CALLBACK_OUT_OF_RANGE: (-2007, "Invalid callBack rate."),
    Reason.CLOSE_POSITION_WITH_QUANTITY: (-4137, "Quantity must be zero with closePosition equals true"),
    Reason.CLOSE_POSITION_WITH_REDUCE_ONLY: (-1106, "Parameter 'reduceOnly' sent when not required."),
    Reason.NOTHING_TO_CHANGE: (-5027, "No need to modify the order."),
    Reason.ONLY_LIMIT_ORDERS: (-5025, "Only limit order is supported."),
    Reason.LEVERAGE_OUT_OF_RANGE: (-4028, "Leverage %s is not valid"),
    Reason.MODE_UNCHANGED: (-4059, "No need to change position side."),
    Reason.MODE_HAS_ORDERS: (-4067, "Position side cannot be changed if there exists open orders."),
    Reason.MODE_HAS_POSITIONS: (-4068, "Position side cannot be changed if there exists position."),
    Reason.MARGIN_TYPE_UNCHANGED: (-4046, "No need to change margin type."),
    Reason.MARGIN_TYPE_HAS_ORDERS: (-4047, "Margin type cannot be changed if there exists open orders."),
    Reason.MARGIN_TYPE_HAS_POSITIONS: (-4048, "Margin type cannot be changed if there exists position."),
}
