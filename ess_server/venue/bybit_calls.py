"""Signed requests of one Bybit account: each with its validity, and made again where the exchange refused it unseen."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.venue import bybit_rows
from ess_server.venue.budget import RequestBudget
from ess_server.venue.bybit_markets import BybitMarkets
from ess_server.venue.bybit_strict import WINDOW, StrictBybit
from ess_server.venue.strict import VenueError, translated

SEND_WINDOW_MS = 1750
"""Validity of a send: the promised 2 s less the error of the clock estimate."""
MAX_PAGES = 100
CONCURRENCY = 8
LIMIT_TRIES, LIMIT_PAUSE_S = 4, 1.0
"""How often a request beyond an endpoint's limit of one second is made: it was refused before it was looked at."""

WRONG_TIME, TOO_MANY = 10002, 10006
_UNSEEN = frozenset({WRONG_TIME, TOO_MANY})

Endpoint = Callable[[Any], Awaitable[Any]]


class BybitCalls:
    """Nothing is made again but what was refused for a wrong clock, or for an endpoint's limit."""

    def __init__(self, exchange: StrictBybit, budget: RequestBudget, markets: BybitMarkets) -> None:
        self._exchange = exchange
        self._budget = budget
        self._markets = markets
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def listed(self, endpoint: Endpoint, scope: Mapping[str, str], size: int) -> list[Mapping[str, Any]]:
        """Read all pages; the first is paid for by the caller. Raises VenueUnknownError if they do not end."""
        found: list[Mapping[str, Any]] = []
        cursor: dict[str, str] = {}
        for number in range(MAX_PAGES):
            reply = await self.make(endpoint, {**scope, "limit": size, **cursor}, weight=1 if number else 0)
            rows, following = bybit_rows.page(reply, "list")
            found += rows
            if not following or not rows:
                return found
            cursor = {"cursor": following}
        raise VenueUnknownError("a list does not end")

    async def send(self, endpoint: Endpoint, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Make a request that changes something."""
        return await self.make(endpoint, {**params, WINDOW: SEND_WINDOW_MS})

    async def place(self, params: Mapping[str, Any]) -> None:
        """Send an order.

        The exchange takes ten a second one by one and ten a second in batches, each order of which counts: what is
        beyond the first limit goes by the second, and waits only if both are used up.
        """
        single = self._exchange.privatePostV5OrderCreate
        try:
            await self.make(single, {**params, WINDOW: SEND_WINDOW_MS}, again=frozenset({WRONG_TIME}))
        except VenueError as error:
            if error.code != TOO_MANY:
                raise
            if not await self._placed_in_batch(params):
                await asyncio.sleep(LIMIT_PAUSE_S)
                await self.send(single, params)

    async def _placed_in_batch(self, params: Mapping[str, Any]) -> bool:
        """Send an order as a batch of one; False if it was refused for the limit of batches."""
        order = {name: value for name, value in params.items() if name != "category"}
        batch = {"category": params["category"], "request": [order], WINDOW: SEND_WINDOW_MS}
        endpoint = self._exchange.privatePostV5OrderCreateBatch
        try:
            reply = await self.make(endpoint, batch, again=frozenset({WRONG_TIME}))
        except VenueError as error:
            if error.code != TOO_MANY:
                raise
            return False
        for code, message in bybit_rows.refusals(reply, 1):
            if code != TOO_MANY:
                raise VenueError(f"{code} {message}", code)
            return False
        return True

    async def make(
        self, endpoint: Endpoint, params: Mapping[str, Any], *, weight: float = 0, again: frozenset[int] = _UNSEEN
    ) -> Any:  # noqa: ANN401 - JSON
        """Make a request, up to ``LIMIT_TRIES`` times where it is refused with one of the codes ``again``."""
        for left in range(LIMIT_TRIES, 0, -1):
            async with self._slots:
                self._budget.send(weight)
                try:
                    return await translated(endpoint(dict(params)))
                except VenueError as error:
                    if error.code not in again or left == 1:
                        raise
                    code = error.code
            if code == WRONG_TIME:
                await self._markets.sync_clock()
            else:
                await asyncio.sleep(LIMIT_PAUSE_S)
        raise AssertionError("the loop returns or raises")
