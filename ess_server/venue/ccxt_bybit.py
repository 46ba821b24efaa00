"""One Bybit unified account through ccxt: linear and inverse contracts, in any position mode."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp

from ess_server.core.examination import Examination
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue import bybit_rows
from ess_server.venue.budget import BudgetLimits, Purpose, RequestBudget
from ess_server.venue.bybit_calls import CONCURRENCY, SEND_WINDOW_MS, BybitCalls, Endpoint
from ess_server.venue.bybit_executions import BybitLists
from ess_server.venue.bybit_markets import BybitMarkets
from ess_server.venue.bybit_strict import open_bybit
from ess_server.venue.calls import all_of, together
from ess_server.venue.credentials import Credentials
from ess_server.venue.examine_bybit import SEND_BURST, SENDS_PER_SECOND, examine_bybit
from ess_server.venue.examining import Sources, limits_of
from ess_server.venue.listed_executions import ListedExecutions, ListedHistory
from ess_server.venue.signed import disconnect
from ess_server.venue.strict import VenueError
from ess_server.venue.usdm_rows import decimal_of, ids_by_symbol, split, within

SCOPES: tuple[Mapping[str, str], ...] = (
    {"category": "linear", "settleCoin": "USDT"},
    {"category": "linear", "settleCoin": "USDC"},
    {"category": "inverse"},
)
"""Lists are told for each of these apart; a settle coin of linear contracts cannot be left out."""
BUDGET = BudgetLimits(per_minute=7200, burst=300, per_second=40, reserve=60)
"""In requests: the exchange takes 600 in any five seconds of one address."""
SNAPSHOT_WEIGHT = 2 * len(SCOPES)
ACCOUNT_WEIGHT = 1
ORDERS_PAGE, POSITIONS_PAGE = 50, 200
CANCELS = 10
"""Orders in one batch of cancels: each counts, and ten in a second are taken."""
FEW = 3
"""Symbols that are cancelled one by one: a stop of some symbols must not take orders that others get meanwhile."""
MAX_PARTS = 50
"""Orders of one close; what is left is closed by the next attempt."""
CURRENCY = "USDT"

_GONE = frozenset({110001, 110008, 110010})
_BELOW_MINIMUM = 110094
_NEW_RULES = 10001
"""Says of an order that keeps to the sizes that are known here that they are known no more, whatever else it says."""
_TOO_FEW = "exceeds minimum limit"


class BybitClient:
    """An ``ExchangeClient`` and ``ExecutionReader``. Speaks the raw endpoints: no parser in between can drop a row.

    Closes are reduce-only in both position modes and name their leg. Cancels and closes carry a validity below 2 s and
    are made again only where the exchange refused them unseen: for a wrong clock, or for an endpoint's limit.
    Options and spot are not covered. Quantities of inverse contracts are in contracts.
    """

    open_positions: int | None = None

    def __init__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None = None,
        history: ListedHistory | None = None,
    ) -> None:
        """``history`` continues the reading of executions where another client of the account ended."""
        self.account = account
        self._clock = clock
        self._budget = budget
        self._session = session
        self._exchange = open_bybit(credentials, budget, session)
        self._markets = BybitMarkets(self._exchange, clock)
        self._calls = BybitCalls(self._exchange, budget, self._markets)
        self._shown: dict[str, set[str]] = {}
        self._looking = asyncio.Semaphore(1)
        lists = BybitLists(self._exchange, self._observe, SCOPES)
        self._executions = ListedExecutions(account.id, lists, self._markets.symbol_of, history or ListedHistory())

    def __repr__(self) -> str:
        return f"BybitClient({self.account.id!r})"

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``; refreshes what is old when called again."""
        await self._markets.sync_clock()
        await self._markets.load()

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``. Raises ReadBudgetError if it must wait."""
        await self._markets.usable()
        self._budget.read(SNAPSHOT_WEIGHT, Purpose.FLATTEN)
        exchange = self._exchange
        lists = await together(
            *(self._calls.listed(exchange.privateGetV5PositionList, scope, POSITIONS_PAGE) for scope in SCOPES),
            *(self._calls.listed(exchange.privateGetV5OrderRealtime, scope, ORDERS_PAGE) for scope in SCOPES),
        )
        categories = {
            row["symbol"]: scope["category"]
            for scope, rows in zip((*SCOPES, *SCOPES), lists, strict=True)
            for row in rows
            if isinstance(row.get("symbol"), str)
        }
        await self._markets.learn(categories)
        symbol_of = self._markets.symbol_of
        self._markets.shown(categories)
        legs, rows = _joined(lists[: len(SCOPES)]), _joined(lists[len(SCOPES) :])
        positions, orders = bybit_rows.positions(legs, symbol_of), bybit_rows.open_orders(rows, symbol_of)
        self._shown = ids_by_symbol(orders)
        unnamed = self._markets.unnamed([*(o.symbol for o in orders), *(p.symbol for p in positions)])
        return VenueSnapshot(time=self._clock.now(), orders=orders, positions=positions, unnamed=unnamed)

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``.

        Where the last snapshot showed no other order of a symbol, all of the symbol are cancelled in one request, and
        where they are of many symbols and it showed no other order at all, all of each scope, with whatever has been
        added since.
        """
        given = ids_by_symbol(orders)
        whole = {symbol for symbol, ids in given.items() if ids >= self._shown.get(symbol, set())}
        if len(whole) > FEW and whole >= set(self._shown):
            calls = [self._cancel_all({"settleCoin": CURRENCY, **scope}) for scope in SCOPES[:2]]
            rest = [symbol for symbol in whole if self._markets.category(symbol) != "linear"]
        else:
            calls, rest = [], sorted(whole)
        calls += [self._cancel_all(self._markets.named(symbol)) for symbol in rest]
        parts = [(symbol, sorted(ids)) for symbol, ids in given.items() if symbol not in whole]
        calls += [
            self._cancel_batch(symbol, ids[n : n + CANCELS])
            for symbol, ids in parts
            for n in range(0, len(ids), CANCELS)
        ]
        await all_of(calls, "cancel")

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``. Raises BelowMinimumError if the market takes no order so small."""
        rules = self._markets.rules(position.symbol)
        price = None if limit is None else within(limit, rules, selling=position.long)
        parts = (position.quantity,) if rules is None else split(position.quantity, rules)
        if not parts:
            raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the market's minimum")
        await all_of(
            [
                self._close_part(position, part, price, f"{client_order_id}-{n}")
                for n, part in enumerate(parts[:MAX_PARTS])
            ],
            "close",
        )

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``: the margin that the account holds. Raises ReadBudgetError if it must wait."""
        await self._markets.usable()
        self._budget.read(ACCOUNT_WEIGHT, Purpose.FLATTEN)
        wanted = {"accountType": "UNIFIED"}
        return bybit_rows.witness(await self._calls.make(self._exchange.privateGetV5AccountWalletBalance, wanted))

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``. Raises ReadBudgetError if it must wait."""
        await self._markets.ready()
        self._budget.read(ACCOUNT_WEIGHT, Purpose.EQUITY)
        wanted = {"accountType": "UNIFIED", "coin": CURRENCY}
        reply = await self._calls.make(self._exchange.privateGetV5AccountWalletBalance, wanted)
        return decimal_of(bybit_rows.coin(reply, CURRENCY), "equity"), CURRENCY

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        limits = limits_of(
            BUDGET,
            SNAPSHOT_WEIGHT,
            burst=SEND_BURST,
            per_second=SENDS_PER_SECOND,
            batch=None,
            concurrency=CONCURRENCY,
        )
        sources = Sources(
            client=self,
            exchange=self._exchange,
            markets=self._markets,
            clock=self._clock,
            read=lambda endpoint: self._calls.make(endpoint, {}),
            limits=limits,
            send_valid=timedelta(milliseconds=SEND_WINDOW_MS),
        )
        return await examine_bybit(sources)

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """See ``ExecutionReader.executions``."""
        await self._markets.ready()
        read_to = await self._executions.look(self._markets.venue_time(), deliver)
        return datetime.fromtimestamp(read_to / 1000, UTC)

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        await disconnect(self._markets, self._exchange, self._session)

    async def _cancel_all(self, scope: Mapping[str, str]) -> None:
        await self._calls.send(self._exchange.privatePostV5OrderCancelAll, dict(scope))

    async def _cancel_batch(self, symbol: str, ids: list[str]) -> None:
        named = self._markets.named(symbol)
        wanted = [{"symbol": named["symbol"], "orderId": id_} for id_ in ids]
        sent = {"category": named["category"], "request": wanted}
        reply = await self._calls.send(self._exchange.privatePostV5OrderCancelBatch, sent)
        for code, message in bybit_rows.refusals(reply, len(ids)):
            if code not in _GONE:
                raise VenueError(f"{code} {message}", code)

    async def _close_part(self, position: Position, quantity: Decimal, price: str | None, client_order_id: str) -> None:
        params = {
            **self._markets.named(position.symbol),
            "side": "Sell" if position.long else "Buy",
            "orderType": "Market",
            "qty": f"{quantity:f}",
            "reduceOnly": True,
            "positionIdx": bybit_rows.LEGS[position.long] if position.hedged else 0,
            "orderLinkId": client_order_id,
        }
        if price is not None:
            params |= {"orderType": "Limit", "timeInForce": "IOC", "price": price}
        try:
            await self._calls.place(params)
        except VenueError as error:
            if error.code == _BELOW_MINIMUM or _TOO_FEW in str(error):
                raise BelowMinimumError(str(error)) from None
            if error.code == _NEW_RULES:
                await self._markets.relearn(position.symbol)
            raise

    async def _observe(self, endpoint: Endpoint, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        self._budget.read(1, Purpose.EXECUTIONS)
        async with self._looking:
            return await self._calls.make(endpoint, dict(params))


def _joined(lists: Sequence[list[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    return [row for rows in lists for row in rows]
