"""What evaluators with several limits share: findings, the verdict on them, silence, and ranges of settings."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from math import inf
from typing import NamedTuple

from ess_server.core.errors import InvalidRequestError
from ess_server.core.readings import Clear, Instant, Measure, Trip, Unknown, Verdict, Warn

WARN_TIERS = (50, 75, 90)
"""Percent of the limit at which a warning is given, unless configured otherwise."""
SILENCE_TIERS = (90,)
"""Of silence: a reporter that is on time uses most of its allowance again and again, and that is no warning."""
LOWEST_TIER, HIGHEST_TIER = 1, 99
MAX_COUNT = 1000
MAX_NAME_BYTES = 256

_REACHED = 100
_HUNDRED = Decimal(100)
_SHOWN = Decimal("0.0001")
_MICROSECOND = Decimal("0.000001")
_MOST_DIGITS = 20


class Finding(NamedTuple):
    """A reading beside its limit.

    ``words`` is the reading; ``limit`` the limit, empty where the reading says all. Either may be a function that is
    called if somebody has to read it: of a hundred readings a tick hardly any is. ``silent`` marks a reading that is
    near its limit on a good day too: time without news, and how full the host is.
    """

    measure: Measure
    words: str | Callable[[], str]
    limit: str | Callable[[], str] = ""
    silent: bool = False

    def tier(self, warn_percent: Sequence[int]) -> int:
        """Percent of the limit that is passed, see ``tier_of``."""
        return tier_of(self.measure, silence_tiers(warn_percent) if self.silent else warn_percent)


def tier_of(measure: Measure, tiers: Sequence[int]) -> int:
    """Return the percent of the limit that is passed: 100 at or past it, else the highest tier reached, else 0."""
    value, limit = measure.value, measure.limit
    if not value:
        return 0
    if not value < limit:
        return _REACHED
    used = value * _HUNDRED
    if not tiers or used < limit * tiers[0]:
        return 0
    return max(t for t in tiers if used >= limit * t)


def silence_tiers(warn_percent: Sequence[int]) -> Sequence[int]:
    """Return the tiers for silence: those that were chosen, SILENCE_TIERS where the choice is the default."""
    return SILENCE_TIERS if warn_percent == WARN_TIERS else warn_percent


def judge(subject: str, findings: Sequence[Finding], unknown: str = "", *, warn_percent: Sequence[int]) -> Verdict:
    """Return the verdict on the finding that uses most of its limit, with a warning at each of ``warn_percent``.

    Of several breaches it is the one read last, so that each is counted where they are to be confirmed. A breach
    outweighs what is ``unknown``; that outweighs everything else, as does having found nothing.
    """
    tier, worst = _worst(findings, warn_percent)
    if worst is None or (unknown and tier != _REACHED):
        return Unknown(f"{subject}: {unknown or 'nothing to judge'}")
    return verdict_on(subject, worst, tier)


def verdict_on(subject: str, finding: Finding, tier: int) -> Verdict:
    """Return the verdict on one finding, of which ``tier`` is passed."""
    if not tier:
        return Clear(finding.measure)
    limit = _said(finding.limit)
    if tier == _REACHED:
        reached = f" reached the limit of {limit}" if limit else ""
        return Trip(finding.measure, f"{subject}: {_said(finding.words)}{reached}")
    passed = f" is past {tier} % of the limit of {limit}" if limit else ""
    return Warn(finding.measure, tier, f"{subject}: {_said(finding.words)}{passed}")


def _worst(findings: Sequence[Finding], warn_percent: Sequence[int]) -> tuple[int, Finding | None]:
    """Return the finding that passes the highest tier, with it; among equals by what they use, or by time."""
    highest, worst = -1, None
    for finding in findings:
        tier = finding.tier(warn_percent)
        if (
            worst is None
            or tier > highest
            or (tier == highest and _outweighs(finding, worst, breached=tier == _REACHED))
        ):
            highest, worst = tier, finding
    return max(highest, 0), worst


def _outweighs(one: Finding, other: Finding, *, breached: bool) -> bool:
    if breached and one.measure.time != other.measure.time:
        return one.measure.time > other.measure.time
    # What uses nothing is most of what there is, and no division.
    return bool(one.measure.value) and one.measure.share > other.measure.share


def _said(words: str | Callable[[], str]) -> str:
    return words if isinstance(words, str) else words()


def is_arrival(since: float, now: Instant, ahead: timedelta) -> bool:
    """Whether uptime ``since`` is a number, and no further ahead than an arrival during the evaluation can be."""
    return -ahead.total_seconds() <= now.uptime - since < inf


def silence(since: float, now: Instant) -> Decimal:
    """Return the seconds since uptime ``since``, to the microsecond and never below zero; pauses do not count."""
    return Decimal(max(now.since(since), 0.0)).quantize(_MICROSECOND, ROUND_DOWN)


def shown(value: Decimal) -> str:
    """Return a number for people, with at most four decimals and never rounded up to a limit."""
    if not value.is_finite() or value.adjusted() >= _MOST_DIGITS:
        # More digits than a number has in computing with it.
        return f"{value:.4e}"
    return f"{value.quantize(_SHOWN, ROUND_DOWN).normalize():f}"


def check_count(name: str, value: int | None, least: int = 1) -> None:
    """Raise InvalidRequestError unless ``value`` is None or ``least`` to ``MAX_COUNT``."""
    if value is not None and not least <= value <= MAX_COUNT:
        raise InvalidRequestError(name, f"{value} is not {least} to {MAX_COUNT}")


def check_percent(name: str, value: Decimal | None, most: int = 100) -> None:
    """Raise InvalidRequestError unless ``value`` is None or a Decimal above 0 and at most ``most``."""
    if value is None:
        return
    if not isinstance(value, Decimal):
        raise InvalidRequestError(name, f"{value!r} is not a Decimal")
    if not (value.is_finite() and 0 < value <= most):
        raise InvalidRequestError(name, f"{value} is not above 0 and at most {most}")


def check_tiers(name: str, values: Sequence[int]) -> None:
    """Raise InvalidRequestError unless the values rise, each a percentage from 1 to 99."""
    if list(values) != sorted({v for v in values if LOWEST_TIER <= v <= HIGHEST_TIER}):
        raise InvalidRequestError(name, f"{list(values)} do not rise from {LOWEST_TIER} to {HIGHEST_TIER}, each once")


def check_names(name: str, values: Sequence[str]) -> None:
    """Raise InvalidRequestError unless every name is 1 to ``MAX_NAME_BYTES`` bytes long and there once."""
    for value in values:
        if not 0 < len(value.encode()) <= MAX_NAME_BYTES:
            raise InvalidRequestError(name, f'"{value[:80]}" is not 1 to {MAX_NAME_BYTES} bytes long')
        if values.count(value) > 1:
            raise InvalidRequestError(name, f'"{value[:80]}" is listed twice; leave one out')
