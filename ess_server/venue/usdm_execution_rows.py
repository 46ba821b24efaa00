"""Orders, fills and conditional orders of a Binance USD-M account, checked row by row."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.readings import ExecutionType
from ess_server.venue.execution_reports import DELEVERAGED, LIQUIDATED
from ess_server.venue.usdm_rows import decimal_of, only_reduces, rows_of, text_of

LIQUIDATION = "autoclose-"
"""Prefix of the client order id that the exchange gives to a liquidation."""
DELEVERAGING = "adl_autoclose"

_STOPS = frozenset({"STOP", "STOP_MARKET", "TRAILING_STOP_MARKET"})
_SIDES = {"BUY": "buy", "SELL": "sell"}
_ENDED = {
    "CANCELED": ExecutionType.CANCELED,
    "EXPIRED": ExecutionType.EXPIRED,
    "EXPIRED_IN_MATCH": ExecutionType.EXPIRED,
    "REJECTED": ExecutionType.REJECTED,
}
_COIN_MARGINED = re.compile(r"USD_(PERP|[0-9]{6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order as the exchange tells it. ``created`` is in milliseconds of its clock; ``kind`` its original type."""

    market: str
    id: int
    client_order_id: str
    status: str
    kind: str
    side: str
    price: Decimal
    quantity: Decimal
    filled: Decimal
    reduces: bool
    created: int
    updated: int

    @property
    def ending(self) -> ExecutionType | None:
        """How it ended without being filled whole."""
        return _ENDED.get(self.status)

    @property
    def forced(self) -> str:
        """Why the exchange itself has sent it, empty if it has not."""
        if self.client_order_id.startswith(LIQUIDATION):
            return LIQUIDATED
        return DELEVERAGED if self.client_order_id.startswith(DELEVERAGING) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One execution; ``time`` in milliseconds of the exchange's clock."""

    market: str
    id: int
    order_id: int
    side: str
    price: Decimal
    quantity: Decimal
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRow:
    """A conditional order that protects; ``order_id`` is that of the order it placed, None before."""

    market: str
    id: int
    client_order_id: str
    status: str
    side: str
    price: Decimal
    quantity: Decimal
    order_id: int | None
    updated: int


def order_rows(reply: object) -> list[OrderRow]:
    """Read ``allOrders``, leaving out coin-margined markets. Raises VenueUnknownError."""
    rows = rows_of(reply, "order history")
    return [order_row(row) for row in rows if not _COIN_MARGINED.search(text_of(row, "symbol"))]


def order_row(row: object) -> OrderRow:
    """Read one order. Raises VenueUnknownError."""
    if not isinstance(row, Mapping):
        raise VenueUnknownError("order: not an object")
    return OrderRow(
        market=text_of(row, "symbol"),
        id=whole(row, "orderId"),
        client_order_id=text_of(row, "clientOrderId"),
        status=text_of(row, "status"),
        kind=text_of(row, "origType"),
        side=_side(row),
        price=decimal_of(row, "price"),
        quantity=decimal_of(row, "origQty"),
        filled=decimal_of(row, "executedQty"),
        reduces=only_reduces(row),
        created=whole(row, "time"),
        updated=whole(row, "updateTime"),
    )


def fill_rows(reply: object) -> list[FillRow]:
    """Read ``userTrades``. Raises VenueUnknownError."""
    return [
        FillRow(
            market=text_of(row, "symbol"),
            id=whole(row, "id"),
            order_id=whole(row, "orderId"),
            side=_side(row),
            price=decimal_of(row, "price"),
            quantity=decimal_of(row, "qty"),
            time=whole(row, "time"),
        )
        for row in rows_of(reply, "fills")
    ]


def stop_rows(reply: object) -> list[StopRow]:
    """Read the protective stops among ``allAlgoOrders``: those that can only reduce. Raises VenueUnknownError."""
    rows = rows_of(reply, "conditional order history")
    return [_stop_row(row) for row in rows if text_of(row, "orderType") in _STOPS and only_reduces(row)]


def _stop_row(row: Mapping[str, Any]) -> StopRow:
    return StopRow(
        market=text_of(row, "symbol"),
        id=whole(row, "algoId"),
        client_order_id=text_of(row, "clientAlgoId"),
        status=text_of(row, "algoStatus"),
        side=_side(row),
        price=decimal_of(row, "price"),
        quantity=decimal_of(row, "quantity"),
        order_id=whole(row, "actualOrderId") if row.get("actualOrderId") else None,
        updated=whole(row, "updateTime"),
    )


def is_stop(order: OrderRow, stops: Iterable[StopRow]) -> bool:
    """Whether an order is a protective stop that fired, or the exchange's own: a liquidation.

    A conditional order that fires places another order; it is known by its number or by the client order id.
    """
    if order.client_order_id.startswith(LIQUIDATION):
        return True
    if not order.reduces:
        return False
    return order.kind in _STOPS or any(
        order.id == s.order_id or order.client_order_id == s.client_order_id for s in stops
    )


def _side(row: Mapping[str, Any]) -> str:
    side = _SIDES.get(text_of(row, "side"))
    if side is None:
        raise VenueUnknownError("side is neither BUY nor SELL")
    return side


def whole(row: Mapping[str, Any], key: str) -> int:
    """Return a number from 0, written as such or as digits. Raises VenueUnknownError."""
    text = text_of(row, key)
    if not (text.isascii() and text.isdigit()):
        raise VenueUnknownError(f"{key} is not a whole number")
    return int(text)
