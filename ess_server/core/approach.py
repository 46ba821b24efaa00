"""How close the readings of one evaluator come to its limit: warn tiers that do not flap, and near misses. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ess_server.core.readings import Clear, Instant, Measure, Trip, Warn

HYSTERESIS_PERCENT = 5
"""A tier is left only when less than this much below it is used, in points of the limit; of a tier below 10, when
less than half of it is. Equity that flaps around a tier is then one warning, and not one for each reading."""
TIER_HOLDS = 1.0
"""Seconds for which a tier holds after it was last read. What flaps between well and ill is then one warning a second
at most, however often it is read."""
LIMIT_PERCENT = 100

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """What came close and went away without a trip, from ``began`` on. ``peak`` used most of the limit.

    ``breached`` tells that the limit was reached, and not confirmed.
    """

    began: Instant
    peak: Measure
    breached: bool

    def __str__(self) -> str:
        used = f"{_shown(self.peak.value)}, {self.peak.limit_used:.0%} of the limit {_shown(self.peak.limit)}"
        return f"read a breach ({used}) that was not confirmed" if self.breached else f"came close ({used})"


def _shown(value: Decimal) -> str:
    """Cut to four decimals: what is rounded up would look like the limit, and what is quantized may raise."""
    whole, point, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals[:4]}".rstrip("0").rstrip(".") if point else whole


@dataclass(frozen=True, slots=True, kw_only=True)
class _Episode:
    miss: NearMiss
    decided: bool = False


class Approach:
    """Follows readings. What is not read, because it is unknown, ends nothing.

    The tier rises with the reading, to the highest one at and past the limit. It falls, to the tier that is then
    read, once the reading is clearly below it (``HYSTERESIS_PERCENT``) and has been so for ``TIER_HOLDS``.

    An episode lasts from the reading that passes the highest tier, or the limit where no tier is configured, until
    one clearly below it. It is a near miss, and counted once, if nothing was decided in it: the highest tier was
    passed and left again, or a breach was read, not confirmed, and was then over. One in which a breach was
    confirmed, also of an evaluator in shadow mode or one that a person went past, is a trip and no near miss.
    """

    def __init__(self, warn_percent: Sequence[int]) -> None:
        self.tier_percent = 0
        """Tier that is passed; 0 for none."""
        self.near_misses = 0
        """Episodes that ended without a trip, since this was made."""
        self._highest = max(warn_percent, default=0)
        self._close_at = self._highest or LIMIT_PERCENT
        self._episode: _Episode | None = None
        self._tier_read = float("-inf")

    @property
    def is_close(self) -> bool:
        """Whether an episode is under way: the highest tier was passed, and no reading was clearly below it since."""
        return self._episode is not None

    @property
    def decided(self) -> bool:
        """Whether a breach was confirmed in the present episode."""
        return self._episode is not None and self._episode.decided

    def memory(self) -> dict[str, object]:
        """Return everything that bears on what follows; of an episode that is decided, that it is."""
        held: dict[str, object] = vars(self) | {"near_misses": 0}
        if not self.tier_percent:
            # When a tier was last read matters only while one is passed.
            held.pop("_tier_read", None)
        if self.decided:
            held["_episode"] = "decided"
        return held

    def follow(self, verdict: Clear | Warn | Trip, now: Instant, *, decided: bool) -> NearMiss | None:
        """Take a reading; ``decided`` tells that it confirms a breach. Return the near miss that it ends, if any."""
        if isinstance(verdict, Clear) and not self.tier_percent and self._episode is None:
            # Nearly every reading: it is below every tier, and nothing is under way that could end.
            return None
        measure, breached = verdict.measure, isinstance(verdict, Trip)
        self._follow_tier(verdict, now)
        if breached or _uses(measure, Decimal(self._close_at)):
            # Once it is decided, nobody asks how close it came.
            if not self.decided:
                self._episode = _lasting(self._episode, measure, now, breached=breached, decided=decided)
            return None
        if self._episode is None or _uses(measure, _left_below(self._close_at)):
            return None
        ended, self._episode = self._episode, None
        if ended.decided:
            return None
        self.near_misses += 1
        return ended.miss

    def stopped(self) -> None:
        """Take note that a stop stands, which says more than a warning."""
        self.tier_percent = 0

    def forget(self) -> None:
        """Begin anew without judging what was under way, as after a release: how it went on was not looked at."""
        self._episode = None

    def _follow_tier(self, verdict: Clear | Warn | Trip, now: Instant) -> None:
        read = self._highest if isinstance(verdict, Trip) else verdict.tier_percent if isinstance(verdict, Warn) else 0
        if read >= self.tier_percent or _uses(verdict.measure, _left_below(self.tier_percent)):
            self.tier_percent = max(read, self.tier_percent)
            self._tier_read = now.uptime
        elif not isinstance(verdict, Trip) and now.uptime - self._tier_read >= TIER_HOLDS:
            self.tier_percent, self._tier_read = read, now.uptime


def _lasting(episode: _Episode | None, measure: Measure, now: Instant, *, breached: bool, decided: bool) -> _Episode:
    """Return the episode with one more reading, or one that begins with it."""
    if episode is None:
        return _Episode(miss=NearMiss(began=now, peak=measure, breached=breached), decided=decided)
    before = episode.miss
    peak = measure if measure.share > before.peak.share else before.peak
    return _Episode(miss=replace(before, peak=peak, breached=before.breached or breached), decided=decided)


def _left_below(tier: int) -> Decimal:
    return tier - min(Decimal(HYSTERESIS_PERCENT), Decimal(tier) / 2)


def _uses(measure: Measure, percent: Decimal) -> bool:
    """Whether so much of the limit is used."""
    return measure.share * _HUNDRED >= percent
