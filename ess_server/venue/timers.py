"""The dead man's switch of exchanges that have one worth its name, over requests and slots of its own."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.venue.budget import Purpose, RequestBudget
from ess_server.venue.markets import Markets
from ess_server.venue.strict import VenueError, translated

AT_ONCE = 10
"""Requests at the same time, beside those of everything else: as many symbols as one call has must get their turn."""
_LOOK_WEIGHT, _ARM_WEIGHT = 40, 10
_VALID_MS = 1750
_OKX_WEIGHT = 20
_OKX_WELL = "0"


class UsdmTimers:
    """A ``DeadManSwitch`` on Binance's contracts, which keep a timer for each symbol.

    It takes plain orders, entries and exits alike; what becomes of conditional ones the exchange does not say.
    """

    def __init__(self, exchange: Any, markets: Markets, budget: RequestBudget) -> None:  # noqa: ANN401 - ccxt has no types
        self._exchange = exchange
        self._markets = markets
        self._budget = budget
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def order_symbols(self) -> frozenset[str]:
        """See ``DeadManSwitch.order_symbols``."""
        await self._markets.ready()
        self._budget.read(_LOOK_WEIGHT, Purpose.DEAD_MAN)
        async with self._slots:
            rows = await translated(self._exchange.fapiPrivateGetOpenOrders({}))
        if not isinstance(rows, list):
            raise VenueUnknownError("the list of open orders is no list")
        try:
            markets = {str(row["symbol"]) for row in rows}
        except (TypeError, KeyError):
            raise VenueUnknownError("an open order names no symbol") from None
        await self._markets.learn(markets)
        return frozenset(map(self._markets.symbol_of, markets))

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch.arm``."""
        await self._set(round(after.total_seconds() * 1000), symbols)

    async def disarm(self, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch.disarm``."""
        await self._set(0, symbols)

    async def _set(self, milliseconds: int, symbols: Sequence[str]) -> None:
        await self._markets.ready()
        results = await asyncio.gather(*(self._set_one(milliseconds, s) for s in symbols), return_exceptions=True)
        failures = [r for r in results if isinstance(r, BaseException)]
        if failures:
            raise failures[0]

    async def _set_one(self, milliseconds: int, symbol: str) -> None:
        market = self._markets.id_of(symbol)
        async with self._slots:
            self._budget.send(_ARM_WEIGHT)
            wanted = {"symbol": market, "countdownTime": milliseconds, "recvWindow": _VALID_MS}
            reply = await translated(self._exchange.fapiPrivatePostCountdownCancelAll(wanted))
        if not isinstance(reply, dict) or str(reply.get("countdownTime")) != str(milliseconds):
            raise VenueUnknownError(f"the reply does not say that the timer of {symbol} was set")


class OkxTimer:
    """A ``DeadManSwitch`` on OKX, which has one timer for the account."""

    def __init__(self, exchange: Any, budget: RequestBudget) -> None:  # noqa: ANN401 - ccxt has no types
        self._exchange = exchange
        self._budget = budget

    async def order_symbols(self) -> frozenset[str]:
        """See ``DeadManSwitch.order_symbols``."""
        return frozenset()

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:  # noqa: ARG002 - part of the port
        """See ``DeadManSwitch.arm``."""
        await self._set(round(after.total_seconds()))

    async def disarm(self, symbols: Sequence[str]) -> None:  # noqa: ARG002 - part of the port
        """See ``DeadManSwitch.disarm``."""
        await self._set(0)

    async def _set(self, seconds: int) -> None:
        self._budget.send(_OKX_WEIGHT)
        reply = await translated(self._exchange.privatePostTradeCancelAllAfter({"timeOut": str(seconds)}))
        if not isinstance(reply, dict) or reply.get("code") != _OKX_WELL or not reply.get("data"):
            raise VenueError("the reply does not say that the timer was set", None)
