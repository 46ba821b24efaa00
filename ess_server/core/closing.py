"""How positions of one account are closed: at market at once, or within a price bound and in slices, for a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ess_server.core.venue_snapshot import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingRules:
    """What one account asks for beside "close everything now".

    Until ``market_after`` has passed since a position's first close, its orders are bounded by ``collar`` (a fraction
    of the mark price, above 0 and below 1; None: no bound), and no more than one of ``slices`` (1 to 100) becomes due
    every ``slice_interval``. Then what is left goes at market, all at once. With ``cancel_protective`` a stop with
    action CANCEL takes the exits of positions that stay as well.
    """

    collar: Decimal | None = None
    slices: int = 1
    slice_interval: timedelta = timedelta(seconds=5)
    market_after: timedelta = timedelta(seconds=30)
    cancel_protective: bool = False

    @property
    def at_market(self) -> bool:
        """True if there is nothing to hold back."""
        return self.collar is None and self.slices == 1


def rules_entry(rules: ClosingRules) -> dict[str, Any]:
    """Return the rules as JSON, for the venue process."""
    return {
        "collar": None if rules.collar is None else str(rules.collar),
        "slices": rules.slices,
        "slice_interval_s": rules.slice_interval.total_seconds(),
        "market_after_s": rules.market_after.total_seconds(),
        "cancel_protective": rules.cancel_protective,
    }


def read_rules(entry: Mapping[str, Any]) -> ClosingRules:
    """Read what ``rules_entry`` wrote. Raises KeyError, TypeError, ValueError or ArithmeticError."""
    return ClosingRules(
        collar=None if entry["collar"] is None else Decimal(entry["collar"]),
        slices=entry["slices"],
        slice_interval=timedelta(seconds=entry["slice_interval_s"]),
        market_after=timedelta(seconds=entry["market_after_s"]),
        cancel_protective=entry["cancel_protective"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """One close that is due: ``position`` with the quantity to send, ``limit`` None for a market order."""

    position: Position
    limit: Decimal | None = None


@dataclass(slots=True)
class _Begun:
    uptime: float
    quantity: Decimal
    whole: bool = False


@dataclass(slots=True)
class ClosingSchedule:
    """Says which part of each position is due, for one piece of work.

    What has been closed is read from the venue, never counted: a slice that did not fill stays due. A position whose
    mark price is not told waits for ``market_after`` under a collar, for a bound cannot be named.
    """

    rules: ClosingRules
    _begun: dict[tuple[str, bool], _Begun] = field(default_factory=dict)

    def due(self, positions: Sequence[Position], now: float) -> tuple[Close, ...]:
        """Return what is to be sent at uptime ``now``, in seconds."""
        if self.rules.at_market:
            return tuple(Close(position=p) for p in positions)
        return tuple(close for p in positions if (close := self._part(p, now)) is not None)

    def holds_back(self, positions: Sequence[Position], now: float) -> bool:
        """Whether one of them is not at market yet, so that it need not be closed by one order."""
        rules = self.rules
        if rules.at_market:
            return False
        patience = rules.market_after.total_seconds()
        return any(b is None or now - b.uptime < patience for b in map(self._begun.get, map(_key, positions)))

    def release(self, position: Position) -> bool:
        """Hold less of this position back, for its slice is too small; False if nothing was held back already.

        It is tried as a whole within the price bound, then at market.
        """
        begun = self._begun.get(_key(position))
        if begun is None or begun.uptime == -math.inf:
            return False
        if self.rules.collar is None or self.rules.slices == 1 or begun.whole:
            begun.uptime = -math.inf
        begun.whole = True
        return True

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Forget what was begun in symbols that are not ``wanted`` any more: they would begin anew."""
        self._begun = {leg: begun for leg, begun in self._begun.items() if wanted(leg[0])}

    def _part(self, position: Position, now: float) -> Close | None:
        begun = self._begun.setdefault(_key(position), _Begun(now, position.quantity))
        age = now - begun.uptime
        if age >= self.rules.market_after.total_seconds():
            return Close(position=position)
        begun.quantity = max(begun.quantity, position.quantity)
        elapsed = int(age / self.rules.slice_interval.total_seconds()) + 1
        slices = self.rules.slices if begun.whole else min(self.rules.slices, elapsed)
        quantity = position.quantity - begun.quantity * (self.rules.slices - slices) / self.rules.slices
        if quantity <= 0:
            return None
        if self.rules.collar is None:
            return Close(position=replace(position, quantity=quantity))
        if position.price is None:
            return None
        bound = 1 - self.rules.collar if position.long else 1 + self.rules.collar
        return Close(position=replace(position, quantity=quantity), limit=position.price * bound)


def _key(position: Position) -> tuple[str, bool]:
    return position.symbol, position.long
