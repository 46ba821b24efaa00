"""Findings on the account itself: its clock, its modes, what is open and how fast that would be undone. Pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType

from ess_server.core.examination import Capability, CheckedBy, ClockFacts, DeadManWorth, Examination, Topic
from ess_server.core.findings import Finding, Grade, found, named, unknown
from ess_server.core.seconds_to_flat import WORST, seconds_to_flat

CLOCK_WARN = timedelta(milliseconds=500)
"""Engines that do not correct for it begin to lose orders at about a second; half of that is the warning."""
_MARKETS_WELL = "every market with something open trades and tells its sizes; none has to be named in the configuration"
_IN_VAIN: Mapping[Capability, tuple[str, str]] = MappingProxyType(
    {
        Capability.EQUITY: (
            "a drawdown evaluator watches this account, and its equity is not read here",
            "report equity from an engine, or the evaluator stays UNKNOWN and blocks",
        ),
        Capability.EXECUTIONS: (
            "an evaluator wants the executions of this account, and they are not read here",
            "report executions from an engine, and set executions_poll_ms = 0",
        ),
        Capability.BOUNDED_CLOSES: (
            "a price bound is configured, and closes here know none: they wait until it ends",
            "leave collar_percent out, or set market_after_seconds to what you can wait",
        ),
    }
)
SLOW = timedelta(seconds=30)
"""A flatten of what is open now that takes longer than this deserves smaller accounts or another address."""


def about_clock(seen: Examination) -> Iterator[Finding]:
    """Yield how the clocks differ, and whether an order would arrive before it expires."""
    clock = seen.clock
    if clock is None:
        missing = unknown(seen, Topic.CLOCK)
        yield missing or found(seen, Topic.CLOCK, Grade.INFO, "the venue does not tell its time", "keep NTP running")
        return
    words = f"this host is {_ms(abs(clock.ahead))} {'ahead of' if clock.ahead >= timedelta() else 'behind'} the venue"
    words += f", a request takes {_ms(clock.round_trip)}"
    late = _late(clock)
    if late:
        remedy = "run the server nearer to the venue, or on a better line"
        yield found(seen, Topic.CLOCK, late, f"{words}; an order is valid for {_ms(clock.send_valid)}", remedy)
    elif abs(clock.ahead) - clock.round_trip / 2 > CLOCK_WARN:
        words += "; requests of the stop are corrected for it, those of engines may be refused"
        yield found(seen, Topic.CLOCK, Grade.WARN, words, "let NTP set the clock: timedatectl, chronyc tracking")
    else:
        yield found(seen, Topic.CLOCK, Grade.OK, words)


def _late(clock: ClockFacts) -> Grade | None:
    """Judge the way to the venue: the estimate of its clock is off by up to half a round trip, and so is the way."""
    if clock.send_valid is None or clock.round_trip < clock.send_valid / 2:
        return None
    return Grade.UNSAFE if clock.round_trip >= clock.send_valid else Grade.WARN


def about_modes(seen: Examination) -> Iterator[Finding]:
    """Yield the modes of the account, and whether closing knows them."""
    if seen.hedge_mode is not None:
        hedge = "hedge mode: each leg is closed by itself" if seen.hedge_mode else "one-way: closes are reduce-only"
        yield found(seen, Topic.POSITION_MODE, Grade.OK, hedge)
    elif missing := unknown(seen, Topic.POSITION_MODE):
        yield missing
    mode = seen.account_mode
    if not seen.account_mode_covered:
        words = f"{mode}: orders and positions of such an account are not, or not all, seen and closed by the stop"
        remedy = "change the account's mode on the venue's page, or use an account of another kind"
        yield found(seen, Topic.ACCOUNT_MODE, Grade.UNSAFE, words, remedy)
    elif missing := unknown(seen, Topic.ACCOUNT_MODE):
        yield missing
    elif mode:
        yield found(seen, Topic.ACCOUNT_MODE, Grade.OK, mode)


def about_open(seen: Examination) -> Iterator[Finding]:
    """Yield what is open now, and which of its markets would resist."""
    load = seen.load
    if load is None:
        yield unknown(seen, Topic.OPEN) or found(
            seen, Topic.OPEN, Grade.UNKNOWN, "orders and positions were not read", "ask again: ess doctor"
        )
        return
    words = f"{load.orders} orders, {load.conditional} conditional orders, {load.positions} positions"
    where = f" in {load.symbols} markets" if load.symbols else ""
    yield found(seen, Topic.OPEN, Grade.OK, words + where)
    yield from _markets(seen)


def _markets(seen: Examination) -> Iterator[Finding]:
    missing = unknown(seen, Topic.MARKETS)
    resisting = tuple(_resisting(seen))
    if missing:
        yield missing
    yield from resisting
    if seen.load is not None and seen.load.symbols and not missing and not resisting:
        yield found(seen, Topic.MARKETS, Grade.OK, _MARKETS_WELL)
    if seen.markets.dust:
        words = f"{named(seen.markets.dust)}: below the venue's minimum, and stays after a flatten (FLAT_WITH_DUST)"
        yield found(seen, Topic.DUST, Grade.WARN, words, "add to it and close all of it, or leave it")


def _resisting(seen: Examination) -> Iterator[Finding]:
    at, by_hand = seen.markets, "close them by hand on the venue's page, or take them off this account"
    halted = "do not trade now"
    for symbols, grade, words, remedy in (
        (at.halted, Grade.UNSAFE, f"{halted}, and their positions cannot be closed", by_hand),
        (at.no_market_orders, Grade.UNSAFE, "take no market orders: their positions cannot be closed", by_hand),
        (at.halted_orders, Grade.WARN, f"{halted}; whether their orders can be cancelled is the venue's", by_hand),
        (at.unnamed, Grade.WARN, "are in no list of the exchange: no symbol/... scope covers them", "ask again later"),
        (at.unsized, Grade.WARN, "have no readable sizes: a large position is not split for them", by_hand),
    ):
        if symbols:
            yield found(seen, Topic.MARKETS, grade, f"{named(symbols)} {words}", remedy)


def about_dead_man(seen: Examination, timer: timedelta, most: int | None = None) -> Iterator[Finding]:
    """Yield what the venue's own timer is worth; ``timer`` is how long it is set to run, zero if it is not.

    ``most`` is for how many symbols it has room, None where it takes all.
    """
    symbols = seen.load.symbols if seen.load is not None else 0
    match seen.dead_man:
        case DeadManWorth.USABLE if timer and most is not None and symbols > most:
            words = f"set, with room for {most} symbols; something is open in {symbols}: orders of some would stay"
            remedy = "set a longer dead_man_seconds, which covers more"
            yield found(seen, Topic.DEAD_MAN, Grade.WARN, words, remedy)
        case DeadManWorth.USABLE if timer:
            words = f"set: the venue cancels all orders {_s(timer)} after this host is lost; it closes nothing"
            yield found(seen, Topic.DEAD_MAN, Grade.OK, words)
        case DeadManWorth.USABLE:
            words = "usable and not set: when this host is lost, orders stay"
            remedy = "set dead_man_seconds of the account, if its orders must not outlive this host"
            yield found(seen, Topic.DEAD_MAN, Grade.INFO, words, remedy)
        case DeadManWorth.FALSE_SAFETY:
            words = "false safety: the venue says success, but its timer needs a private websocket to be lost, and a"
            words += " server that asks over REST has none"
            yield found(seen, Topic.DEAD_MAN, Grade.WARN, words, "do not count on it when this host is lost")
        case DeadManWorth.NONE:
            words = "the venue has none: when this host is lost, orders stay"
            yield found(seen, Topic.DEAD_MAN, Grade.INFO, words)


def about_coverage(seen: Examination, wanted: Collection[Capability]) -> Iterator[Finding]:
    """Yield how the plan for the exchange was checked, what it leaves out, and what is asked of it in vain."""
    for capability in (c for c in seen.lacks if c in wanted):
        words, remedy = _IN_VAIN[capability]
        yield found(seen, Topic.COVERAGE, Grade.WARN, words, remedy)
    coverage = seen.coverage
    if coverage is None:
        words = "what the stop reads and cancels on this exchange is not stated"
        yield found(seen, Topic.COVERAGE, Grade.WARN, words, "drill on this account before you rely on it")
        return
    drill = "drill on this account with small orders of every kind that your engines use"
    words = f"{coverage.checked_by.value}: {', '.join(coverage.covered)}"
    if coverage.checked_by is CheckedBy.PAPER_DIALECT:
        yield found(seen, Topic.COVERAGE, Grade.OK, words)
    else:
        yield found(seen, Topic.COVERAGE, Grade.WARN, words, drill)
    if coverage.not_covered:
        left = f"not covered: {', '.join(coverage.not_covered)}"
        yield found(seen, Topic.COVERAGE, Grade.INFO, left, "keep these off this account: FLAT does not speak of them")


def about_speed(seen: Examination, *, sharing: int, pauses: timedelta) -> Iterator[Finding]:
    """Yield the predicted seconds to flat, for what is open now and for a bad day."""
    if seen.limits is None or seen.clock is None:
        return
    trip = seen.clock.round_trip
    worst = seconds_to_flat(WORST, seen.limits, round_trip=trip, sharing=sharing, pauses=pauses)
    words = f"{_s(worst)} for {WORST.orders} orders, {WORST.conditional} conditional ones and {WORST.positions}"
    words += " positions of 4 market orders each, if the venue answers"
    words += f", while {sharing} accounts share its request limits" if sharing > 1 and seen.limits.shared else ""
    now = timedelta()
    if seen.load is not None:
        now = seconds_to_flat(seen.load, seen.limits, round_trip=trip, sharing=sharing, pauses=pauses)
        words = f"about {_s(now)} for what is open now, {words}"
    slow = now > SLOW
    remedy = "fewer orders, or fewer accounts behind this address" if slow else ""
    yield found(seen, Topic.SPEED, Grade.WARN if slow else Grade.INFO, words, remedy)


def _ms(duration: timedelta | None) -> str:
    return "" if duration is None else f"{duration.total_seconds() * 1000:.0f} ms"


def _s(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f} s"
