"""What examinations of raw clients have in common: the clocks, and the markets with something open."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import ClockFacts, Load, MarketFacts, RequestLimits, Topic
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.markets import Markets
from ess_server.venue.strict import translated
from ess_server.venue.usdm_rows import SizeRules, split

T = TypeVar("T")
Endpoint = Callable[[dict[str, Any]], Awaitable[Any]]
Read = Callable[[Endpoint], Coroutine[Any, Any, Any]]
"""Makes one signed request without parameters."""

CLOCK_READINGS = 3
"""The one that came back soonest counts: the first may have opened the connection."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def parsed(call: Awaitable[Any], read: Callable[[Any], T]) -> T:
    """Return what ``read`` makes of a reply."""
    return read(await call)


def limits_of(
    budget: BudgetLimits, weight: float, *, burst: float, per_second: float, batch: int | None, concurrency: int
) -> RequestLimits:
    """Return how fast a flatten may go: ``burst`` and ``per_second`` of sends, cancels in a ``batch``."""
    return RequestLimits(
        read_burst=budget.burst,
        read_per_second=budget.per_second,
        read_weight=weight,
        send_burst=burst,
        send_per_second=per_second,
        cancel_batch=batch,
        concurrency=concurrency,
        shared=not budget.per_account,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the answers on one account come from. ``exchange`` is its class of ccxt, which is untyped.

    ``send_valid`` is how long the venue takes an order of ours, None where orders do not expire.
    """

    client: ExchangeClient
    exchange: Any
    markets: Markets
    clock: Clock
    read: Read
    limits: RequestLimits
    send_valid: timedelta | None

    async def reach(self, inquiry: Inquiry) -> ClockFacts | None:
        """Reach the venue and compare the clocks; ``Topic.VENUE`` is among what is unread if it is not reached."""
        await inquiry.ask(self.markets.ready(), Topic.VENUE, signed=False)
        if inquiry.unread:
            return None
        return await inquiry.ask(self._clock(), Topic.CLOCK, signed=False)

    async def _clock(self) -> ClockFacts:
        found: list[ClockFacts] = []
        for _ in range(CLOCK_READINGS):
            asked, before = self.clock.uptime(), self.clock.now()
            server = await translated(self.exchange.fetch_time())
            trip = timedelta(seconds=self.clock.uptime() - asked)
            if not isinstance(server, int) or server <= 0:
                raise VenueUnknownError("the venue's time is not a number")
            ahead = before + trip / 2 - _EPOCH - timedelta(milliseconds=server)
            found.append(ClockFacts(ahead=ahead, round_trip=trip, send_valid=self.send_valid))
        return min(found, key=lambda one: one.round_trip)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRule:
    """What a market lets one do now. ``sizes`` are of market orders in base units, None if they cannot be read."""

    trades: bool
    takes_market_orders: bool
    sizes: SizeRules | None


def read_open(shown: VenueSnapshot, rule_of: Callable[[str], MarketRule | None]) -> tuple[Load, MarketFacts]:
    """Return what is open, and in which markets it would resist; ``rule_of`` knows nothing of an unnamed one."""
    held = {p.symbol for p in shown.positions}
    rules = {symbol: rule_of(symbol) for symbol in sorted(held | {o.symbol for o in shown.orders})}
    known = {symbol: rule for symbol, rule in rules.items() if rule is not None}
    halted = {symbol for symbol, rule in known.items() if not rule.trades}
    parts = [(p, _parts(p.quantity, rules[p.symbol])) for p in shown.positions]
    load = Load(
        orders=sum(not o.conditional for o in shown.orders),
        conditional=sum(o.conditional for o in shown.orders),
        positions=len(shown.positions),
        symbols=len(rules),
        parts=sum(count for _, count in parts),
    )
    return load, MarketFacts(
        unnamed=shown.unnamed,
        unsized=tuple(symbol for symbol, rule in known.items() if rule.sizes is None),
        halted=tuple(sorted(halted & held)),
        halted_orders=tuple(sorted(halted - held)),
        no_market_orders=tuple(s for s, rule in known.items() if s in held and not rule.takes_market_orders),
        dust=tuple(f"{p.quantity} {p.symbol}" for p, count in parts if not count),
    )


def sizes_of(read: Callable[[Any], SizeRules], info: object) -> SizeRules | None:
    """Return the sizes that a row of the exchange's markets tells, None if they cannot be read."""
    with suppress(VenueUnknownError):
        return read(info)
    return None


def _parts(quantity: Decimal, rule: MarketRule | None) -> int:
    return 1 if rule is None or rule.sizes is None else len(split(quantity, rule.sizes))
