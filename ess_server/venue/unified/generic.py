"""Any other exchange of ccxt, by its unified calls alone: less is seen and less is possible, and it says so."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import aiohttp
import ccxt.async_support as ccxt

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import Capability, CheckedBy, Coverage, DeadManWorth, Examination, KeyFacts, Topic
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue.budget import BudgetLimits, Purpose, RequestBudget
from ess_server.venue.calls import all_of
from ess_server.venue.credentials import Credentials
from ess_server.venue.examining import MarketRule, limits_of, read_open
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.signed import disconnect
from ess_server.venue.strict import Strict, VenueError, exchange_config, translated
from ess_server.venue.unified.generic_rows import borne_out, order_of, position_of
from ess_server.venue.unified.markets import UnifiedMarkets, size_rules
from ess_server.venue.unified.orders import amount_limit
from ess_server.venue.unified.strict import opened
from ess_server.venue.usdm_rows import split

LIMITS = BudgetLimits(per_minute=300, burst=30, per_second=4, reserve=10)
"""In requests; low, because no limit of the exchange is known here."""
SNAPSHOT_WEIGHT = 3
SENDS = (5, 2)
CONCURRENCY = 4
MAX_PARTS = 50
COVERAGE = Coverage(
    checked_by=CheckedBy.GENERIC,
    covered=("orders that ccxt lists without a symbol", "positions that ccxt lists without a symbol"),
    not_covered=(
        "markets that the exchange lists apart: spot, other settle currencies, options",
        "conditional orders, unless ccxt says that it lists them",
        "hedge mode: a leg is not closed",
        "spot: nothing is sold",
        "bounded closes: a collar delays closes until it ends",
        "equity, a witness, a dead man's switch, expiry of orders, rights of the key",
        "exchanges for which ccxt cannot list orders, positions, or send orders that only reduce",
        "executions: engines report them",
    ),
)
_NEEDED = ("fetchOpenOrders", "fetchPositions", "cancelOrder", "createOrder", "createReduceOnlyOrder")
_TRIGGER = {"trigger": True}


_REPLIES: ContextVar[list[object] | None] = ContextVar("replies", default=None)
"""What the exchange replied to the list that is being read, and to nothing that was asked beside it."""


class _Remembering(Strict):
    """Keeps what the exchange replied, for ccxt's reading of it to be held against."""

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:  # noqa: ANN401 - ccxt's
        """See ``Strict.fetch``."""
        reply = await super().fetch(url, method, headers, body)
        replies = _REPLIES.get()
        if replies is not None:
            replies.append(reply)
        return reply


class GenericClient:
    """An ``ExchangeClient``. Whatever ccxt is not known to be able to do on this exchange is refused, not tried.

    A list counts only if the exchange's reply held a list with as many rows as ccxt made of it, so that no reply
    without sense is an empty account. That such a list is the whole account, nobody has checked.
    """

    open_positions: int | None = None

    def __init__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        exchange: str,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self.account = account
        self._name = exchange
        self._clock = clock
        self._budget = budget
        self._session = session
        if why := refusal(exchange):
            raise VenueUnknownError(f"no stop could work on {exchange}, because ccxt {why} there")
        self._exchange = opened(exchange, exchange_config(credentials, session), budget, base=_Remembering)
        self._markets = UnifiedMarkets(
            self._exchange,
            clock,
            names=lambda market: (market["symbol"],),
            types=("spot", "swap", "future", "option"),
            timed=self._has("fetchTime"),
            load={},
        )
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._waiting: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"GenericClient({self.account.id!r}, {self._name!r})"

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``."""
        await self._markets.sync_clock()
        await self._markets.load()

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``. Raises ReadBudgetError if it must wait."""
        await self._markets.ready()
        self._budget.read(SNAPSHOT_WEIGHT, Purpose.FLATTEN)
        exchange = self._exchange
        held = await self._listed(exchange.fetch_positions)
        plain = await self._listed(exchange.fetch_open_orders)
        waiting = []
        if _lists_triggers(exchange):
            waiting = await self._listed(partial(exchange.fetch_open_orders, None, None, None, _TRIGGER))
        positions = tuple(p for p in map(position_of, held) if p is not None)
        triggers = tuple(order_of(row, conditional=True) for row in waiting)
        self._waiting = frozenset(order.id for order in triggers)
        orders = (*(o for o in map(order_of, plain) if o.id not in self._waiting), *triggers)
        symbols = [*(o.symbol for o in orders), *(p.symbol for p in positions)]
        await self._markets.learn(symbols)
        unnamed = self._markets.unnamed(symbols)
        return VenueSnapshot(time=self._clock.now(), orders=orders, positions=positions, unnamed=unnamed)

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``."""
        await all_of([self._cancelled(order) for order in orders], "cancel")

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``. Raises BelowMinimumError if the market takes no order so small."""
        del (
            client_order_id
        )  # Every exchange has rules of its own for it, and an order that only reduces is safe without.
        if position.hedged or limit is not None:
            raise VenueUnknownError(f"on {self._name} neither legs of hedge mode nor bounded closes are covered")
        rules = size_rules(self._markets.detail(position.symbol), amount_limit)
        parts = (position.quantity,) if rules is None else split(position.quantity, rules)
        if not parts:
            raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the market's minimum")
        side = "sell" if position.long else "buy"
        send = self._exchange.create_order
        calls = [
            partial(send, position.symbol, "market", side, float(part), None, {"reduceOnly": True})
            for part in parts[:MAX_PARTS]
        ]
        await all_of([self._ask(call) for call in calls], "close")

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``."""
        return Witness()

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``; not known."""
        raise VenueUnknownError(f"the equity of an account on {self._name} is not known here: report it")

    async def executions(self, deliver: DeliverExecutions) -> datetime:  # noqa: ARG002 - part of the port
        """See ``ExecutionReader.executions``; not read by this client."""
        raise VenueUnknownError(f"executions are not read on {self._name}: report them from the engine")

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        inquiry = Inquiry()
        limits = limits_of(
            LIMITS, SNAPSHOT_WEIGHT, burst=SENDS[0], per_second=SENDS[1], batch=1, concurrency=CONCURRENCY
        )
        seen = Examination(
            account=self.account.id,
            unread=inquiry.unread,
            exchange=self._name,
            dead_man=DeadManWorth.NONE,
            coverage=COVERAGE,
            lacks=tuple(Capability),
            limits=limits,
        )
        await inquiry.ask(self.prepare(), Topic.VENUE, signed=False)
        shown = await inquiry.ask(self.snapshot(), Topic.OPEN) if not inquiry.unread else None
        if shown is None:
            return seen
        load, markets = read_open(shown, self._rule)
        seen = replace(seen, key=KeyFacts(valid=True), load=load, markets=markets)
        if any(p.hedged for p in shown.positions):
            return replace(seen, account_mode="hedge mode", account_mode_covered=False)
        return seen

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        await disconnect(self._markets, self._exchange, self._session)

    def _has(self, name: str) -> bool:
        return self._exchange.has.get(name) is True

    async def _listed(self, call: Callable[[], Awaitable[Any]]) -> list[Mapping[str, Any]]:
        replies: list[object] = []
        reading = _REPLIES.set(replies)
        try:
            return borne_out(await self._ask(call), replies)
        finally:
            _REPLIES.reset(reading)

    async def _cancelled(self, order: OpenOrder) -> None:
        kind = _TRIGGER if order.id in self._waiting else {}
        try:
            await self._ask(partial(self._exchange.cancel_order, order.id, order.symbol, kind))
        except VenueError as error:
            if not str(error).startswith("OrderNotFound"):
                raise

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - ccxt's
        async with self._slots:
            self._budget.send(1)
            return await translated(call())

    def _rule(self, symbol: str) -> MarketRule | None:
        market = self._markets.detail(symbol)
        if market is None:
            return None
        return MarketRule(
            trades=market["active"] is not False, takes_market_orders=True, sizes=size_rules(market, amount_limit)
        )


def refusal(exchange: str) -> str:
    """Say why no stop could work on an exchange of ccxt, empty if one could."""
    known = getattr(ccxt, exchange)()
    lacks = [name for name in _NEEDED if known.has.get(name) is not True]
    if lacks:
        return f"lacks {', '.join(lacks)}"
    return "lists orders only symbol by symbol" if _per_symbol(known) else ""


def _features(exchange: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - a class of ccxt
    """Yield what ccxt says of listing open orders, for each kind of contract."""
    for kind in ("swap", "future"):
        for part in ((exchange.features or {}).get(kind) or {}).values():
            told = part.get("fetchOpenOrders") if isinstance(part, Mapping) else None
            if told:
                yield told


def _per_symbol(exchange: Any) -> bool:  # noqa: ANN401 - a class of ccxt
    return any(told.get("symbolRequired") is True for told in _features(exchange))


def _lists_triggers(exchange: Any) -> bool:  # noqa: ANN401 - a class of ccxt
    return any(told.get("trigger") is True for told in _features(exchange))
