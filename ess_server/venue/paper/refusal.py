"""Why the books refuse: venue-neutral reasons that each dialect turns into its own codes."""

from enum import Enum, auto


class Reason(Enum):
    """What was wrong with a request."""

    UNKNOWN_ACCOUNT = auto()
    UNKNOWN_SYMBOL = auto()
    HALTED = auto()
    BALANCE_INSUFFICIENT = auto()
    FILTER = auto()
    BAD_PAIR = auto()
    CANCEL_UNKNOWN_ORDER = auto()
    ORDER_NOT_FOUND = auto()
    DUPLICATE_CLIENT_ID = auto()
    BAD_CLIENT_ID = auto()
    LEG_MISMATCH = auto()
    REDUCE_ONLY_NOT_REQUIRED = auto()
    REDUCE_ONLY_REJECTED = auto()
    REDUCE_ONLY_RESERVED = auto()
    MARGIN_INSUFFICIENT = auto()
    QUANTITY_NOT_POSITIVE = auto()
    QUANTITY_TOO_SMALL = auto()
    QUANTITY_TOO_LARGE = auto()
    QUANTITY_PRECISION = auto()
    PRICE_MISSING = auto()
    PRICE_NOT_POSITIVE = auto()
    PRICE_TICK = auto()
    PRICE_TOO_HIGH = auto()
    PRICE_TOO_LOW = auto()
    NOTIONAL_TOO_SMALL = auto()
    TOO_MANY_OPEN_ORDERS = auto()
    WOULD_TRIGGER = auto()
    WOULD_TAKE = auto()
    CANNOT_FILL = auto()
    TRIGGER_MISSING = auto()
    CALLBACK_OUT_OF_RANGE = auto()
    CLOSE_POSITION_WITH_QUANTITY = auto()
    CLOSE_POSITION_WITH_REDUCE_ONLY = auto()
    NOTHING_TO_CHANGE = auto()
    ONLY_LIMIT_ORDERS = auto()
    LEVERAGE_OUT_OF_RANGE = auto()
    MODE_UNCHANGED = auto()
    MODE_HAS_ORDERS = auto()
    MODE_HAS_POSITIONS = auto()
    MARGIN_TYPE_UNCHANGED = auto()
    MARGIN_TYPE_HAS_ORDERS = auto()
    MARGIN_TYPE_HAS_POSITIONS = auto()


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """The books refuse a request. ``detail`` is the figure or name that a dialect may put into its message."""

    def __init__(self, reason: Reason, detail: object = "") -> None:
        super().__init__(f"{reason.name} {detail}".strip())
        self.reason = reason
        self.detail = str(detail)
