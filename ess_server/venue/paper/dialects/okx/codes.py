"""OKX error codes, as published, and the books' reasons in those codes."""

from ess_server.venue.paper.refusal import Reason, Refused


class OkxError(Exception):
    """An answer with a code other than "0": of the whole request, or of one item as ``sCode`` and ``sMsg``."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def missing(name: str) -> OkxError:
    """A mandatory parameter is empty."""
    return OkxError("50014", f"Parameter {name} cannot be empty.", 400)


def wrong(name: str) -> OkxError:
    """A parameter cannot be read or has a value that does not exist."""
    return OkxError("51000", f"Parameter {name} error", 400)


def from_refusal(refusal: Refused) -> OkxError:
    """Say a refusal of the books in OKX's codes."""
    if refusal.reason is Reason.REDUCE_ONLY_REJECTED and refusal.detail:
        return OkxError(*_TOO_MUCH_TO_CLOSE)
    code, message = _CODES.get(refusal.reason, ("50026", "System error"))
    return OkxError(code, message.replace("%s", refusal.detail))


_TOO_MUCH_TO_CLOSE = ("51112", "The size of the close is beyond what is available to close")
_TRIGGER = ("51000", "Parameter triggerPx error")

_CODES = {
    Reason.UNKNOWN_SYMBOL: ("51001", "Instrument ID does not exist"),
    Reason.HALTED: ("51028", "Contract under delivery"),
    Reason.CANCEL_UNKNOWN_ORDER: ("51400", "Cancellation failed: the order does not exist"),
    Reason.ORDER_NOT_FOUND: ("51603", "Order does not exist"),
    Reason.DUPLICATE_CLIENT_ID: ("51016", "Client order ID already exists"),
    Reason.BAD_CLIENT_ID: ("51000", "Parameter clOrdId error"),
    Reason.LEG_MISMATCH: ("51000", "Parameter posSide error"),
    Reason.REDUCE_ONLY_REJECTED: ("51169", "There is no position in this direction to reduce or close"),
    Reason.REDUCE_ONLY_RESERVED: _TOO_MUCH_TO_CLOSE,
    Reason.MARGIN_INSUFFICIENT: ("51008", "Insufficient USDT margin in the account"),
    Reason.QUANTITY_NOT_POSITIVE: ("51000", "Parameter sz error"),
    Reason.QUANTITY_TOO_SMALL: ("51020", "The order is below the minimum amount"),
    Reason.QUANTITY_TOO_LARGE: ("51202", "The order is above the maximum amount"),
    Reason.QUANTITY_PRECISION: ("51121", "The amount must be a multiple of the lot size"),
    Reason.PRICE_MISSING: ("51204", "A limit order needs a price"),
    Reason.PRICE_NOT_POSITIVE: ("51000", "Parameter px error"),
    Reason.PRICE_TICK: ("51000", "Parameter px error"),
    Reason.PRICE_TOO_HIGH: ("51006", "The price is beyond the limit, the highest is %s"),
    Reason.PRICE_TOO_LOW: ("51006", "The price is beyond the limit, the lowest is %s"),
    Reason.NOTIONAL_TOO_SMALL: ("51020", "The order is below the minimum amount"),
    Reason.TOO_MANY_OPEN_ORDERS: ("51174", "Too many pending orders"),
    Reason.WOULD_TRIGGER: _TRIGGER,
    Reason.TRIGGER_MISSING: _TRIGGER,
    Reason.NOTHING_TO_CHANGE: ("51000", "Parameter newSz error"),
    Reason.ONLY_LIMIT_ORDERS: ("51505", "Only orders with a price can be modified"),
    Reason.CALLBACK_OUT_OF_RANGE: ("51257", "The callback rate is out of range"),
    Reason.CLOSE_POSITION_WITH_QUANTITY: ("50024", "Parameters sz and closeFraction exclude each other"),
}
