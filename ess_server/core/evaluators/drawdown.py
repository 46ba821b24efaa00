"""Loss of an account: since the day began, and since its high-water mark; open positions included."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from math import inf

from ess_server.core.baselines import daily_loss_percent, drawdown_percent
from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.settings import OWN_SCOPE, SECONDS, EvaluatorSettings, check_duration, fill_in
from ess_server.core.model import Scope, ScopeKind
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    Baseline,
    Clear,
    EquityReading,
    Instant,
    Measure,
    Trip,
    Unknown,
    Verdict,
    Warn,
)

KIND = "drawdown"

_PERCENT = Decimal(100)
_SHOWN = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownSettings(EvaluatorSettings):
    """Limits for one account; at least one of the two. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Attributes:
        account: id of the account.
        max_daily_loss_percent: of the day's opening equity, above 0 and at most 100; None for no limit.
        max_drawdown_percent: of the high-water mark, above 0 and at most 100; None for no limit.
        max_age: how old the latest equity may be, above 0 s and at most a day.
        currency: the equity's; one in another currency is Unknown. Empty takes what comes.
    """

    kind: str = KIND
    account: str
    max_daily_loss_percent: Decimal | None = None
    max_drawdown_percent: Decimal | None = None
    max_age: timedelta = field(default=timedelta(seconds=15), metadata=SECONDS)
    currency: str = ""

    def __post_init__(self) -> None:
        if not self.account:
            raise InvalidRequestError("account", "is empty")
        fill_in(self, "name", self.name or f"{KIND}/{self.account}")
        if self.scope == OWN_SCOPE:
            fill_in(self, "scope", Scope(ScopeKind.ACCOUNT, self.account))
        EvaluatorSettings.__post_init__(self)
        _check_limits(self.max_daily_loss_percent, self.max_drawdown_percent)
        check_duration("max_age", self.max_age)


class DrawdownEvaluator:
    """Trips when a loss is at or past its limit, in percent; warns at shares of the limit before.

    It reports the loss that uses more of its limit. Unknown without an equity that is usable, young enough by the
    uptime at which it arrived, in the configured currency and beside a baseline.
    """

    Settings = DrawdownSettings

    def __init__(self, settings: DrawdownSettings) -> None:
        self.name = settings.name
        self._account = settings.account
        self._daily_limit = settings.max_daily_loss_percent
        self._drawdown_limit = settings.max_drawdown_percent
        self._max_age = settings.max_age.total_seconds()
        self._currency = settings.currency
        self._warn_tiers = tuple(reversed(settings.warn_percent))

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        metrics = readings.metrics.account(self._account)
        if metrics is None:
            return self._unknown("no equity yet")
        problem = self._problem(metrics.equity, now)
        if problem:
            return self._unknown(problem)
        if metrics.baseline is None or not _is_sound(metrics.baseline):
            return self._unknown("no baseline to measure from; if it was lost, reset with rebaseline")
        return self._judge(max(self._losses(metrics.equity, metrics.baseline), key=_share_of_limit))

    def _unknown(self, problem: str) -> Unknown:
        return Unknown(f"account {self._account}: {problem}")

    def _problem(self, equity: EquityReading, now: Instant) -> str:
        age = now.uptime - equity.received
        if age == inf:
            return "no equity since the start"
        # Written so that an age which is no number is too old.
        if not abs(age) <= self._max_age:
            return f"the latest equity is {age:.1f} s old, and {self._max_age:g} s are allowed"
        if self._currency and equity.currency != self._currency:
            return f"the latest equity is in {equity.currency}, not in {self._currency}"
        if not equity.usable:
            return f"the latest equity is {equity.amount}"
        return ""

    def _losses(self, equity: EquityReading, baseline: Baseline) -> Iterator["_Loss"]:
        if self._drawdown_limit is not None:
            value = drawdown_percent(baseline, equity.amount)
            measure = Measure(value=value, limit=self._drawdown_limit, time=equity.time)
            yield _Loss("drawdown", measure, equity, f"high-water mark {baseline.high_water_mark:f}")
        if self._daily_limit is not None:
            value = daily_loss_percent(baseline, equity.amount)
            measure = Measure(value=value, limit=self._daily_limit, time=equity.time)
            yield _Loss("daily loss", measure, equity, f"{baseline.day} opened at {baseline.day_open:f}")

    def _judge(self, loss: "_Loss") -> Verdict:
        measure = loss.measure
        if not measure.value < measure.limit:
            return Trip(measure, f"account {self._account}: {loss} reached the limit of {measure.limit:f} %")
        used = measure.value * _PERCENT
        for tier in self._warn_tiers:
            if used >= measure.limit * tier:
                return Warn(
                    measure,
                    tier,
                    f"account {self._account}: {loss} is past {tier} % of the limit of {measure.limit:f} %",
                )
        return Clear(measure)


@dataclass(frozen=True, slots=True)
class _Loss:
    words: str
    measure: Measure
    equity: EquityReading
    mark: str

    def __str__(self) -> str:
        shown = self.measure.value.quantize(_SHOWN, ROUND_DOWN).normalize()
        return f"{self.words} {shown:f} % (equity {self.equity.amount:f} {self.equity.currency}, {self.mark})"


def _share_of_limit(loss: _Loss) -> Decimal:
    return loss.measure.value / loss.measure.limit


def _is_sound(baseline: Baseline) -> bool:
    return all(mark.is_finite() and mark > 0 for mark in (baseline.high_water_mark, baseline.day_open))


def _check_limits(max_daily_loss_percent: Decimal | None, max_drawdown_percent: Decimal | None) -> None:
    if max_daily_loss_percent is None and max_drawdown_percent is None:
        raise InvalidRequestError("max_daily_loss_percent", "is missing, and so is max_drawdown_percent: set one")
    _check_percent("max_daily_loss_percent", max_daily_loss_percent)
    _check_percent("max_drawdown_percent", max_drawdown_percent)


def _check_percent(name: str, value: Decimal | None) -> None:
    if value is None:
        return
    if not isinstance(value, Decimal):
        raise InvalidRequestError(name, f"{value!r} is not a Decimal")
    if not (value.is_finite() and 0 < value <= _PERCENT):
        raise InvalidRequestError(name, f"{value} is not above 0 and at most 100")
