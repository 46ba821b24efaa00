"""Looks for what became of the orders of one Binance USD-M account since the last look."""

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ess_server.core.errors import VenueUnknownError
from ess_server.core.order_ids import is_closing_order
from ess_server.core.readings import ExecutionReport
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.venue.execution_reports import Reports
from ess_server.venue.usdm_execution_rows import (
    FillRow,
    OrderRow,
    StopRow,
    fill_rows,
    is_stop,
    order_row,
    order_rows,
    stop_rows,
)
from ess_server.venue.usdm_rows import SymbolOf, rows_of, text_of

LIST_WEIGHT = 5
"""Of each list that is read: account, orders, fills or conditional orders."""
ORDER_WEIGHT = 1
PAGE = 1000
"""Rows that the exchange gives at most."""
MAX_PAGES = 10
"""Pages of one list in one look. Longer lists of fills are read on by the next look, of orders are an error."""
MAX_MARKETS = 8
"""Markets whose fills are read in one look; the others keep their turn."""
READ_TWICE = 2
"""A market whose account row has changed is read by two looks: the exchange's lists may lag behind each other."""
OVERLAP_MS = 30_000
"""How far back each look reads again: what shows late, and how orders ended that it saw accepted."""
LONGEST_MS = 6 * 86_400_000
"""How far back a look reads at most: the exchange gives seven days."""

_REFUSED = "REJECTED"


class Ask(Protocol):
    """Makes a signed read; raises ReadBudgetError while what is more urgent needs the weight."""

    def __call__(self, endpoint: str, params: Mapping[str, Any], weight: float, /) -> Awaitable[Any]:
        """Return the reply."""


@dataclass(slots=True)
class ExecutionHistory:
    """What has been read of one account; it outlives the client, which may be opened anew.

    Times are milliseconds of the exchange's clock. ``since`` is where reading began, ``read_to`` up to where orders
    have been read, ``complete_to`` up to where fills have been too. ``known`` are the orders within the overlap.
    ``fills`` are the fills of each market within the overlap, by number, or the last one. ``shown`` is what the
    account last showed of each market, ``due`` how often the fills of which markets have yet to be read, ``refused``
    the conditional orders whose refusal has been told.
    """

    since: int = 0
    read_to: int = 0
    complete_to: int = 0
    known: dict[tuple[str, int], OrderRow] = field(default_factory=dict)
    fills: dict[str, dict[int, int]] = field(default_factory=dict)
    shown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wallets: tuple[tuple[str, str], ...] = ()
    due: dict[str, int] = field(default_factory=dict)
    turn: list[str] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)


class UsdmExecutions:
    """One look after the other. Each market's reports are delivered as soon as they are complete, and only once.

    The account names the markets: a market whose row has changed, come or gone has traded, and so has one of whose
    new orders something is filled. Where money moved that none of them explains, all are read.
    """

    def __init__(
        self, account: str, ask: Ask, symbol_of: SymbolOf, history: ExecutionHistory, *, page: int = PAGE
    ) -> None:
        self._ask = ask
        self._page = page
        self._reports = Reports(account, symbol_of)
        self._seen = history

    async def look(self, now: int, account: object, deliver: DeliverExecutions) -> int:
        """Read on, at the exchange's time ``now``, and return up to which time nothing is left to read.

        ``account`` is a reply of the account endpoint that is newer than the last look. Raises VenueUnknownError,
        ReadBudgetError and what asking raises; the next look goes on where this one failed.
        """
        seen = self._seen
        if not seen.since:
            seen.since = now
        if not seen.read_to:
            seen.read_to = seen.complete_to = seen.since
        self._compare(account)
        complete = await self._orders(now, deliver)
        for market in [*seen.due][:MAX_MARKETS]:
            # To the end of the queue first: one that cannot be read must not keep the others from their turn.
            seen.due[market] = seen.due.pop(market)
            await self._market(market, now, deliver)
        await self._next_stops(deliver)
        if not complete:
            raise VenueUnknownError(f"more than {self._page} orders at a time: not all of them were read")
        if not seen.due:
            seen.complete_to = seen.read_to
        return seen.complete_to - OVERLAP_MS

    def _compare(self, account: object) -> None:
        seen = self._seen
        shown, wallets = _shown(account), _wallets(account)
        changed = [m for m in {**shown, **seen.shown} if shown.get(m) != seen.shown.get(m)]
        if not changed and wallets != seen.wallets:
            changed = [*shown]
        seen.due.update(dict.fromkeys(changed, READ_TWICE))
        seen.shown, seen.wallets = shown, wallets

    async def _orders(self, now: int, deliver: DeliverExecutions) -> bool:
        """Read the orders of all markets that were made since the last look, and some before; False if not all."""
        seen = self._seen
        start = max(seen.since, seen.read_to - OVERLAP_MS, now - LONGEST_MS)
        rows, complete = await self._order_pages(start)
        reports: list[ExecutionReport] = []
        known = {key: row for key, row in seen.known.items() if row.created >= start}
        for row in rows:
            before = known.get((row.market, row.id))
            known[row.market, row.id] = row
            if row.filled != (before.filled if before else 0):
                seen.due[row.market] = READ_TWICE
            if not is_closing_order(row.client_order_id):
                reports += self._news(row, before)
        seen.known = known
        seen.read_to = max(now, seen.read_to)
        if reports:
            deliver(reports)
        return complete

    def _news(self, row: OrderRow, before: OrderRow | None) -> Iterable[ExecutionReport]:
        if before is None:
            yield self._reports.accepted(row)
        ended = self._reports.ended(row)
        if ended is not None and (before is None or before.status != row.status):
            yield ended

    async def _order_pages(self, start: int) -> tuple[list[OrderRow], bool]:
        """Read all orders from ``start`` on, whichever end of a long list the exchange gives first."""
        spans: list[tuple[int, int | None]] = [(start, None)]
        found: dict[tuple[str, int], OrderRow] = {}
        for _ in range(MAX_PAGES):
            first, last = spans.pop()
            end = {} if last is None else {"endTime": last}
            rows = order_rows(
                await self._ask("allOrders", {"startTime": first, "limit": self._page, **end}, LIST_WEIGHT)
            )
            fresh = [row for row in rows if (row.market, row.id) not in found]
            found |= {(row.market, row.id): row for row in rows}
            if len(rows) >= self._page and fresh:
                times = [row.created for row in rows]
                spans += [(max(times), last), (first, min(times))]
            if not spans:
                break
        return sorted(found.values(), key=lambda row: (row.created, row.id)), not spans

    async def _market(self, market: str, now: int, deliver: DeliverExecutions) -> None:
        """Read the fills of a market since the last time, and what its protective stops did."""
        seen = self._seen
        before = seen.fills.get(market, {})
        rows, complete = await self._fill_pages(market, now, before)
        fills = [f for f in rows if f.id not in before]
        stops = await self._stops(market)
        orders = {number: await self._order(market, number) for number in dict.fromkeys(f.order_id for f in fills)}
        # That an order is older than our reading has to be told too: after a stop it is not one that came late.
        reports = [self._reports.accepted(o) for o in orders.values() if o.created < seen.since]
        for fill in fills:
            order = orders[fill.order_id]
            reports.append(self._reports.filled(fill, order, stop_loss=is_stop(order, stops)))
        reports = [r for r in reports if not is_closing_order(r.client_order_id)] + self._refusals(stops)
        times = before | {f.id: f.time for f in fills}
        if times:
            newest = max(times)
            oldest = times[newest] - (OVERLAP_MS if complete else 0)
            seen.fills[market] = {i: t for i, t in times.items() if i == newest or t >= oldest}
        if complete:
            seen.due[market] -= 1
        if not seen.due[market]:
            del seen.due[market]
        if reports:
            deliver(reports)

    async def _fill_pages(self, market: str, now: int, before: Mapping[int, int]) -> tuple[list[FillRow], bool]:
        """Read the fills of a market; False if there are more."""
        since = max(self._seen.since, now - LONGEST_MS)
        params: dict[str, Any] = {"fromId": min(before)} if before else {"startTime": since}
        found: dict[int, FillRow] = {}
        complete = False
        for _ in range(MAX_PAGES):
            rows = fill_rows(
                await self._ask("userTrades", {"symbol": market, "limit": self._page, **params}, LIST_WEIGHT)
            )
            found |= {row.id: row for row in rows}
            complete = len(rows) < self._page
            if complete:
                break
            params = {"fromId": max(row.id for row in rows) + 1}
        return sorted(found.values(), key=lambda row: row.id), complete

    async def _order(self, market: str, number: int) -> OrderRow:
        known = self._seen.known.get((market, number))
        if known is not None:
            return known
        return order_row(await self._ask("order", {"symbol": market, "orderId": number}, ORDER_WEIGHT))

    async def _stops(self, market: str) -> list[StopRow]:
        return stop_rows(await self._ask("allAlgoOrders", {"symbol": market, "limit": self._page}, LIST_WEIGHT))

    async def _next_stops(self, deliver: DeliverExecutions) -> None:
        """Look at the protective stops of one market with a position or orders: a refused one shows nowhere else."""
        seen = self._seen
        waiting = [m for m in seen.turn if m in seen.shown] or sorted(seen.shown)
        if waiting:
            reports = self._refusals(await self._stops(waiting[0]))
            seen.turn = waiting[1:]
            if reports:
                deliver(reports)

    def _refusals(self, stops: Iterable[StopRow]) -> list[ExecutionReport]:
        seen = self._seen
        fresh = [s for s in stops if s.status == _REFUSED and s.updated >= seen.since and s.id not in seen.refused]
        seen.refused.update(s.id for s in fresh)
        return [self._reports.refused(s) for s in fresh]


def _shown(account: object) -> dict[str, tuple[str, ...]]:
    """Return what tells of trades in each market with a position or orders. Raises VenueUnknownError."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows_of(account.get("positions") if isinstance(account, Mapping) else None, "account positions"):
        market = text_of(row, "symbol")
        leg = (text_of(row, "positionSide"), text_of(row, "positionAmt"), text_of(row, "updateTime"))
        found[market] = found.get(market, ()) + leg
    return found


def _wallets(account: object) -> tuple[tuple[str, str], ...]:
    """Return the balances without what open positions are worth. Raises VenueUnknownError."""
    rows = rows_of(account.get("assets") if isinstance(account, Mapping) else None, "account assets")
    return tuple((text_of(row, "asset"), text_of(row, "walletBalance")) for row in rows)
