"""Loss of an account, or of several as one: since the day began and since the high-water mark; open positions too."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf

from ess_server.core.baselines import daily_loss_percent, drawdown_percent
from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.limits import (
    Finding,
    check_names,
    check_percent,
    judge,
    shown,
    tier_of,
    verdict_on,
)
from ess_server.core.evaluators.settings import OWN_SCOPE, SECONDS, EvaluatorSettings, check_duration, fill_in
from ess_server.core.model import GLOBAL, Scope, ScopeKind
from ess_server.core.ports import MetricsRepository, Readings
from ess_server.core.readings import (
    AccountGroup,
    AccountMetrics,
    Baseline,
    Clear,
    EquityReading,
    Instant,
    Measure,
    Verdict,
)

KIND = "drawdown"
CLOCK_ERROR = timedelta(seconds=5)
"""How far the clock of a source may be off, ahead or behind, before its readings are not believed."""
LEAST_CONFIRM_OF_SUM = 2

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownSettings(EvaluatorSettings):
    """Limits for one account, or for the sum of several in one currency; at least one limit.

    A sum is read anew when each of its accounts has been, and it has a high-water mark and a day's opening of its
    own. Its scope is global unless set, because a loss of all says nothing about which one to stop. It is Unknown
    while one of its accounts is. A reset's ``rebaseline`` reaches it if it is for all of them, as a global one is.
    Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Attributes:
        account: id of the account. Empty for a sum, which names ``accounts``.
        accounts: ids of two accounts or more, for their sum. None: one account is watched.
        max_daily_loss_percent: of the day's opening equity, above 0 and at most 100. No limit, because only you know
            what a bad day is; one of the two must be set.
        max_drawdown_percent: of the high-water mark, above 0 and at most 100. No limit, likewise.
        max_age: how old the latest equity may be, above 0 s and at most a day: since it arrived, and by its own time,
            whose clock may be 5 s off. 15 s passes over a few polls that fail.
        currency: of the equity, which in another one is Unknown. Empty takes what comes, because an account has one
            equity; a sum needs it.
        confirm: as for every evaluator. 1, and for a sum 2 at least, because money on its way between two accounts may
            be on none of them for a reading, or on both.
    """

    kind: str = KIND
    account: str = ""
    accounts: tuple[str, ...] = ()
    max_daily_loss_percent: Decimal | None = None
    max_drawdown_percent: Decimal | None = None
    max_age: timedelta = field(default=timedelta(seconds=15), metadata=SECONDS)
    currency: str = ""

    def __post_init__(self) -> None:
        if self.accounts:
            self._check_sum()
        elif not self.account:
            raise InvalidRequestError(
                "account", "is empty, and there are no accounts: name one, or several in accounts"
            )
        whose = "+".join(self.accounts) or self.account
        fill_in(self, "name", self.name or f"{KIND}/{whose}")
        if self.scope == OWN_SCOPE:
            fill_in(self, "scope", GLOBAL if self.accounts else Scope(ScopeKind.ACCOUNT, self.account))
        EvaluatorSettings.__post_init__(self)
        _check_limits(self.max_daily_loss_percent, self.max_drawdown_percent)
        check_duration("max_age", self.max_age)

    @property
    def group(self) -> AccountGroup | None:
        """The accounts that are summed, None for a single one."""
        return AccountGroup(self.accounts, self.currency) if self.accounts else None

    def _check_sum(self) -> None:
        if self.account:
            raise InvalidRequestError("account", "stands beside accounts; keep one of the two")
        check_names("accounts", self.accounts)
        if len(self.accounts) == 1:
            raise InvalidRequestError("accounts", "is only one; write it as account")
        if not self.currency:
            raise InvalidRequestError("currency", "is missing: say in which currency accounts are summed")
        if self.confirm == 1:
            detail = (
                f"is too few for a sum, which one moment of a transfer falsifies; set {LEAST_CONFIRM_OF_SUM} or more"
            )
            raise InvalidRequestError("confirm", f"{self.confirm} {detail}")


def groups_of(evaluators: Iterable[EvaluatorSettings]) -> tuple[AccountGroup, ...]:
    """Return the groups that these evaluators watch, each once: those that a ``MetricsRepository`` has to keep."""
    groups = (one.group for one in evaluators if isinstance(one, DrawdownSettings))
    return tuple(dict.fromkeys(group for group in groups if group))


class DrawdownEvaluator:
    """Trips when a loss is at or past its limit, in percent; warns at shares of the limit before.

    It reports the loss that uses more of its limit. Unknown without an equity that is usable, young enough, not from
    the future, in the configured currency and beside a baseline; of a sum, that of each account and of the sum.
    """

    Settings = DrawdownSettings

    def __init__(self, settings: DrawdownSettings) -> None:
        self.name = settings.name
        self._account = settings.account
        self._group = settings.group
        self._subject = f"accounts {self._group.name}" if self._group else f"account {self._account}"
        self._daily_limit = settings.max_daily_loss_percent
        self._drawdown_limit = settings.max_drawdown_percent
        self._max_age = settings.max_age.total_seconds()
        self._oldest, self._earliest = settings.max_age + CLOCK_ERROR, -CLOCK_ERROR
        self._currency = settings.currency
        self._warn_percent = settings.warn_percent

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        found = self._read(readings.metrics, now)
        if isinstance(found, str):
            return judge(self._subject, (), found, warn_percent=self._warn_percent)
        equity, baseline = found
        is_drawdown, measure = self._loss(equity.amount, baseline, equity.time)
        tier = tier_of(measure, self._warn_percent)
        if not tier:
            # Nearly every reading: nobody is to read words on it.
            return Clear(measure)
        return verdict_on(self._subject, _finding(measure, equity, baseline, is_drawdown=is_drawdown), tier)

    def _read(self, metrics: MetricsRepository, now: Instant) -> tuple[EquityReading, Baseline] | str:
        """Return what losses are computed from, or why that is not possible."""
        if self._group is None:
            return self._usable(metrics.account(self._account), now)
        for member in self._group.accounts:
            found = self._usable(metrics.account(member), now)
            if isinstance(found, str):
                return f"{member}: {found}"
        return self._usable(metrics.group(self._group), now)

    def _usable(self, known: AccountMetrics | None, now: Instant) -> tuple[EquityReading, Baseline] | str:
        if known is None:
            return "no equity yet"
        problem = self._age_problem(known.equity, now)
        if problem:
            return problem
        if self._currency and known.equity.currency != self._currency:
            return f"the latest equity is in {known.equity.currency}, not in {self._currency}"
        if not known.equity.usable:
            return f"the latest equity is {known.equity.amount}"
        if known.baseline is None or not _is_sound(known.baseline):
            return "no baseline to measure from; if it was lost, reset with rebaseline"
        return known.equity, known.baseline

    def _age_problem(self, equity: EquityReading, now: Instant) -> str:
        age, most = now.uptime - equity.received, self._max_age
        if age == inf:
            return "no equity since the start"
        # Written so that an age which is no number is too old.
        if not abs(age) <= most:
            return f"the latest equity is {age:.1f} s old, and {most:g} s are allowed"
        own_age = now.time - equity.time
        if own_age > self._oldest:
            return f"the latest equity came lately and is {own_age.total_seconds():.1f} s old by its own time"
        if own_age < self._earliest:
            return f"the latest equity is {-own_age.total_seconds():.1f} s from the future by its own time"
        return ""

    def _loss(self, amount: Decimal, baseline: Baseline, time: datetime) -> tuple[bool, Measure]:
        """Return the loss that uses more of its limit, and whether it is the drawdown.

        Both are of one reading, so that the other adds nothing.
        """
        most, daily = self._drawdown_limit, self._daily_limit
        drawdown = _ZERO if most is None else drawdown_percent(baseline, amount)
        loss = _ZERO if daily is None else daily_loss_percent(baseline, amount)
        if most is not None and (daily is None or drawdown * daily >= loss * most):
            return True, Measure(value=drawdown, limit=most, time=time)
        # At least one of them is set.
        return False, Measure(value=loss, limit=daily or _ZERO, time=time)


def _finding(measure: Measure, equity: EquityReading, baseline: Baseline, *, is_drawdown: bool) -> Finding:
    if is_drawdown:
        loss, mark = "drawdown", f"high-water mark {baseline.high_water_mark:f}"
    else:
        loss, mark = "daily loss", f"{baseline.day} opened at {baseline.day_open:f}"
    words = f"{loss} {shown(measure.value)} % (equity {equity.amount:f} {equity.currency}, {mark})"
    return Finding(measure, words, f"{measure.limit:f} %")


def _is_sound(baseline: Baseline) -> bool:
    high, opening = baseline.high_water_mark, baseline.day_open
    return high.is_finite() and high > _ZERO and opening.is_finite() and opening > _ZERO


def _check_limits(max_daily_loss_percent: Decimal | None, max_drawdown_percent: Decimal | None) -> None:
    if max_daily_loss_percent is None and max_drawdown_percent is None:
        raise InvalidRequestError("max_daily_loss_percent", "is missing, and so is max_drawdown_percent: set one")
    check_percent("max_daily_loss_percent", max_daily_loss_percent)
    check_percent("max_drawdown_percent", max_drawdown_percent)
