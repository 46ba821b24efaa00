"""Orders, executions and conditional orders of a Bybit unified account, checked row by row."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import cycle
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.readings import ExecutionType
from ess_server.venue.bybit_rows import only_reduces, page
from ess_server.venue.bybit_strict import StrictBybit
from ess_server.venue.execution_reports import DELEVERAGED, LIQUIDATED
from ess_server.venue.execution_rows import FillRow, OrderRow, StopRow
from ess_server.venue.listed_executions import MAX_PAGES, Ask, Endpoint
from ess_server.venue.usdm_execution_rows import whole
from ess_server.venue.usdm_rows import decimal_of, price_of, text_of, told

ORDERS_PAGE, FILLS_PAGE = 50, 100
CATEGORIES = ("linear", "inverse")
_CONDITIONAL = frozenset({"Untriggered", "Triggered", "Deactivated"})
"""States of what waits for its trigger, or has ended before."""
_ENDED = {
    "Cancelled": ExecutionType.CANCELED,
    "PartiallyFilledCanceled": ExecutionType.CANCELED,
    "Rejected": ExecutionType.REJECTED,
}
_REJECTED = "Rejected"
_TRADES = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade"})
"""Executions that are trades; funding and deliveries are listed beside them."""
_SIDES = {"Buy": "buy", "Sell": "sell"}
_STOPS = frozenset({"StopLoss", "PartialStopLoss", "TrailingStop"})
_ALONE = "Stop"
"""A conditional order that stands alone: its direction tells a stop from a profit."""
_RISES, _FALLS = 1, 2


class BybitLists:
    """See ``ExecutionLists``. ``scopes`` are those of open orders, which have to be asked for one by one."""

    def __init__(self, exchange: StrictBybit, ask: Ask, scopes: Sequence[Mapping[str, str]]) -> None:
        self._ask = ask
        self._open = exchange.privateGetV5OrderRealtime
        self._ended = exchange.privateGetV5OrderHistory
        self._filled = exchange.privateGetV5ExecutionList
        self._scopes = scopes
        self._turns = cycle(scopes)
        self._categories: dict[str, str] = {}

    async def orders(self, since: int) -> tuple[list[OrderRow], bool]:
        """See ``ExecutionLists.orders``: open orders of each scope, ended ones of each category."""
        asked = [(self._open, dict(scope)) for scope in self._scopes]
        asked += [(self._ended, {"category": category, "startTime": str(since)}) for category in CATEGORIES]
        found: dict[str, OrderRow] = {}
        complete = True
        for endpoint, params in asked:
            rows, whole_list = await self._pages(endpoint, params, ORDERS_PAGE)
            complete = complete and whole_list
            # An order that ended between the two lists is in both: what is told last counts.
            found |= {row.id: row for row in map(_order_row, filter(_is_order, rows))}
        return [row for row in found.values() if row.created >= since], complete

    async def fills(self, since: int) -> tuple[list[FillRow], bool]:
        """See ``ExecutionLists.fills``."""
        found: list[FillRow] = []
        complete = True
        for category in CATEGORIES:
            params = {"category": category, "startTime": str(since)}
            rows, whole_list = await self._pages(self._filled, params, FILLS_PAGE)
            complete = complete and whole_list
            found += [_fill_row(row) for row in rows if text_of(row, "execType") in _TRADES]
            self._categories |= {text_of(row, "symbol"): category for row in rows}
        return found, complete

    async def order(self, fill: FillRow) -> OrderRow:
        """See ``ExecutionLists.order``; what is not among the newest is in the history."""
        wanted = {"category": self._categories[fill.market], "symbol": fill.market, "orderId": fill.order_id}
        for endpoint in (self._open, self._ended):
            rows, _ = page(await self._ask(endpoint, wanted), "order")
            if rows:
                return _order_row(rows[0])
        raise VenueUnknownError(f"order {fill.order_id[:40]} has filled and is not there")

    async def is_stop(self, fill: FillRow, order: OrderRow) -> bool:
        """See ``ExecutionLists.is_stop``."""
        return fill.stop or order.stop

    async def refusals(self) -> list[StopRow]:
        """See ``ExecutionLists.refusals``: the newest of one scope."""
        wanted = {**next(self._turns), "openOnly": 1, "orderFilter": "StopOrder", "limit": ORDERS_PAGE}
        rows, _ = page(await self._ask(self._open, wanted), "ended conditional orders")
        return [_stop_row(r) for r in rows if text_of(r, "orderStatus") == _REJECTED and only_reduces(r)]

    async def _pages(
        self, endpoint: Endpoint, params: Mapping[str, Any], size: int
    ) -> tuple[list[Mapping[str, Any]], bool]:
        found: list[Mapping[str, Any]] = []
        cursor: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            rows, following = page(await self._ask(endpoint, {**params, "limit": size, **cursor}), "executions")
            found += rows
            if not following or not rows:
                return found, True
            cursor = {"cursor": following}
        return found, False


def _is_order(row: Mapping[str, Any]) -> bool:
    """Whether a row is an order by now: one that waits for its trigger is not, nor one that was refused then."""
    status = text_of(row, "orderStatus")
    return status not in _CONDITIONAL and not (status == _REJECTED and told(row, "stopOrderType"))


def _order_row(row: Mapping[str, Any]) -> OrderRow:
    status, reduces = text_of(row, "orderStatus"), only_reduces(row)
    return OrderRow(
        market=text_of(row, "symbol"),
        id=text_of(row, "orderId"),
        client_order_id=told(row, "orderLinkId"),
        status=status,
        ending=_ENDED.get(status),
        side=_side(row),
        price=price_of(row, "price") or Decimal(0),
        quantity=decimal_of(row, "qty"),
        reduces=reduces,
        created=whole(row, "createdTime"),
        updated=whole(row, "updatedTime"),
        forced=_forced(row),
        stop=_forced(row) == LIQUIDATED or (reduces and _protects(row)),
    )


def _protects(row: Mapping[str, Any]) -> bool:
    kind = told(row, "stopOrderType")
    if kind != _ALONE:
        return kind in _STOPS
    return (row.get("side"), row.get("triggerDirection")) in (("Sell", _FALLS), ("Buy", _RISES))


def _forced(row: Mapping[str, Any]) -> str:
    made, kind = told(row, "createType"), told(row, "execType")
    if made in ("CreateByLiq", "CreateByTakeOver_PassThrough") or kind == "BustTrade":
        return LIQUIDATED
    return DELEVERAGED if made == "CreateByAdl_PassThrough" or kind == "AdlTrade" else ""


def _fill_row(row: Mapping[str, Any]) -> FillRow:
    return FillRow(
        market=text_of(row, "symbol"),
        id=text_of(row, "execId"),
        order_id=text_of(row, "orderId"),
        side=_side(row),
        price=decimal_of(row, "execPrice"),
        quantity=decimal_of(row, "execQty"),
        time=whole(row, "execTime"),
        stop=_forced(row) == LIQUIDATED,
    )


def _stop_row(row: Mapping[str, Any]) -> StopRow:
    return StopRow(
        market=text_of(row, "symbol"),
        id=text_of(row, "orderId"),
        client_order_id=told(row, "orderLinkId"),
        status=text_of(row, "orderStatus"),
        side=_side(row),
        price=price_of(row, "triggerPrice") or Decimal(0),
        quantity=decimal_of(row, "qty"),
        updated=whole(row, "updatedTime"),
    )


def _side(row: Mapping[str, Any]) -> str:
    side = _SIDES.get(text_of(row, "side"))
    if side is None:
        raise VenueUnknownError("side is neither Buy nor Sell")
    return side
