"""One Binance USD-M account through ccxt."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import aiohttp

from ess_server.core.examination import Examination
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue import usdm_rows
from ess_server.venue.budget import BudgetLimits, Purpose, RequestBudget
from ess_server.venue.calls import all_of, together
from ess_server.venue.credentials import Credentials
from ess_server.venue.examine_usdm import SEND_BURST, SENDS_PER_SECOND, examine_usdm
from ess_server.venue.examining import Sources, limits_of
from ess_server.venue.reading import ReadingEconomy
from ess_server.venue.signed import SignedCalls, disconnect
from ess_server.venue.strict import VenueError, open_exchange
from ess_server.venue.timers import UsdmTimers
from ess_server.venue.usdm_executions import ExecutionHistory, UsdmExecutions
from ess_server.venue.usdm_markets import UsdmMarkets

BUDGET = BudgetLimits(per_minute=2400, burst=1200, per_second=18, reserve=600)
"""The exchange counts 2,400 a minute and address; engines on the same address need their share."""
POSITIONS_WEIGHT, ORDERS_WEIGHT = 5, 80
"""Of the positions, and of both lists of orders without a symbol."""
SNAPSHOT_WEIGHT = POSITIONS_WEIGHT + ORDERS_WEIGHT
ACCOUNT_WEIGHT = 5
SEND_WINDOW_MS = 1750
"""Validity of a send: the promised 2 s less the error of the clock estimate."""
MAX_PARTS = 50
"""Orders of one close: the exchange takes 300 in ten seconds, and what is left is closed by the next attempt."""
CONCURRENCY = 20
CURRENCY = "USDT"

_GONE = frozenset({-2011, -2013})
_WRONG_TIME = -1021
_BELOW_MINIMUM = frozenset({-4003, -4004, -4164})
_NEW_RULES = frozenset({-1111, -4005, -4014, -4023})

Endpoint = Callable[[dict[str, Any]], Awaitable[Any]]


class BinanceUsdmClient:
    """An ``ExchangeClient`` and ``ExecutionReader``. Speaks the raw endpoints: no parser in between can drop a row.

    Closes are reduce-only in one-way mode; in hedge mode they name the leg, which the exchange neither flips nor
    overdraws. Cancels and closes carry a validity below 2 s and are never sent twice by this class; only a
    refusal for a wrong clock, which the exchange gives before it looks at the request, is tried once more.
    """

    def __init__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None = None,
        history: ExecutionHistory | None = None,
    ) -> None:
        """``history`` continues the reading of executions where another client of the account ended."""
        self.account = account
        self.hedge_mode: bool | None = None
        self._clock = clock
        self._budget = budget
        self._session = session
        self._exchange = open_exchange(credentials, budget, session)
        self._markets = UsdmMarkets(self._exchange, clock)
        self._signed = SignedCalls(budget, self._markets, lambda error: error.code == _WRONG_TIME)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._equity_slot = asyncio.Semaphore(1)
        self.open_positions: int | None = None
        self._looking = asyncio.Semaphore(1)
        self.dead_man = UsdmTimers(self._exchange, self._markets, budget)
        self._account: Any = None
        self._executions = UsdmExecutions(
            account.id, self._observe, self._markets.symbol_of, history or ExecutionHistory()
        )
        self._shown: dict[tuple[str, bool], set[str]] = {}
        self._economy = ReadingEconomy()

    def __repr__(self) -> str:
        return f"BinanceUsdmClient({self.account.id!r})"

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``; refreshes what is old when called again."""
        await self._markets.sync_clock()
        await self._markets.load()
        self.hedge_mode = usdm_rows.hedge_mode(await self._read(self._exchange.fapiPrivateGetPositionSideDual))

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``, and ``ReadingEconomy`` for what it may leave out while positions close.

        Raises ReadBudgetError if it must wait.
        """
        await self._markets.usable()
        if self._economy.positions_first:
            ahead = 0 if self._economy.may_suffice else ORDERS_WEIGHT
            self._budget.read(POSITIONS_WEIGHT, self._economy.purpose, ahead=ahead)
            self._economy.begin()
            legs = await self._read(self._exchange.fapiPrivateV3GetPositionRisk)
            await self._markets.learn(usdm_rows.ids_of(legs))
            positions = usdm_rows.positions(legs, self._markets.symbol_of)
            if self._economy.suffices(positions):
                return self._seen((), positions, partial=True)
            await self._economy.confirm(positions, self.witness)
            self._budget.read(ORDERS_WEIGHT, self._economy.purpose)
            plain, algos = await together(*self._lists())
        else:
            self._budget.read(SNAPSHOT_WEIGHT, self._economy.purpose)
            self._economy.begin()
            legs, plain, algos = await together(self._read(self._exchange.fapiPrivateV3GetPositionRisk), *self._lists())
        await self._markets.learn(usdm_rows.ids_of(legs, plain, algos))
        symbol_of = self._markets.symbol_of
        orders = (
            *usdm_rows.open_orders(plain, symbol_of, conditional=False),
            *usdm_rows.open_orders(algos, symbol_of, conditional=True),
        )
        positions = usdm_rows.positions(legs, symbol_of)
        self._economy.whole(orders, positions)
        return self._seen(orders, positions, partial=False)

    def _lists(self) -> tuple[Coroutine[Any, Any, Any], ...]:
        exchange = self._exchange
        return self._read(exchange.fapiPrivateGetOpenOrders), self._read(exchange.fapiPrivateGetOpenAlgoOrders)

    def _seen(self, orders: tuple[OpenOrder, ...], positions: tuple[Position, ...], *, partial: bool) -> VenueSnapshot:
        self._shown = _grouped(orders)
        unnamed = self._markets.unnamed([*(o.symbol for o in orders), *(p.symbol for p in positions)])
        return VenueSnapshot(
            time=self._clock.now(), orders=orders, positions=positions, unnamed=unnamed, partial=partial
        )

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``.

        Where the last snapshot showed no other order of a symbol and kind, all of that kind are cancelled in one
        request, with whatever has been added since.
        """
        calls = []
        self._economy.cancelling()
        for (symbol, conditional), ids in _grouped(orders).items():
            if ids >= self._shown.get((symbol, conditional), set()):
                calls.append(self._cancel_all(symbol, conditional=conditional))
            else:
                calls += [self._cancel_one(symbol, id_, conditional=conditional) for id_ in sorted(ids)]
        await all_of(calls, "cancel")

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``. Raises BelowMinimumError if the market takes no order so small."""
        rules = self._markets.rules(position.symbol)
        price = None if limit is None else usdm_rows.within(limit, rules, selling=position.long)
        parts = (position.quantity,) if rules is None else usdm_rows.split(position.quantity, rules)
        if not parts:
            raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the market's minimum")
        with self._economy.closing(position):
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
        found = usdm_rows.witness(await self._read(self._exchange.fapiPrivateV3GetAccount))
        self._economy.testify(found)
        return found

    def roused(self) -> None:
        """See ``Thrifty.roused``."""
        self._economy.roused()

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``. Raises ReadBudgetError if it must wait."""
        await self._markets.ready()
        self._budget.read(ACCOUNT_WEIGHT, Purpose.EQUITY)
        self._account = await self._signed.make(partial(self._exchange.fapiPrivateV3GetAccount, {}), self._equity_slot)
        self.open_positions = usdm_rows.open_positions(self._account)
        return usdm_rows.equity(self._account), CURRENCY

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """See ``ExecutionReader.executions``. What the account showed to ``equity`` since the last look is used."""
        await self._markets.ready()
        account, self._account = self._account, None
        if account is None:
            account = await self._observe("account", {}, ACCOUNT_WEIGHT)
        read_to = await self._executions.look(self._markets.venue_time(), account, deliver)
        return datetime.fromtimestamp(read_to / 1000, UTC)

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        limits = limits_of(
            BUDGET, SNAPSHOT_WEIGHT, burst=SEND_BURST, per_second=SENDS_PER_SECOND, batch=0, concurrency=CONCURRENCY
        )
        sources = Sources(
            client=self,
            exchange=self._exchange,
            markets=self._markets,
            clock=self._clock,
            read=self._read,
            limits=limits,
            send_valid=timedelta(milliseconds=SEND_WINDOW_MS),
        )
        return await examine_usdm(sources)

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        await disconnect(self._markets, self._exchange, self._session)

    async def _cancel_all(self, symbol: str, *, conditional: bool) -> None:
        exchange = self._exchange
        endpoint = exchange.fapiPrivateDeleteAlgoOpenOrders if conditional else exchange.fapiPrivateDeleteAllOpenOrders
        await self._cancelled(endpoint, {"symbol": self._markets.id_of(symbol)})

    async def _cancel_one(self, symbol: str, id_: str, *, conditional: bool) -> None:
        exchange = self._exchange
        if conditional:
            await self._cancelled(exchange.fapiPrivateDeleteAlgoOrder, {"algoId": id_})
        else:
            await self._cancelled(
                exchange.fapiPrivateDeleteOrder, {"symbol": self._markets.id_of(symbol), "orderId": id_}
            )

    async def _cancelled(self, endpoint: Endpoint, params: dict[str, Any]) -> None:
        try:
            await self._send(endpoint, params, weight=1)
        except VenueError as error:
            if error.code not in _GONE:
                raise

    async def _close_part(self, position: Position, quantity: Decimal, price: str | None, client_order_id: str) -> None:
        params = {
            "symbol": self._markets.id_of(position.symbol),
            "side": "SELL" if position.long else "BUY",
            "type": "MARKET",
            "quantity": f"{quantity:f}",
            "newClientOrderId": client_order_id,
            "newOrderRespType": "RESULT",
        }
        if price is not None:
            params |= {"type": "LIMIT", "timeInForce": "IOC", "price": price}
        if position.hedged:
            params["positionSide"] = usdm_rows.LONG if position.long else usdm_rows.SHORT
        else:
            params["reduceOnly"] = "true"
        try:
            await self._send(self._exchange.fapiPrivatePostOrder, params, weight=0)
        except VenueError as error:
            if error.code in _BELOW_MINIMUM:
                raise BelowMinimumError(str(error)) from None
            if error.code in _NEW_RULES:
                await self._markets.relearn(position.symbol)
            raise

    async def _read(self, endpoint: Endpoint) -> Any:  # noqa: ANN401 - JSON
        return await self._signed.make(partial(endpoint, {}), self._slots)

    async def _observe(self, name: str, params: Mapping[str, Any], weight: float) -> Any:  # noqa: ANN401 - JSON
        endpoints: dict[str, Endpoint] = {
            "account": self._exchange.fapiPrivateV3GetAccount,
            "allOrders": self._exchange.fapiPrivateGetAllOrders,
            "userTrades": self._exchange.fapiPrivateGetUserTrades,
            "allAlgoOrders": self._exchange.fapiPrivateGetAllAlgoOrders,
            "order": self._exchange.fapiPrivateGetOrder,
        }
        self._budget.read(weight, Purpose.EXECUTIONS)
        return await self._signed.make(partial(endpoints[name], dict(params)), self._looking)

    async def _send(self, endpoint: Endpoint, params: dict[str, Any], *, weight: float) -> None:
        await self._signed.make(partial(endpoint, {**params, "recvWindow": SEND_WINDOW_MS}), self._slots, weight=weight)


def _grouped(orders: Iterable[OpenOrder]) -> dict[tuple[str, bool], set[str]]:
    groups: dict[tuple[str, bool], set[str]] = {}
    for order in orders:
        groups.setdefault((order.symbol, order.conditional), set()).add(order.id)
    return groups
