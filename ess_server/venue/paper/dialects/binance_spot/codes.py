"""Binance spot error codes, from the exchange's published list, and the books' reasons in those codes."""

from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.refusal import Reason, Refused


def from_refusal(refusal: Refused) -> BinanceError:
    """Say a refusal of the books in Binance's words."""
    code, message = _CODES.get(refusal.reason, (-1000, "An unknown error occurred while processing the request."))
    return BinanceError(code, message.replace("%s", refusal.detail))


_CODES = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.CANCEL_UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.ORDER_NOT_FOUND: (-2013, "Order does not exist."),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.BAD_CLIENT_ID: (
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    Reason.BALANCE_INSUFFICIENT: (-2010, "Account has insufficient balance for requested action."),
    Reason.QUANTITY_NOT_POSITIVE: (-1013, "Invalid quantity."),
    Reason.FILTER: (-1013, "Filter failure: %s"),
    Reason.PRICE_MISSING: (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    Reason.TRIGGER_MISSING: (
        -1102,
        "A mandatory parameter was not sent, was empty/null, or malformed: 'stopPrice' or 'trailingDelta'.",
    ),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.BAD_PAIR: (-2010, "The relationship of the prices for the orders is not correct."),
}
