"""The venue's own cancel-after timer, from a plan."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from ess_server.venue.calls import all_of, together
from ess_server.venue.unified.markets import UnifiedMarkets
from ess_server.venue.unified.plan import Exchange, Switch, UnifiedPlan
from ess_server.venue.unified.reading import Ask, read_all

Send = Callable[[Callable[[], Awaitable[Any]]], Coroutine[Any, Any, None]]
"""Makes one request that changes something."""
Look = Callable[[], Callable[[], Ask]]
"""Pays for a look at all orders, and returns what makes one that asks for a list of them. Raises ReadBudgetError."""


class UnifiedTimer:
    """A ``DeadManSwitch``."""

    def __init__(
        self, plan: UnifiedPlan, switch: Switch, exchange: Exchange, markets: UnifiedMarkets, *, send: Send, look: Look
    ) -> None:
        self._plan = plan
        self._switch = switch
        self._exchange = exchange
        self._markets = markets
        self._send = send
        self._look = look

    async def order_symbols(self) -> frozenset[str]:
        """See ``DeadManSwitch.order_symbols``."""
        if not self._switch.each_symbol:
            return frozenset()
        await self._markets.ready()
        asking = self._look()
        lists = await together(*(read_all(listing, asking()) for listing in self._plan.orders))
        markets = {order.market for found in lists for order in found}
        await self._markets.learn(markets)
        return frozenset(map(self._markets.symbol_of, markets))

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch.arm``."""
        await self._set(round(after / timedelta(milliseconds=1)), symbols)

    async def disarm(self, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch.disarm``."""
        await self._set(0, symbols)

    async def _set(self, milliseconds: int, symbols: Sequence[str]) -> None:
        await self._markets.ready()
        markets = [self._markets.id_of(s) for s in symbols] if self._switch.each_symbol else [""]
        arm = self._switch.arm
        calls = [self._send(partial(arm, self._exchange, milliseconds, market)) for market in markets]
        await all_of(calls, "timer")
