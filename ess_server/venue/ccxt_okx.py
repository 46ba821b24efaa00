"""One OKX account through ccxt: contracts, in any position mode and margin mode."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from ess_server.venue import okx_rows
from ess_server.venue.budget import BudgetLimits, Purpose, RequestBudget
from ess_server.venue.calls import all_of, cut
from ess_server.venue.credentials import Credentials
from ess_server.venue.examine_okx import SEND_BURST, SENDS_PER_SECOND, examine_okx
from ess_server.venue.examining import Sources, limits_of
from ess_server.venue.listed_executions import ListedExecutions, ListedHistory
from ess_server.venue.markets import Markets
from ess_server.venue.okx_executions import OkxLists
from ess_server.venue.okx_holdings import OkxHoldings
from ess_server.venue.okx_reading import SNAPSHOT_WEIGHT, OkxReader
from ess_server.venue.okx_rows import Holding
from ess_server.venue.okx_strict import EXPIRY, open_okx
from ess_server.venue.signed import SignedCalls, disconnect
from ess_server.venue.strict import VenueError
from ess_server.venue.timers import OkxTimer
from ess_server.venue.usdm_rows import within

BUDGET = BudgetLimits(per_minute=6000, burst=300, per_second=50, reserve=120, window=(400, 2.1), per_account=True)
"""In twentieths of a request to the list of conditional orders, the scarcest: 20 in any two seconds.

A flatten may use all of a span; what else is read comes out of a steady income.
"""
ACCOUNT_WEIGHT, WITNESS_WEIGHT, LOOK_WEIGHT = 20, 4, 4
"""The balance has a limit of its own; a flatten that proves itself must not wait for the lists' sake."""
SEND_WINDOW_MS = 1750
"""Validity of an order: the promised 2 s less the error of the clock estimate. OKX has none for cancels."""
CANCELS, ALGO_CANCELS = 20, 10
"""Orders in one request."""
MAX_PARTS = 50
"""Orders of one close: the exchange takes 60 of a contract in two seconds; the next attempt closes what is left."""
CONCURRENCY = 20
CURRENCY = "USDT"

_GONE = frozenset({51400, 51401, 51402, 51410, 51603})
_WRONG_TIME, _EXPIRED = 50102, 50036
_BELOW_MINIMUM = frozenset({51007, 51020, 51120})
_NEW_RULES = frozenset({51121, 51202})
"""Refusals of what keeps to the sizes that are known here: they are known no more."""

Endpoint = Callable[[Any], Awaitable[Any]]


class OkxClient:
    """An ``ExchangeClient`` and ``ExecutionReader``. Speaks the raw endpoints: no parser in between can drop a row.

    Quantities are in base units. A position is closed in the margin mode in which it is held; what is held in both
    modes on one side is one position. Closes are reduce-only in net mode; in long/short mode they name the leg.
    Nothing is sent twice by this class but what the exchange refused for a wrong clock, before it looked at it.
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
        self.hedge_mode: bool | None = None
        self._clock = clock
        self._budget = budget
        self._session = session
        self._exchange = open_okx(credentials, budget, session)
        self._markets = Markets(self._exchange, clock, dict)
        self._calls = SignedCalls(budget, self._markets, lambda error: error.code == _WRONG_TIME)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._holdings = OkxHoldings(self._markets)
        self._reader = OkxReader(
            self._exchange, self._signed, clock=clock, budget=budget, markets=self._markets, holdings=self._holdings
        )
        self._economy = self._reader.economy
        self._looking = asyncio.Semaphore(1)
        self.dead_man = OkxTimer(self._exchange, budget)
        lists = OkxLists(
            self._exchange, self._observe, lambda market: self._holdings.worth(self._markets.symbol_of(market))
        )
        self._executions = ListedExecutions(account.id, lists, self._markets.symbol_of, history or ListedHistory())

    def __repr__(self) -> str:
        return f"OkxClient({self.account.id!r})"

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``; refreshes what is old when called again."""
        await self._markets.sync_clock()
        await self._markets.load()
        self.hedge_mode = okx_rows.hedge_mode(await self._signed(self._exchange.privateGetAccountConfig, {}))

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``, and ``OkxReader`` for what it leaves out. Raises ReadBudgetError."""
        return await self._reader.snapshot(self.witness)

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``."""
        exchange = self._exchange
        self._economy.cancelling()
        plain = [{"instId": self._markets.id_of(o.symbol), "ordId": o.id} for o in orders if not o.conditional]
        algos = [{"instId": self._markets.id_of(o.symbol), "algoId": o.id} for o in orders if o.conditional]
        await all_of(
            [
                *(self._cancelled(exchange.privatePostTradeCancelBatchOrders, part) for part in cut(plain, CANCELS)),
                *(self._cancelled(exchange.privatePostTradeCancelAlgos, part) for part in cut(algos, ALGO_CANCELS)),
            ],
            "cancel",
        )

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``. Raises BelowMinimumError if the market takes no order so small."""
        parts = self._holdings.parts(position)
        if not parts:
            raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the market's minimum")
        price = None
        if limit is not None:
            price = within(limit, self._holdings.rules(position.symbol), selling=position.long)
        with self._economy.closing(position):
            await all_of(
                [
                    self._close_part(holding, size, price, f"{client_order_id}-{n}")
                    for n, (holding, size) in enumerate(parts[:MAX_PARTS])
                ],
                "close",
            )

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``: the margin that the account holds. Raises ReadBudgetError if it must wait."""
        await self._markets.usable()
        self._budget.read(WITNESS_WEIGHT, Purpose.FLATTEN)
        found = okx_rows.witness(await self._signed(self._exchange.privateGetAccountBalance, {}))
        self._economy.testify(found)
        return found

    def roused(self) -> None:
        """See ``Thrifty.roused``."""
        self._economy.roused()

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``. Raises ReadBudgetError if it must wait."""
        await self._markets.ready()
        self._budget.read(ACCOUNT_WEIGHT, Purpose.EQUITY)
        reply = await self._signed(self._exchange.privateGetAccountBalance, {})
        return okx_rows.equity(reply, CURRENCY), CURRENCY

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        limits = limits_of(
            BUDGET,
            SNAPSHOT_WEIGHT,
            burst=SEND_BURST,
            per_second=SENDS_PER_SECOND,
            batch=CANCELS,
            concurrency=CONCURRENCY,
        )
        sources = Sources(
            client=self,
            exchange=self._exchange,
            markets=self._markets,
            clock=self._clock,
            read=lambda endpoint: self._signed(endpoint, {}),
            limits=limits,
            send_valid=timedelta(milliseconds=SEND_WINDOW_MS),
        )
        return await examine_okx(sources)

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """See ``ExecutionReader.executions``."""
        await self._markets.ready()
        read_to = await self._executions.look(self._markets.venue_time(), deliver)
        return datetime.fromtimestamp(read_to / 1000, UTC)

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        await disconnect(self._markets, self._exchange, self._session)

    async def _cancelled(self, endpoint: Endpoint, orders: list[dict[str, str]]) -> None:
        for code, message in okx_rows.failures_of(await self._signed(endpoint, orders), "cancel"):
            if code not in _GONE:
                raise VenueError(f"{code} {message}", code)

    async def _close_part(self, holding: Holding, size: Decimal, price: str | None, client_order_id: str) -> None:
        params: dict[str, Any] = {
            "instId": holding.instrument,
            "tdMode": holding.margin_mode,
            "side": "sell" if holding.long else "buy",
            "ordType": "market",
            "sz": f"{size:f}",
            # OKX takes letters and digits only.
            "clOrdId": client_order_id.replace("-", "x"),
        }
        params |= {"posSide": holding.leg} if holding.hedged else {"reduceOnly": True}
        params |= {} if price is None else {"ordType": "ioc", "px": price}
        for code, message in await self._placed(params):
            if code in _BELOW_MINIMUM:
                raise BelowMinimumError(f"{code} {message}")
            if code in _NEW_RULES:
                await self._markets.relearn(holding.symbol)
            raise VenueError(f"{code} {message}", code)

    async def _placed(self, params: Mapping[str, Any]) -> list[tuple[int, str]]:
        """Send an order and return why it was refused; one that came too late by a wrong clock is sent once more."""
        endpoint = self._exchange.privatePostTradeOrder
        failures = okx_rows.failures_of(await self._signed(endpoint, params, expires=True), "close")
        if all(code != _EXPIRED for code, _ in failures):
            return failures
        await self._markets.sync_clock()
        return okx_rows.failures_of(await self._signed(endpoint, params, expires=True), "close")

    async def _observe(self, endpoint: Endpoint, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        self._budget.read(LOOK_WEIGHT, Purpose.EXECUTIONS)
        async with self._looking:
            return await self._signed(endpoint, dict(params))

    async def _signed(self, endpoint: Endpoint, params: Any, *, weight: float = 0, expires: bool = False) -> Any:  # noqa: ANN401 - JSON
        return await self._calls.make(
            lambda: endpoint(self._stamped(params) if expires else params), self._slots, weight=weight
        )

    def _stamped(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Add the validity: it begins when a request goes out, not when it begins to wait for its turn."""
        return {**params, EXPIRY: self._markets.venue_time() + SEND_WINDOW_MS}
