"""Signed requests of one account, and the end of its connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from ess_server.venue.budget import RequestBudget
from ess_server.venue.markets import Markets
from ess_server.venue.strict import VenueError, translated


class SignedCalls:
    """Takes a turn, pays and asks.

    Nothing is asked twice but what the exchange refused for a wrong clock, which it does before it looks at the rest:
    that is asked once more, with the clock measured anew.
    """

    def __init__(self, budget: RequestBudget, markets: Markets, wrong_time: Callable[[VenueError], bool]) -> None:
        """``wrong_time`` tells from a refusal whether it is for the clock."""
        self._budget = budget
        self._markets = markets
        self._wrong_time = wrong_time

    async def make(self, call: Callable[[], Awaitable[Any]], slots: asyncio.Semaphore, *, weight: float = 0) -> Any:  # noqa: ANN401 - JSON
        """Make the request that ``call`` begins, anew each time. Raises EssErrors that are safe to show."""
        async with slots:
            self._budget.send(weight)
            try:
                return await translated(call())
            except VenueError as error:
                if not self._wrong_time(error):
                    raise
            await self._markets.sync_clock()
            return await translated(call())


async def disconnect(markets: Markets, exchange: Any, session: aiohttp.ClientSession | None) -> None:  # noqa: ANN401 - a class of ccxt
    """Give up loading and close the connections, a lent one too."""
    markets.close()
    try:
        await exchange.close()
    finally:
        if session is not None:
            await session.close()
