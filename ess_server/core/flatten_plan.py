"""What one reading of an account asks for, as pure functions; ``flatten`` carries it out."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from ess_server.core.errors import EssError
from ess_server.core.model import Action, FlattenStatus, Work
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot

NO_DELAY = timedelta()
NAMED = 10
"""Orders and positions that are named in a remark; the rest is counted."""


class BelowMinimumError(EssError):
    """Raised by ``ExchangeClient.close_position``: the venue takes no order this small, so the position is dust."""


class ReadBudgetError(EssError):
    """Raised by ``ExchangeClient.snapshot`` before anything was sent: the venue's request budget is used up.

    It says nothing about the account. ``delay`` is the time until the next read may be tried.
    """

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"the venue's request budget allows the next read in {delay.total_seconds():.1f} s")
        self.delay = delay


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenSettings:
    """Times of the flatten algorithm; each must be above zero.

    ``close_after`` is how long cancels of a symbol may fail before its position is closed all the same.
    ``verify_gap`` lies between the two clean reads, ``quiet_window`` between the second and the one that makes the
    account flat. Once flat, reads follow each other after ``sweep_interval``,
    and ever more slowly up to ``sweep_interval_max`` as long as nothing appears. ``request_expiry`` is how long a
    request can still act after it was sent. ``reopen_quiet`` is the least time between two
    events that tell of new orders on a flat account. What was read counts for ``stale_after``, or three of the
    longest sweep intervals if that is longer, while the venue lets nothing be read. What was too small to close is
    tried again every ``dust_retry`` once the account is flat: prices move, and venues lower their minima.
    """

    call_timeout: timedelta = timedelta(seconds=5)
    close_after: timedelta = timedelta(seconds=2)
    verify_gap: timedelta = timedelta(milliseconds=300)
    quiet_window: timedelta = timedelta(seconds=3)
    sweep_interval: timedelta = timedelta(seconds=2)
    sweep_interval_max: timedelta = timedelta(seconds=2)
    backoff_min: timedelta = timedelta(milliseconds=200)
    backoff_max: timedelta = timedelta(seconds=2)
    request_expiry: timedelta = timedelta(seconds=2)
    reopen_quiet: timedelta = timedelta(seconds=30)
    stale_after: timedelta = timedelta(seconds=15)
    dust_retry: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            if getattr(self, name) <= NO_DELAY:
                raise ValueError(f"{name} must be above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a snapshot asks for.

    ``spared`` orders are covered by the stop and stay, ``dust`` cannot be closed; ``flattens`` tells whether the work
    closes anything at all, and ``untouched`` what it would leave alone.
    """

    cancels: tuple[OpenOrder, ...]
    closes: tuple[Position, ...]
    spared: tuple[OpenOrder, ...]
    dust: tuple[Position, ...]
    flattens: bool
    untouched: str = ""

    @property
    def clean(self) -> bool:
        """True if nothing is left to do."""
        return not self.cancels and not self.closes

    @property
    def done(self) -> FlattenStatus:
        """What an account is for which this is proven to be all."""
        if not self.flattens:
            return FlattenStatus.CANCELLED
        return FlattenStatus.FLAT_WITH_DUST if self.dust else FlattenStatus.FLAT

    @property
    def left(self) -> str:
        """Name what is left to do, the first ten of it, for the audit log."""
        orders = [f"order {o.id} {o.symbol}" for o in self.cancels]
        names = [f"{'long' if p.long else 'short'} {p.quantity} {p.symbol}" for p in self.closes] + orders
        return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")

    @property
    def remark(self) -> str:
        """Say what stays, for ``AccountProgress.detail``; empty if nothing does."""
        parts = []
        if self.spared:
            parts.append(f"{len(self.spared)} reduce-only order(s) left alone")
        if self.dust:
            parts.append("below the venue's minimum: " + ", ".join(f"{p.quantity} {p.symbol}" for p in self.dust))
        if self.flattens and self.untouched:
            parts.append(self.untouched)
        return "; ".join(parts)


def wants_work(work: Work | None) -> bool:
    """Whether anything is to be cancelled or closed."""
    return work is not None and not work.held and strongest(work) >= Action.CANCEL


def strongest(work: Work) -> Action:
    """Return the strongest action that the work asks for, on any symbol."""
    return max([work.action, *(action for _, action in work.symbols)])


def same_but_for_the_stop(one: Work | None, other: Work | None) -> bool:
    """Whether both ask for the same, in the name of whichever stop: what has been done for one counts for both."""
    if one is None or other is None:
        return one is other
    return replace(one, stop_id="") == replace(other, stop_id="")


def plan(
    work: Work,
    snapshot: VenueSnapshot,
    *,
    dust: AbstractSet[Position],
    swept: bool,
    cancel_protective: bool = False,
) -> Plan:
    """Return what ``work`` asks for in view of ``snapshot``.

    CANCEL keeps conditional reduce-only orders of positions, for they are the exits of what stays, unless
    ``cancel_protective``; FLATTEN cancels them too, because resting reduce-only orders make venues refuse the
    close. Once the account was flat (``swept``) reduce-only orders are spared: they are exits that engines may
    still send. Under FLATTEN that ends for a symbol that has a position again.
    """
    covered = [p for p in snapshot.positions if work.action_for(p.symbol) is Action.FLATTEN]
    closes = tuple(p for p in covered if p not in dust)
    closing = {p.symbol for p in closes}
    protected = set() if cancel_protective else {p.symbol for p in snapshot.positions}
    cancels: list[OpenOrder] = []
    spared: list[OpenOrder] = []
    for order in snapshot.orders:
        action = work.action_for(order.symbol)
        if action is Action.BLOCK:
            continue
        exits = closing if action is Action.FLATTEN else protected
        stays = order.reduce_only and _is_exit(order, action, has_position=order.symbol in exits, swept=swept)
        (spared if stays else cancels).append(order)
    return Plan(
        cancels=tuple(cancels),
        closes=closes,
        spared=tuple(spared),
        dust=tuple(p for p in covered if p in dust),
        flattens=strongest(work) is Action.FLATTEN,
        untouched=snapshot.untouched,
    )


def needs_names(work: Work) -> bool:
    """Whether a symbol is to be treated more strictly than the account, so that each market must be known by name."""
    return any(action > work.action for _, action in work.symbols)


def _is_exit(order: OpenOrder, action: Action, *, has_position: bool, swept: bool) -> bool:
    if action is Action.FLATTEN:
        return swept and not has_position
    return swept or (order.conditional and has_position)


def ready_to_close(
    plan: Plan, cancelling_since: dict[str, float], now: float, patience: timedelta
) -> tuple[Position, ...]:
    """Return the positions whose symbol has no order left to cancel, or whose cancels failed for too long."""
    blocked = {o.symbol for o in plan.cancels if now - cancelling_since.get(o.symbol, now) < patience.total_seconds()}
    return tuple(p for p in plan.closes if p.symbol not in blocked)


def backoff_ceiling(settings: FlattenSettings, attempt: int) -> timedelta:
    """Return the longest delay before try ``attempt`` (1, 2, ...); callers draw from zero up to it."""
    doublings = min(max(attempt - 1, 0), 16)
    return min(settings.backoff_max, settings.backoff_min * (1 << doublings))


def sweep_delay(settings: FlattenSettings, sweeps: int) -> timedelta:
    """Return the time until the next look at an account that was found flat ``sweeps`` times since it became so."""
    slowed = settings.sweep_interval * 1.5 ** min(sweeps, 32)
    return min(slowed, max(settings.sweep_interval, settings.sweep_interval_max))


def goes_stale(settings: FlattenSettings, age: timedelta, delay: timedelta) -> bool:
    """Whether a read of this age counts no more when the next may be tried after ``delay``."""
    return age + delay > max(settings.stale_after, 3 * settings.sweep_interval, 3 * settings.sweep_interval_max)
