"""Names and sizes of a venue's markets, kept in ccxt's own form: its unified calls need them."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.ports import Clock
from ess_server.venue.markets import Markets
from ess_server.venue.strict import translated
from ess_server.venue.unified.plan import Exchange, Row
from ess_server.venue.usdm_rows import SizeRules

UNBOUNDED = Decimal(10) ** 30
Names = Callable[[Row], tuple[str, ...]]


class UnifiedMarkets(Markets):
    """What is known of the exchange's markets."""

    def __init__(
        self, exchange: Exchange, clock: Clock, *, names: Names, types: tuple[str, ...], timed: bool, load: Row
    ) -> None:
        """``timed`` if requests carry the venue's time, which is then measured; ``load`` are parameters of loading."""
        super().__init__(exchange, clock, dict)
        self._names = names
        self._types = types
        self._timed = timed
        self._load = dict(load)

    async def sync_clock(self) -> None:
        """See ``Markets.sync_clock``; nothing is measured where no request carries the time."""
        if self._timed:
            await super().sync_clock()
        else:
            self._synced_at = self._clock.uptime()

    def within(self, limit: Decimal, symbol: str, *, long: bool) -> Decimal:
        """Return the price the market takes that is next to ``limit`` on the better side for closing this side."""
        market = self.detail(symbol)
        tick = None if market is None else number(market["precision"]["price"])
        if tick is None or tick <= 0:
            return limit
        return (limit / tick).to_integral_value(ROUND_CEILING if long else ROUND_FLOOR) * tick

    async def _load_now(self) -> None:
        markets = await translated(self._exchange.load_markets(True, self._load))
        rows = [m for m in (markets or {}).values() if m["type"] in self._types]
        if not rows:
            raise VenueUnknownError("the venue lists no markets")
        self._symbols = {name: m["symbol"] for m in rows for name in self._names(m)}
        self._ids = {m["symbol"]: m["id"] for m in rows}
        self._details = {m["symbol"]: m for m in rows}
        self._loaded_at = self._clock.uptime()


def size_rules(market: Any, maximum: Callable[[Row], Decimal | None]) -> SizeRules | None:  # noqa: ANN401 - ccxt's
    """Return what market orders may be, None if that is not known: the exchange is then the judge."""
    if market is None:
        return None
    step = number(market["precision"]["amount"])
    if step is None or step <= 0:
        return None
    most = maximum(market)
    return SizeRules(
        step=step,
        minimum=max(number(market["limits"]["amount"]["min"]) or step, step),
        maximum=most if most is not None and most >= step else UNBOUNDED,
    )


def number(value: object) -> Decimal | None:
    """Return a number of ccxt, None for one it does not have."""
    return Decimal(str(value)) if isinstance(value, int | float | str) and value not in ("", 0) else None
