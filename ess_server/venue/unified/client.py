"""One account of any venue that has a plan."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import aiohttp

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import Examination
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue.budget import Purpose, RequestBudget
from ess_server.venue.calls import all_of, together
from ess_server.venue.credentials import Credentials
from ess_server.venue.examining import Sources, limits_of
from ess_server.venue.signed import SignedCalls, disconnect
from ess_server.venue.strict import VenueError
from ess_server.venue.timers import AT_ONCE
from ess_server.venue.unified.examine import examine_unified
from ess_server.venue.unified.markets import UnifiedMarkets
from ess_server.venue.unified.plan import (
    SEND_WINDOW_MS,
    Closing,
    Reading,
    UnifiedPlan,
)
from ess_server.venue.unified.reading import Ask, joined, read_all
from ess_server.venue.unified.shown import Shown
from ess_server.venue.unified.strict import open_unified
from ess_server.venue.unified.timer import UnifiedTimer

MAX_PARTS = 50
"""Orders of one close; what is left is closed by the next attempt."""
CONCURRENCY = 8
LIMIT_PAUSE_S = 1.0

_WRONG_TIME = "InvalidNonce"
_TOO_MANY = ("RateLimitExceeded", "DDoSProtection")

T = TypeVar("T")


class UnifiedClient:
    """An ``ExchangeClient``, made of a plan.

    Lists are read from the venue's own rows, so that no parser can drop one; orders are sent by ccxt's unified calls.
    Quantities are in the unit of the venue's orders, which for most contracts is the contract. Nothing is sent twice
    but what the venue refused for a wrong time, before it looked at it.
    """

    open_positions: int | None = None
    dead_man: UnifiedTimer
    """Set only where the venue has one."""

    def __init__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        plan: UnifiedPlan,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self.account = account
        self.plan = plan
        self.hedge_mode: bool | None = None
        self._clock = clock
        self._budget = budget
        self._session = session
        self._exchange = open_unified(plan, credentials, budget, session)
        self._markets = UnifiedMarkets(
            self._exchange, clock, names=plan.names, types=plan.markets, timed=plan.clock, load=plan.load
        )
        self._calls = SignedCalls(budget, self._markets, lambda error: str(error).startswith(_WRONG_TIME))
        self._slots = asyncio.Semaphore(1 if plan.serial else CONCURRENCY)
        self._aside = self._slots if plan.serial else asyncio.Semaphore(1)
        self._shown = Shown(plan, self._markets)
        # The timer that outlives this host waits for nothing else.
        self._timing = self._slots if plan.serial else asyncio.Semaphore(AT_ONCE)
        if plan.switch is not None:
            self.dead_man = UnifiedTimer(
                plan, plan.switch, self._exchange, self._markets, send=self._sent, look=self._looked
            )

    def __repr__(self) -> str:
        return f"UnifiedClient({self.account.id!r}, {self.plan.exchange!r})"

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``; refreshes what is old when called again."""
        await self._markets.sync_clock()
        await self._markets.load()
        self.hedge_mode = await self._mode()

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``. Raises ReadBudgetError if it must wait."""
        await self._markets.ready()
        self._budget.read(self.plan.snapshot_weight, Purpose.FLATTEN)
        plan = self.plan
        lists = await together(
            *(read_all(listing, self._page(self._slots)) for listing in plan.positions),
            *(read_all(listing, self._page(self._slots)) for listing in plan.orders),
        )
        held = [p for found in lists[: len(plan.positions)] for p in found]
        resting = [o for found in lists[len(plan.positions) :] for o in found]
        await self._markets.learn({row.market for row in (*held, *resting)})
        positions, orders = self._shown.positions(held), self._shown.orders(resting)
        unnamed = self._markets.unnamed([*(o.symbol for o in orders), *(p.symbol for p in positions)])
        return VenueSnapshot(time=self._clock.now(), orders=orders, positions=positions, unnamed=unnamed)

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``.

        Where the last snapshot showed no other order of a group, and the venue has a request for it, all of the group
        are cancelled at once, with whatever has been added since.
        """
        by = self.plan.cancelling
        calls = []
        for listed, complete in self._shown.groups(orders):
            if by.whole is not None and complete:
                calls.append(self._cancelled(partial(by.whole, self._exchange, listed[0])))
                continue
            parts = (listed[n : n + by.batch] for n in range(0, len(listed), by.batch))
            calls += [self._cancelled(partial(by.some, self._exchange, part)) for part in parts]
        await all_of(calls, "cancel")

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``. Raises BelowMinimumError if the market takes no order so small."""
        parts = self._shown.parts(position)
        if not parts:
            raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the market's minimum")
        bound = None if limit is None else self._markets.within(limit, position.symbol, long=position.long)
        closings = [
            partial(
                Closing,
                symbol=position.symbol,
                position=held,
                quantity=part,
                whole=part == abs(held.amount),
                client_order_id=self.plan.ids(f"{client_order_id}-{n}"),
                limit=bound,
            )
            for n, (held, part) in enumerate(parts[:MAX_PARTS])
        ]
        await all_of([self._close_part(closing) for closing in closings], "close")

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``. Raises ReadBudgetError if it must wait."""
        await self._markets.ready()
        self._budget.read(sum(self._weight(reading.endpoint) for reading in self.plan.witness), Purpose.FLATTEN)
        return joined(await together(*(self._told(reading) for reading in self.plan.witness)))

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``. Raises ReadBudgetError if it must wait."""
        reading = self.plan.equity
        if reading is None:
            raise VenueUnknownError(f"{self.plan.exchange} does not tell the equity of an account as one sum")
        await self._markets.ready()
        self._budget.read(self._weight(reading.endpoint), Purpose.EQUITY)
        return await self._told(reading, self._aside)

    async def executions(self, deliver: DeliverExecutions) -> datetime:  # noqa: ARG002 - part of the port
        """See ``ExecutionReader.executions``; not read by this client."""
        raise VenueUnknownError(f"executions are not read on {self.plan.exchange}: report them from the engine")

    async def withdraws(self) -> bool | None:
        """Whether the key may withdraw, None where the venue does not tell. Raises as ``ExchangeClient`` does."""
        if self.plan.withdraws is None:
            return None
        return await self._told(self.plan.withdraws, self._aside)

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        plan = self.plan
        burst, per_second = plan.sends
        sources = Sources(
            client=self,
            exchange=self._exchange,
            markets=self._markets,
            clock=self._clock,
            read=lambda endpoint: self._ask(lambda: endpoint({}), self._aside, 1),
            limits=limits_of(
                plan.limits,
                plan.snapshot_weight,
                burst=burst,
                per_second=per_second,
                batch=plan.cancelling.batch if plan.cancelling.whole is None else 0,
                concurrency=1 if plan.serial else CONCURRENCY,
            ),
            send_valid=timedelta(milliseconds=SEND_WINDOW_MS) if plan.expires else None,
        )
        return await examine_unified(plan, sources, withdraws=self.withdraws, hedged=self._mode)

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        await disconnect(self._markets, self._exchange, self._session)

    async def _mode(self) -> bool | None:
        if self.plan.mode is None:
            return None
        return await self._told(self.plan.mode)

    async def _sent(self, call: Callable[[], Awaitable[Any]]) -> None:
        await self._ask(call, self._timing, 1)

    def _looked(self) -> Callable[[], Ask]:
        """Pay for a look at all orders, as a whole; return what makes one that asks for a list of them."""
        self._budget.read(sum(self._weight(listing.endpoint) for listing in self.plan.orders), Purpose.DEAD_MAN)
        return partial(self._page, self._timing)

    async def _close_part(self, closing: Callable[..., Closing]) -> None:
        def send() -> Awaitable[Any]:
            # Its validity begins when it goes out, not when it begins to wait for its turn.
            return self.plan.close(self._exchange, closing(expires=self._markets.venue_time() + SEND_WINDOW_MS))

        try:
            await self._ask(send, self._slots, 0)
        except VenueError as error:
            if any(word in str(error) for word in self.plan.below_minimum):
                raise BelowMinimumError(str(error)) from None
            raise

    async def _cancelled(self, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self._ask(call, self._slots, 1)
        except VenueError as error:
            if not any(word in str(error) for word in ("OrderNotFound", *self.plan.cancelling.gone)):
                raise

    def _page(self, slots: asyncio.Semaphore) -> Ask:
        """Return what asks for the pages of a list; the first has been paid for with all that is read."""
        asked = False

        async def ask(endpoint: str, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
            nonlocal asked
            weight, asked = (self._weight(endpoint) if asked else 0), True
            return await self._request(endpoint, params, slots, weight)

        return ask

    async def _told(self, reading: Reading[T], slots: asyncio.Semaphore | None = None) -> T:
        try:
            reply = await self._request(reading.endpoint, reading.params, slots or self._slots, 0)
        except VenueError as error:
            if reading.otherwise is not None and any(word in str(error) for word in reading.absent):
                return reading.otherwise
            raise
        try:
            return reading.read(reply)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError) as error:
            raise VenueUnknownError(
                f"{reading.endpoint}: the reply could not be read ({type(error).__name__})"
            ) from None

    async def _request(self, endpoint: str, params: Mapping[str, Any], slots: asyncio.Semaphore, weight: float) -> Any:  # noqa: ANN401 - JSON
        always = self.plan.always(self._exchange) if self.plan.always else {}
        return await self._ask(lambda: getattr(self._exchange, endpoint)({**always, **params}), slots, weight)

    async def _ask(self, call: Callable[[], Awaitable[Any]], slots: asyncio.Semaphore, weight: float) -> Any:  # noqa: ANN401 - JSON
        try:
            return await self._calls.make(call, slots, weight=weight)
        except VenueError as error:
            if str(error).startswith(_TOO_MANY):
                # Some say so in a reply that looks well: going on would be answered with a longer refusal.
                self._budget.refused(LIMIT_PAUSE_S)
            raise

    def _weight(self, endpoint: str) -> float:
        return self.plan.weight.get(endpoint, 1)
