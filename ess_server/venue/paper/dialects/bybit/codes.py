"""Bybit v5 codes, from the exchange's published list, and the books' reasons in those codes."""

from ess_server.venue.paper.refusal import Reason, Refused

INVALID = 10001
"""A parameter is missing or cannot be."""
NOT_FOUND = 110001
REDUCE_ONLY = 110017


class BybitError(Exception):
    """An answer whose ``retCode`` is not 0. Bybit answers nearly all of them with HTTP status 200."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(name: str) -> BybitError:
    """A parameter is missing or cannot be read."""
    return BybitError(INVALID, f"params error: {name} invalid")


def from_refusal(refusal: Refused) -> BybitError:
    """Say a refusal of the books in Bybit's words."""
    code, message = _CODES.get(refusal.reason, (INVALID, "Request parameter error."))
    return BybitError(code, message.replace("%s", refusal.detail))


_TOO_FEW = (INVALID, "The number of contracts exceeds minimum limit allowed")
_BAD_PRICE = (INVALID, "params error: price invalid")
_OUT_OF_RANGE = (110003, "Order price exceeds the allowable range.")

_CODES = {
    Reason.UNKNOWN_SYMBOL: (INVALID, "params error: symbol invalid %s"),
    Reason.HALTED: (110074, "This contract is not live"),
    Reason.CANCEL_UNKNOWN_ORDER: (NOT_FOUND, "order not exists or too late to cancel"),
    Reason.ORDER_NOT_FOUND: (NOT_FOUND, "order not exists or too late to cancel"),
    Reason.DUPLICATE_CLIENT_ID: (110072, "OrderLinkedID is duplicate"),
    Reason.BAD_CLIENT_ID: (INVALID, "params error: orderLinkId invalid"),
    Reason.LEG_MISMATCH: (INVALID, "position idx not match position mode"),
    Reason.REDUCE_ONLY_REJECTED: (REDUCE_ONLY, "Reduce-only rule not satisfied"),
    Reason.REDUCE_ONLY_RESERVED: (REDUCE_ONLY, "orderQty will be truncated to zero."),
    Reason.MARGIN_INSUFFICIENT: (110007, "ab not enough for new order"),
    Reason.QUANTITY_NOT_POSITIVE: _TOO_FEW,
    Reason.QUANTITY_TOO_SMALL: _TOO_FEW,
    Reason.QUANTITY_TOO_LARGE: (INVALID, "The number of contracts exceeds maximum limit allowed: too large"),
    Reason.QUANTITY_PRECISION: (INVALID, "Qty invalid"),
    Reason.PRICE_MISSING: _BAD_PRICE,
    Reason.PRICE_NOT_POSITIVE: _BAD_PRICE,
    Reason.PRICE_TICK: _BAD_PRICE,
    Reason.PRICE_TOO_HIGH: _OUT_OF_RANGE,
    Reason.PRICE_TOO_LOW: _OUT_OF_RANGE,
    Reason.NOTIONAL_TOO_SMALL: (110094, "Order does not meet minimum order value %sUSDT"),
    Reason.TOO_MANY_OPEN_ORDERS: (110020, "Not allowed to have more than 500 active orders."),
    Reason.NOTHING_TO_CHANGE: (
        INVALID,
        "The order remains unchanged as the parameters entered match the existing ones.",
    ),
    Reason.TRIGGER_MISSING: (INVALID, "params error: triggerPrice invalid"),
    Reason.CALLBACK_OUT_OF_RANGE: (INVALID, "params error: trailingStop invalid"),
    Reason.LEVERAGE_OUT_OF_RANGE: (INVALID, "params error: leverage invalid %s"),
    Reason.MODE_UNCHANGED: (110025, "Position mode has not been modified."),
    Reason.MODE_HAS_ORDERS: (110028, "You have existing open orders, so the position mode cannot be switched."),
    Reason.MODE_HAS_POSITIONS: (110024, "You have an existing position, so the position mode cannot be switched."),
}
