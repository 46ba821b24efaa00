"""Errors of execution: stop losses in a row, refused or repeated orders, fills far off, orders after the stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.limits import Finding, check_count, check_percent, judge, shown, tier_of
from ess_server.core.evaluators.settings import OWN_SCOPE, SECONDS, EvaluatorSettings, check_duration, fill_in
from ess_server.core.execution_window import MAX_EXECUTIONS, ExecutionTally, OrderLooks
from ess_server.core.model import Scope, ScopeKind
from ess_server.core.ports import MetricsRepository, Readings
from ess_server.core.readings import Clear, Instant, Measure, Verdict

KIND = "execution_errors"
LIMITS = (
    "max_stop_losses",
    "max_failed_orders",
    "max_failed_percent",
    "max_repeated_orders",
    "max_slippage_percent",
    "max_orders_after_stop",
)
SHORTEST_WINDOW = timedelta(seconds=1)

_HUNDRED = Decimal(100)
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionErrorsSettings(EvaluatorSettings):
    """Limits for one account; at least one. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Every number of orders is 1 to 1000, every percentage above 0 and at most 100, every duration 1 s (a shorter one
    could pass between two looks) to a day.

    Attributes:
        account: id of the account.
        max_stop_losses: protective stops filled within ``window``. No limit, as for the others, because what is many
            depends on how you trade; one must be set.
        max_failed_orders: orders rejected or failed within ``window``. No limit, likewise.
        max_failed_percent: of the orders within ``window``, once there are ``min_orders``. No limit, likewise.
        max_repeated_orders: orders within ``repeat_window`` that are the same in symbol, side, quantity and price. No
            limit, likewise; market makers repeat on purpose.
        max_slippage_percent: of the worst fill within ``window``, of the price that was expected. No limit, likewise.
        max_orders_after_stop: placed or filled within ``window`` although a stop of the account stood; a stop that only
            blocks is then raised to ``action``. No limit, because an engine without a gate may be meant.
        window: how far back orders count. 60 s, long enough for a series and short enough for its cause.
        repeat_window: the same for repeated orders. 5 s, because a loop that has run away is fast.
        min_orders: orders that a percentage needs. 20, so that one rejection of one order is not 100 %.
    """

    kind: str = KIND
    account: str
    max_stop_losses: int | None = None
    max_failed_orders: int | None = None
    max_failed_percent: Decimal | None = None
    max_repeated_orders: int | None = None
    max_slippage_percent: Decimal | None = None
    max_orders_after_stop: int | None = None
    window: timedelta = field(default=timedelta(seconds=60), metadata=SECONDS)
    repeat_window: timedelta = field(default=timedelta(seconds=5), metadata=SECONDS)
    min_orders: int = 20

    def __post_init__(self) -> None:
        if not self.account:
            raise InvalidRequestError("account", "is empty")
        fill_in(self, "name", self.name or f"{KIND}/{self.account}")
        if self.scope == OWN_SCOPE:
            fill_in(self, "scope", Scope(ScopeKind.ACCOUNT, self.account))
        EvaluatorSettings.__post_init__(self)
        if all(getattr(self, limit) is None for limit in LIMITS):
            raise InvalidRequestError(LIMITS[0], f"is missing, and so are {', '.join(LIMITS[1:])}: set one")
        counts = ("max_stop_losses", "max_failed_orders", "max_repeated_orders", "max_orders_after_stop", "min_orders")
        for count in counts:
            check_count(count, getattr(self, count))
        check_percent("max_failed_percent", self.max_failed_percent)
        check_percent("max_slippage_percent", self.max_slippage_percent)
        for name, window in (("window", self.window), ("repeat_window", self.repeat_window)):
            check_duration(name, window)
            if window < SHORTEST_WINDOW:
                shortest = f"{SHORTEST_WINDOW.total_seconds():g} s"
                raise InvalidRequestError(name, f"{window.total_seconds():g} s is shorter than {shortest}")


_Read = Callable[[ExecutionTally], Decimal | int]
_Words = Callable[[ExecutionTally], str]


class _Limit(NamedTuple):
    """One limit: how it is read and told, its value, and what stands behind its number for people."""

    read: _Read
    words: _Words
    limit: Decimal
    unit: str = ""

    def measure(self, tally: ExecutionTally, now: Instant) -> Measure:
        """The reading beside the limit."""
        return Measure(value=Decimal(self.read(tally)), limit=self.limit, time=tally.newest or now.time)

    def finding(self, tally: ExecutionTally, measure: Measure) -> Finding:
        """The same with its words."""
        return Finding(measure, self.words(tally), f"{self.limit:f}{self.unit}")


class _View(NamedTuple):
    """A window, and the limits of what is in it: of ``repeats``, or else. ``slippage`` tells whether prices matter."""

    window: timedelta
    limits: tuple[_Limit, ...]
    repeats: bool = False
    slippage: bool = False

    def unknown(self, tally: ExecutionTally) -> str:
        """Why the reports do not tell; empty if they do."""
        if tally.reports >= MAX_EXECUTIONS:
            return f"{MAX_EXECUTIONS} or more reports in {self.window.total_seconds():g} s, and no more are kept"
        if self.slippage and tally.unusable_fills:
            return "a fill has prices from which no slippage can be computed"
        return ""


class ExecutionErrorsEvaluator:
    """Trips when one limit is reached; reports the one that is used most.

    How orders are counted, and slippage is measured, is told at ``ExecutionTally``.

    Unknown where slippage is limited and the prices of a fill are unusable, and where more reports arrived than
    are kept. No reports are no errors: whether the reporter lives is for system health to see.
    """

    Settings = ExecutionErrorsSettings

    def __init__(self, settings: ExecutionErrorsSettings) -> None:
        self.name = settings.name
        self._account = settings.account
        self._warn_percent = settings.warn_percent
        self._views = tuple(view for view in _views(settings) if view.limits)
        self._first_limit = self._views[0].limits[0].limit

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        worst, unknown = self._worst(readings.metrics, now)
        if worst is None:
            return Clear(Measure(value=_NONE, limit=self._first_limit, time=now.time))
        limit, tally = worst
        measure = limit.measure(tally, now)
        if not unknown and not tier_of(measure, self._warn_percent):
            # Nearly always: nobody is to read words on it.
            return Clear(measure)
        finding = limit.finding(tally, measure)
        return judge(f"account {self._account}", [finding], unknown, warn_percent=self._warn_percent)

    def _worst(self, metrics: MetricsRepository, now: Instant) -> tuple[tuple[_Limit, ExecutionTally] | None, str]:
        """Return the limit that is used most, None without reports, and why the reports do not tell."""
        share, worst, unknown = _NONE, None, ""
        for view in self._views:
            tally = metrics.execution_tally(self._account, view.window, now.uptime, repeats=view.repeats)
            if not tally.reports:
                continue
            unknown = unknown or view.unknown(tally)
            worst = worst or (view.limits[0], tally)
            for limit in view.limits:
                value = limit.read(tally)
                if value and (used := value / limit.limit) > share:
                    share, worst = used, (limit, tally)
        return worst, unknown


def _views(settings: ExecutionErrorsSettings) -> tuple[_View, _View]:
    during, lately = (f"within {w.total_seconds():g} s" for w in (settings.window, settings.repeat_window))

    def failed_percent(tally: ExecutionTally) -> Decimal:
        return tally.failed * _HUNDRED / tally.orders if tally.orders >= settings.min_orders else _NONE

    possible = (
        ("max_stop_losses", lambda t: t.stop_losses, lambda t: f"{t.stop_losses} stop losses {during}"),
        ("max_failed_orders", lambda t: t.failed, lambda t: f"{t.failed} orders rejected or failed {during}"),
        (
            "max_failed_percent",
            failed_percent,
            lambda t: f"{shown(failed_percent(t))} % of {t.orders} orders rejected or failed {during}",
        ),
        ("max_slippage_percent", lambda t: t.slippage, lambda t: f"slippage of {shown(t.slippage)} % {during}"),
        (
            "max_orders_after_stop",
            lambda t: t.after_stop,
            lambda t: f"{t.after_stop} orders placed or filled after a stop {during}",
        ),
    )
    repeats = (
        (
            "max_repeated_orders",
            lambda t: t.repeated,
            lambda t: f"the same order ({_words(t.repeated_order)}) {t.repeated} times {lately}",
        ),
    )
    return (
        _View(settings.window, _set(settings, possible), slippage=settings.max_slippage_percent is not None),
        _View(settings.repeat_window, _set(settings, repeats), repeats=True),
    )


def _set(settings: ExecutionErrorsSettings, possible: Sequence[tuple[str, _Read, _Words]]) -> tuple[_Limit, ...]:
    """Return the limits that are set."""
    limits = []
    for name, read, words in possible:
        limit = getattr(settings, name)
        if limit is not None:
            limits.append(_Limit(read, words, Decimal(limit), " %" if name.endswith("_percent") else ""))
    return tuple(limits)


def _words(order: OrderLooks | None) -> str:
    symbol, side, quantity, price = order or ("", "", None, None)
    amounts = ("" if quantity is None else f"{quantity:f}", "" if price is None else f"at {price:f}")
    return " ".join(part for part in (side, amounts[0], symbol, amounts[1]) if part)
