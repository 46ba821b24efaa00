"""Keeps a sale from being made twice: nothing of an asset is sold while an earlier order may still act.

Spot has no reduce-only, and the exchange takes the client order id of a done order again, so nothing but our own care
stands between a lost answer and a second sale of what was to be kept.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.order_ids import is_closing_order
from ess_server.core.ports import Clock
from ess_server.venue.spot_rows import Holdings, Outcome, outcome
from ess_server.venue.strict import VenueError
from ess_server.venue.usdm_rows import rows_of

SEND_WINDOW_MS = 1750
"""Validity of a send by its own time stamp."""
AHEAD_MS = 1000
"""A time stamp further ahead of the exchange's clock is refused."""
EXPIRY_S = (SEND_WINDOW_MS + AHEAD_MS) / 1000
"""After this a request that was signed by whatever clock can no longer be accepted."""
LAG_S = 2.0
"""For so long balances that do not contain the last sale are not believed."""

REFUSED = frozenset((-1002, -1003, -1013, -1014, -1015, -1020, -1021, -1022, -2010, -2014, -2015, *range(-1199, -1099)))
"""Numbers by which the exchange says that an order was not accepted. Any other leaves open what became of it."""
_DUPLICATE = "Duplicate order"
"""Says of a -2010 that the id is in use: then some earlier request was accepted."""

Look = Callable[[str, str], Awaitable[object]]
"""Asks for the order of a symbol by its client order id: the row, None if the exchange knows no such order."""
Recent = Callable[[str], Awaitable[object]]
"""Asks for the newest orders of a symbol."""


class SpotSales:
    """What this client has sold, is selling, and may have sold without knowing, by symbol.

    A client that begins anew may follow one that was killed in the middle of a sale: it waits until nothing that was
    sent before it can be accepted any more, and looks at the newest orders before it sells.
    """

    def __init__(self, clock: Clock, look: Look, recent: Recent, expiry: float = EXPIRY_S) -> None:
        self._clock = clock
        self._look = look
        self._recent = recent
        self._expiry = expiry
        self._born = clock.uptime()
        self._turns: dict[str, asyncio.Lock] = {}
        self._begun: set[str] = set()
        self._unsettled: dict[str, dict[str, float]] = {}
        self._changed: tuple[int, float] = (0, -math.inf)

    @asynccontextmanager
    async def turn(self, symbol: str) -> AsyncIterator[None]:
        """Hold the right to sell a symbol, with everything settled that was sent before. Raises VenueUnknownError.

        What is still open after its lookups is asked again by the next turn.
        """
        async with self._turns.setdefault(symbol, asyncio.Lock()):
            if symbol not in self._begun:
                await self._begin(symbol)
            for id_ in list(self._unsettled.get(symbol, {})):
                await self._settle(symbol, id_)
            yield

    async def sell(self, symbol: str, id_: str, order: Coroutine[Any, Any, object]) -> Outcome:
        """Await an order that was just made for this id; whatever does not come back as an answer is unsettled.

        Raises what the order raises, VenueUnknownError if its answer cannot be read.
        """
        unsettled = self._unsettled.setdefault(symbol, {})
        # Signed at some time before it ends: counted from the end, the time it stays valid is never too short.
        unsettled[id_] = math.inf
        try:
            found = outcome(await order)
            if found.ended:
                self._note(found)
                del unsettled[id_]
        except VenueError as error:
            if error.code in REFUSED and _DUPLICATE not in str(error):
                del unsettled[id_]
            raise
        else:
            return found
        finally:
            if id_ in unsettled:
                unsettled[id_] = self._clock.uptime()

    def believe(self, held: Holdings) -> Holdings:
        """Return balances that contain everything that was sold. Raises VenueUnknownError for older ones."""
        changed, noted = self._changed
        if held.updated < changed and self._clock.uptime() - noted < LAG_S:
            raise VenueUnknownError("account: the balances are older than the last sale")
        return held

    async def _begin(self, symbol: str) -> None:
        await self._wait_until(self._born + self._expiry)
        for row in rows_of(await self._recent(symbol), "recent orders"):
            if is_closing_order(str(row.get("clientOrderId"))):
                self._note(_ended(outcome(row), str(row.get("clientOrderId"))))
        self._begun.add(symbol)

    async def _settle(self, symbol: str, id_: str) -> None:
        row = await self._look(symbol, id_)
        if row is None:
            # It may be on its way still. What is asked after it has expired is the answer.
            await self._wait_until(self._unsettled[symbol][id_] + self._expiry)
            row = await self._look(symbol, id_)
        if row is not None:
            self._note(_ended(outcome(row), id_))
        del self._unsettled[symbol][id_]

    def _note(self, found: Outcome) -> None:
        if found.executed > 0 and found.updated > self._changed[0]:
            self._changed = (found.updated, self._clock.uptime())

    async def _wait_until(self, uptime: float) -> None:
        left = uptime - self._clock.uptime()
        if left > 0:
            await asyncio.sleep(left)


def _ended(found: Outcome, id_: str) -> Outcome:
    if not found.ended:
        raise VenueUnknownError(f"order {id_} is still working")
    return found
