"""Orders, fills and conditional orders of an OKX account, checked row by row."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import cycle
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.readings import ExecutionType
from ess_server.venue.execution_reports import DELEVERAGED, LIQUIDATED
from ess_server.venue.execution_rows import FillRow, OrderRow, StopRow
from ess_server.venue.listed_executions import MAX_PAGES, Ask, Endpoint
from ess_server.venue.okx_rows import data_of, only_reduces
from ess_server.venue.okx_strict import StrictOkx
from ess_server.venue.usdm_execution_rows import whole
from ess_server.venue.usdm_rows import decimal_of, price_of, text_of, told

PAGE = 100
KINDS = ("SWAP", "FUTURES")
"""Ended orders are listed for each of these apart; orders of options are seen when they fill."""
PROTECTING = ("conditional,oco", "trigger", "move_order_stop")
"""Kinds of conditional orders that may protect; one of them is looked at for refusals in each look."""
_FORCED = {
    "full_liquidation": LIQUIDATED,
    "partial_liquidation": LIQUIDATED,
    "adl": DELEVERAGED,
}
_ENDED = {"canceled": ExecutionType.CANCELED, "mmp_canceled": ExecutionType.CANCELED}

WorthOf = Callable[[str], Decimal]
"""Base units of one contract of a market."""


class OkxLists:
    """See ``ExecutionLists``."""

    def __init__(self, exchange: StrictOkx, ask: Ask, worth_of: WorthOf) -> None:
        self._exchange = exchange
        self._ask = ask
        self._worth_of = worth_of
        self._turns = cycle(PROTECTING)

    async def orders(self, since: int) -> tuple[list[OrderRow], bool]:
        """See ``ExecutionLists.orders``: open orders, and ended ones of contracts."""
        rows, complete = await self._pages(self._exchange.privateGetTradeOrdersPending, {}, "ordId")
        for kind in KINDS:
            ended, all_of_them = await self._pages(
                self._exchange.privateGetTradeOrdersHistory, {"instType": kind, "begin": since}, "ordId"
            )
            rows, complete = rows + ended, complete and all_of_them
        # An order that ended between the two lists is in both: what is told last counts.
        found = {row.id: row for row in map(self._order_row, rows)}
        return [row for row in found.values() if row.created >= since], complete

    async def fills(self, since: int) -> tuple[list[FillRow], bool]:
        """See ``ExecutionLists.fills``."""
        rows, complete = await self._pages(self._exchange.privateGetTradeFills, {"begin": since}, "billId")
        return [self._fill_row(row) for row in rows], complete

    async def order(self, fill: FillRow) -> OrderRow:
        """See ``ExecutionLists.order``."""
        reply = await self._ask(self._exchange.privateGetTradeOrder, {"instId": fill.market, "ordId": fill.order_id})
        return self._order_row(_only(reply, "order"))

    async def is_stop(self, fill: FillRow, order: OrderRow) -> bool:
        """See ``ExecutionLists.is_stop``: what the conditional order behind it was tells a stop from a profit."""
        if order.stop or not (order.parent and order.reduces):
            return order.stop
        row = _only(
            await self._ask(self._exchange.privateGetTradeOrderAlgo, {"algoId": order.parent}), "conditional order"
        )
        kind, fired = text_of(row, "ordType"), told(row, "actualSide")
        if kind == "trigger":
            # It tells neither which way it waited nor what for.
            return fill.lost
        if fired in ("sl", "tp"):
            return fired == "sl"
        return kind == "move_order_stop" or bool(told(row, "slTriggerPx") and not told(row, "tpTriggerPx"))

    async def refusals(self) -> list[StopRow]:
        """See ``ExecutionLists.refusals``: the newest of one kind."""
        wanted = {"ordType": next(self._turns), "state": "order_failed", "limit": PAGE}
        rows = data_of(
            await self._ask(self._exchange.privateGetTradeOrdersAlgoHistory, wanted), "refused conditional orders"
        )
        return [self._stop_row(row) for row in rows if only_reduces(row)]

    async def _pages(
        self, endpoint: Endpoint, params: Mapping[str, Any], key: str
    ) -> tuple[list[Mapping[str, Any]], bool]:
        found: list[Mapping[str, Any]] = []
        after: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            rows = data_of(await self._ask(endpoint, {**params, "limit": PAGE, **after}), "executions")
            found += rows
            if len(rows) < PAGE:
                return found, True
            after = {"after": text_of(rows[-1], key)}
        return found, False

    def _order_row(self, row: Mapping[str, Any]) -> OrderRow:
        market, state = text_of(row, "instId"), text_of(row, "state")
        forced = _FORCED.get(told(row, "category"), "")
        return OrderRow(
            market=market,
            id=text_of(row, "ordId"),
            client_order_id=told(row, "clOrdId"),
            status=state,
            ending=_ENDED.get(state),
            side=_side(row),
            price=price_of(row, "px") or Decimal(0),
            quantity=decimal_of(row, "sz") * self._worth_of(market),
            reduces=only_reduces(row),
            created=whole(row, "cTime"),
            updated=whole(row, "uTime"),
            forced=forced,
            stop=forced == LIQUIDATED,
            parent=told(row, "algoId"),
        )

    def _fill_row(self, row: Mapping[str, Any]) -> FillRow:
        market = text_of(row, "instId")
        return FillRow(
            market=market,
            # Trades are numbered anew in each market, and forced ones not at all.
            id=text_of(row, "billId"),
            order_id=text_of(row, "ordId"),
            side=_side(row),
            price=decimal_of(row, "fillPx"),
            quantity=decimal_of(row, "fillSz") * self._worth_of(market),
            time=whole(row, "ts"),
            lost=told(row, "fillPnl").startswith("-"),
        )

    def _stop_row(self, row: Mapping[str, Any]) -> StopRow:
        market = text_of(row, "instId")
        return StopRow(
            market=market,
            id=text_of(row, "algoId"),
            client_order_id=told(row, "algoClOrdId"),
            status=text_of(row, "state"),
            side=_side(row),
            price=price_of(row, "slTriggerPx") or price_of(row, "triggerPx") or Decimal(0),
            quantity=(price_of(row, "sz") or Decimal(0)) * self._worth_of(market),
            updated=whole(row, "uTime"),
        )


def _only(reply: object, name: str) -> Mapping[str, Any]:
    rows = data_of(reply, name)
    if len(rows) != 1:
        raise VenueUnknownError(f"{name}: {len(rows)} rows in place of one")
    return rows[0]


def _side(row: Mapping[str, Any]) -> str:
    side = text_of(row, "side")
    if side not in ("buy", "sell"):
        raise VenueUnknownError("side is neither buy nor sell")
    return side
