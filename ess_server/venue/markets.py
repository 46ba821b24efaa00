"""Names of an exchange's contracts, what each exchange tells of them, and its clock."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.ports import Clock
from ess_server.venue.strict import translated

CONTRACTS = ("swap", "future")
RELOAD_AFTER = 3600.0
"""Seconds after which ``load`` asks anew."""
SURE_MS, SYNC_TRIES = 500, 3
"""A measurement of the clock that took longer is made again: its error would eat up the validity of what is sent."""
NAMES_WITHIN_S = 2.5
"""How long a reading waits for names; it goes on with ids, and the lists come when they come."""
ASK_AGAIN_AFTER = 600.0
"""Seconds until what a reload did not answer causes another one."""
RETRY_AFTER = 1.0
"""Seconds until a reload that failed, or has not ended, is tried again."""

_log = logging.getLogger(__name__)


class Markets:
    """What is known of the exchange's markets. An id that no list contains stands for itself."""

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - a class of ccxt
        clock: Clock,
        detail: Callable[[Mapping[str, Any]], Any],
        *,
        kinds: Sequence[str] = CONTRACTS,
    ) -> None:
        """``detail`` takes from the exchange's own row of a market what is to be kept; ``kinds`` are ccxt's words."""
        self._kinds = tuple(kinds)
        self._exchange = exchange
        self._detail = detail
        self._clock = clock
        self._symbols: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._details: dict[str, Any] = {}
        self._loaded_at = 0.0
        self._ahead_ms = 0
        self._synced_at: float | None = None
        self._sync = asyncio.Lock()
        self._loading: asyncio.Future[None] | None = None
        self._asked_for: dict[str, float] = {}

    async def ready(self) -> None:
        """Load and synchronise whatever never was."""
        if not self._symbols:
            await self._reload()
        if self._synced_at is None:
            await self.sync_clock()

    async def usable(self) -> None:
        """As ``ready``, for a stop: names that cannot be had in time keep nobody from cancelling and closing."""
        if not self._symbols:
            await self._ask_once({"all"}, "are unknown")
        if self._synced_at is None:
            await self.sync_clock()

    async def load(self) -> None:
        """Load, unless it was done within the hour."""
        if not self._symbols or self._clock.uptime() - self._loaded_at > RELOAD_AFTER:
            await self._reload()

    async def learn(self, ids: Iterable[str]) -> None:
        """Reload once if one of these ids is new; a failure leaves the id to stand for itself."""
        await self._ask_once({i for i in ids if i not in self._symbols}, "are unknown")

    async def relearn(self, symbol: str) -> None:
        """Reload once, for an order of the right size was refused for its size: the exchange has changed its rules."""
        await self._ask_once({f"sizes of {symbol}"}, "have changed")

    async def _ask_once(self, about: set[str], why: str) -> None:
        now = self._clock.uptime()
        new = {what for what in about if self._may_ask(what, now)}
        if not new:
            return
        # Whoever has waited for an answer in vain goes on without it: the next try runs beside.
        patience = NAMES_WITHIN_S if new - self._asked_for.keys() else 0.0
        self._asked_for.update(dict.fromkeys(new, now))
        try:
            async with asyncio.timeout(patience):
                await self._reload()
        except (EssError, TimeoutError) as error:
            _log.warning("markets: %s %s and could not be looked up: %s", sorted(new), why, error)

    def _may_ask(self, what: str, now: float) -> bool:
        asked = self._asked_for.get(what)
        if asked is None:
            return True
        return now - asked > (ASK_AGAIN_AFTER if self._loaded_at > asked else RETRY_AFTER)

    def unnamed(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Return those that no list contains: ids that stand for themselves."""
        return tuple(sorted({s for s in symbols if s not in self._ids}))

    def symbol_of(self, id_: str) -> str:
        """Return the unified symbol."""
        return self._symbols.get(id_, id_)

    def id_of(self, symbol: str) -> str:
        """Return the exchange's id."""
        return self._ids.get(symbol, symbol)

    def detail(self, symbol: str) -> Any:  # noqa: ANN401 - JSON
        """Return what was kept of a market, None if it is in no list."""
        return self._details.get(symbol)

    async def sync_clock(self) -> None:
        """Measure the difference to the exchange's clock; callers that wait for each other measure once."""
        asked = self._clock.uptime()
        async with self._sync:
            if self._synced_at is not None and self._synced_at > asked:
                return
            for _ in range(SYNC_TRIES):
                if await self._measure() <= SURE_MS:
                    break
            self._synced_at = self._clock.uptime()

    async def _measure(self) -> int:
        """Take one measurement and return how long it took in milliseconds, its uncertainty."""
        before = self._exchange.milliseconds()
        server = await translated(self._exchange.fetch_time())
        after = self._exchange.milliseconds()
        if not isinstance(server, int) or server <= 0:
            raise VenueUnknownError("the venue's time is not a number")
        self._exchange.options["timeDifference"] = (before + after) // 2 - server
        self._ahead_ms = int(after) - server
        return int(after - before)

    def venue_time(self) -> int:
        """Return the exchange's time in milliseconds: late by a round trip at most, and never early."""
        return int(self._exchange.milliseconds()) - self._ahead_ms

    def close(self) -> None:
        """Give up loading."""
        if self._loading is not None:
            self._loading.cancel()

    async def _reload(self) -> None:
        # ccxt cancels a load for all of its callers when one is cancelled: it gets a task that nobody cancels.
        if self._loading is None or self._loading.done():
            self._loading = asyncio.ensure_future(self._load_now())
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        loading = self._loading
        await asyncio.wait({loading})
        if loading.cancelled():
            raise VenueUnknownError("loading the markets was given up")
        loading.result()

    async def _load_now(self) -> None:
        markets = await translated(self._exchange.load_markets(reload=True))
        if not markets:
            raise VenueUnknownError("the venue lists no markets")
        rows = [m for m in markets.values() if any(m.get(kind) for kind in self._kinds)]
        self._symbols = {m["id"]: m["symbol"] for m in rows}
        self._ids = {m["symbol"]: m["id"] for m in rows}
        self._details = {m["symbol"]: self._detail(m["info"]) for m in rows}
        self._loaded_at = self._clock.uptime()
        # Nothing here asks ccxt for markets again, and its own copy takes ten megabytes an account.
        self._exchange.markets, self._exchange.markets_by_id, self._exchange.markets_loading = {}, {}, None
