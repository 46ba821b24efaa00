"""Orders, fills and conditional orders of a Binance USD-M account, checked row by row, as execution reports."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.venue.usdm_rows import SymbolOf, decimal_of, only_reduces, rows_of, text_of

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


class Reports:
    """Makes reports of the rows of one account."""

    def __init__(self, account: str, symbol_of: SymbolOf) -> None:
        self._account = account
        self._symbol_of = symbol_of

    def accepted(self, order: OrderRow) -> ExecutionReport:
        """The exchange took an order."""
        return self._of_order(order, ExecutionType.NEW, order.created, "")

    def ended(self, order: OrderRow) -> ExecutionReport | None:
        """An order ended without being filled to the end; None for every other one."""
        found = _ENDED.get(order.status)
        return self._of_order(order, found, order.updated, order.status) if found else None

    def filled(self, fill: FillRow, order: OrderRow, stops: Sequence[StopRow]) -> ExecutionReport:
        """One execution of an order."""
        return self._report(
            market=fill.market,
            id=f"{fill.market}/fill/{fill.id}",
            execution_type=ExecutionType.TRADE,
            side=fill.side,
            client_order_id=order.client_order_id,
            quantity=fill.quantity,
            price=fill.price,
            stop_loss=is_stop(order, stops),
            reduce_only=order.reduces,
            detail=_forced(order),
            time=fill.time,
        )

    def refused(self, market: str, stop: StopRow) -> ExecutionReport:
        """A protective stop fired, and the exchange refused its order: the position stands without it."""
        return self._report(
            market=market,
            id=f"{market}/stop/{stop.id}/{stop.status}",
            execution_type=ExecutionType.REJECTED,
            side=stop.side,
            client_order_id=stop.client_order_id,
            quantity=stop.quantity,
            price=stop.price or None,
            stop_loss=False,
            reduce_only=True,
            detail="a protective stop fired and its order was refused",
            time=stop.updated,
        )

    def _of_order(self, order: OrderRow, execution_type: ExecutionType, time: int, detail: str) -> ExecutionReport:
        return self._report(
            market=order.market,
            id=f"{order.market}/order/{order.id}/{execution_type.name}",
            execution_type=execution_type,
            side=order.side,
            client_order_id=order.client_order_id,
            quantity=order.quantity,
            price=order.price or None,
            stop_loss=False,
            reduce_only=order.reduces,
            detail=detail or _forced(order),
            time=time,
        )

    def _report(self, *, market: str, time: int, **told: Any) -> ExecutionReport:  # noqa: ANN401 - fields of the report
        return ExecutionReport(
            account=self._account,
            symbol=self._symbol_of(market),
            expected_price=None,
            strategy="",
            time=datetime.fromtimestamp(time / 1000, UTC),
            received=0.0,
            **told,
        )


def _forced(order: OrderRow) -> str:
    if order.client_order_id.startswith(LIQUIDATION):
        return "liquidation by the exchange"
    return "deleveraging by the exchange" if order.client_order_id.startswith(DELEVERAGING) else ""


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
