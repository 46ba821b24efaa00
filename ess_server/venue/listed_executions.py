"""Looks for what became of the orders of one account, on exchanges whose lists cover all markets at once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ess_server.core.errors import VenueUnknownError
from ess_server.core.order_ids import is_closing_order
from ess_server.core.readings import ExecutionReport
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.venue.execution_reports import Reports
from ess_server.venue.execution_rows import FillRow, OrderRow, StopRow
from ess_server.venue.usdm_rows import SymbolOf

MAX_PAGES = 10
"""Pages of one list in one look."""
OVERLAP_MS = 30_000
"""How far back each look reads again: what shows late, and how orders ended that it saw accepted."""
LONGEST_MS = int(2.5 * 86_400_000)
"""How far back a look reads at most: OKX gives fills of three days."""


Endpoint = Callable[[Any], Awaitable[Any]]
"""A method of the exchange's class in ccxt."""


class Ask(Protocol):
    """Makes a signed read; raises ReadBudgetError while what is more urgent needs the weight."""

    def __call__(self, endpoint: Endpoint, params: Mapping[str, Any], /) -> Awaitable[Any]:
        """Return the reply."""


class ExecutionLists(Protocol):
    """An exchange's lists. Whatever has not the expected shape raises VenueUnknownError."""

    async def orders(self, since: int) -> tuple[list[OrderRow], bool]:
        """Return the orders that were made at this time of the exchange or later, and whether that is all."""

    async def fills(self, since: int) -> tuple[list[FillRow], bool]:
        """Return the executions at this time or later, and whether that is all."""

    async def order(self, fill: FillRow) -> OrderRow:
        """Return the order that has filled."""

    async def is_stop(self, fill: FillRow, order: OrderRow) -> bool:
        """Tell whether a fill is that of a protective stop, or of the exchange's own order."""

    async def refusals(self) -> list[StopRow]:
        """Return protective stops whose orders were refused lately; each call may read another part."""


@dataclass(slots=True)
class ListedHistory:
    """What has been read of one account; it outlives the client, which may be opened anew.

    Times are milliseconds of the exchange's clock. ``since`` is where reading began, ``read_to`` up to where it has
    come. ``known`` are the orders, ``fills`` the times of the fills within the overlap, ``refused`` the protective
    stops whose refusal has been told.
    """

    since: int = 0
    read_to: int = 0
    known: dict[str, OrderRow] = field(default_factory=dict)
    fills: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


class ListedExecutions:
    """One look after the other; every report is delivered once, whichever part of a look fails."""

    def __init__(self, account: str, lists: ExecutionLists, symbol_of: SymbolOf, history: ListedHistory) -> None:
        self._lists = lists
        self._reports = Reports(account, symbol_of)
        self._seen = history

    async def look(self, now: int, deliver: DeliverExecutions) -> int:
        """Read on, at the exchange's time ``now``, and return up to which time nothing is left to read.

        Raises VenueUnknownError, ReadBudgetError and what asking raises; the next look goes on where this one failed.
        """
        seen = self._seen
        seen.since = seen.since or now
        start = max(seen.since, (seen.read_to or seen.since) - OVERLAP_MS, now - LONGEST_MS)
        all_orders = await self._orders(start, deliver)
        all_fills = await self._fills(start, deliver)
        await self._refusals(deliver)
        seen.read_to = max(now, seen.read_to)
        if not (all_orders and all_fills):
            raise VenueUnknownError("more orders or fills at a time than one look reads: not all of them were read")
        return seen.read_to - OVERLAP_MS

    async def _orders(self, start: int, deliver: DeliverExecutions) -> bool:
        seen = self._seen
        rows, complete = await self._lists.orders(start)
        reports: list[ExecutionReport] = []
        known = {id_: row for id_, row in seen.known.items() if row.created >= start}
        for row in sorted(rows, key=lambda row: row.created):
            before = known.get(row.id)
            known[row.id] = row
            if not is_closing_order(row.client_order_id):
                reports += self._news(row, before)
        seen.known = known
        if reports:
            deliver(reports)
        return complete

    def _news(self, row: OrderRow, before: OrderRow | None) -> list[ExecutionReport]:
        news = [self._reports.accepted(row)] if before is None else []
        ended = self._reports.ended(row)
        if ended is not None and (before is None or before.status != row.status):
            news.append(ended)
        return news

    async def _fills(self, start: int, deliver: DeliverExecutions) -> bool:
        seen = self._seen
        rows, complete = await self._lists.fills(start)
        told = {id_: time for id_, time in seen.fills.items() if time >= start}
        seen.fills = told
        orders = dict(seen.known)
        reports: list[ExecutionReport] = []
        try:
            for fill in sorted(rows, key=lambda row: row.time):
                if fill.id not in told:
                    reports += await self._fill(fill, orders)
                    told[fill.id] = fill.time
        finally:
            if reports:
                deliver(reports)
        return complete

    async def _fill(self, fill: FillRow, orders: dict[str, OrderRow]) -> list[ExecutionReport]:
        reports = []
        if fill.order_id not in orders:
            order = orders[fill.order_id] = await self._lists.order(fill)
            # That an order is older than our reading has to be told too: after a stop it is not one that came late.
            reports = [self._reports.accepted(order)] if order.created < self._seen.since else []
        order = orders[fill.order_id]
        if is_closing_order(order.client_order_id):
            return []
        stop_loss = await self._lists.is_stop(fill, order)
        return [*reports, self._reports.filled(fill, order, stop_loss=stop_loss)]

    async def _refusals(self, deliver: DeliverExecutions) -> None:
        seen = self._seen
        stops = await self._lists.refusals()
        fresh = [s for s in stops if s.updated >= seen.since and s.id not in seen.refused]
        seen.refused.update(s.id for s in fresh)
        if fresh:
            deliver([self._reports.refused(s) for s in fresh])
