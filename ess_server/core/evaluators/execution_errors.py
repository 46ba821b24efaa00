"""Errors of execution: stop losses in a row, refused orders, an order sent again and again, fills far off."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from ess_server.core.account_book import MAX_EXECUTIONS
from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.limits import Finding, check_count, check_percent, judge, shown
from ess_server.core.evaluators.settings import OWN_SCOPE, SECONDS, EvaluatorSettings, check_duration, fill_in
from ess_server.core.model import Scope, ScopeKind
from ess_server.core.ports import Readings
from ess_server.core.readings import Clear, ExecutionReport, ExecutionType, Instant, Measure, Verdict

KIND = "execution_errors"
LIMITS = ("max_stop_losses", "max_failed_orders", "max_failed_percent", "max_repeated_orders", "max_slippage_percent")

_NEW, _TRADE = ExecutionType.NEW, ExecutionType.TRADE
_FAILED = (ExecutionType.REJECTED, ExecutionType.FAILED)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionErrorsSettings(EvaluatorSettings):
    """Limits for one account; at least one. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Every number of orders is 1 to 1000, every percentage above 0 and at most 100, every duration above 0 s and at
    most a day.

    Attributes:
        account: id of the account.
        max_stop_losses: protective stops filled within ``window``; None for no limit, as for the others.
        max_failed_orders: orders rejected or failed within ``window``.
        max_failed_percent: of the orders within ``window``, once there are ``min_orders``.
        max_repeated_orders: orders within ``repeat_window`` that are the same in symbol, side, quantity and price.
        max_slippage_percent: of the worst fill within ``window``, of the price that was expected.
        window: how far back orders count.
        repeat_window: the same for repeated orders; short, because a loop that has run away is fast.
        min_orders: orders that a percentage needs, so that one rejection of one order is not 100 %.
    """

    kind: str = KIND
    account: str
    max_stop_losses: int | None = None
    max_failed_orders: int | None = None
    max_failed_percent: Decimal | None = None
    max_repeated_orders: int | None = None
    max_slippage_percent: Decimal | None = None
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
        for count in ("max_stop_losses", "max_failed_orders", "max_repeated_orders", "min_orders"):
            check_count(count, getattr(self, count))
        check_percent("max_failed_percent", self.max_failed_percent)
        check_percent("max_slippage_percent", self.max_slippage_percent)
        check_duration("window", self.window)
        check_duration("repeat_window", self.repeat_window)


class ExecutionErrorsEvaluator:
    """Trips when one limit is reached; reports the one that is used most.

    Orders are counted by client order id, so that an order told twice, or filled in parts, counts once; without an
    id each report counts, and a fill does not, for it may be a part. A rejection or failure always counts, because
    a loop may use one id for ever. What a report does not tell (quantity, price) is equal to what another does not
    tell. Slippage is the worst of the window, not an average in which small fills hide a large loss, and only
    to the account's disadvantage unless the side is not told; fills without an expected price have none.

    Unknown where slippage is limited and the prices of a fill are unusable, and where more reports arrived than
    are kept. No reports are no errors: whether the reporter lives is for system health to see.
    """

    Settings = ExecutionErrorsSettings

    def __init__(self, settings: ExecutionErrorsSettings) -> None:
        self.name = settings.name
        self._limits = settings
        self._window = settings.window.total_seconds()
        self._repeat_window = settings.repeat_window.total_seconds()
        limits = (getattr(settings, limit) for limit in LIMITS)
        self._first_limit = Decimal(next(limit for limit in limits if limit is not None))

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        longest = max(self._window, self._repeat_window)
        kept = readings.metrics.executions(self._limits.account, now.uptime - longest)
        if not kept:
            return Clear(Measure(value=Decimal(0), limit=self._first_limit, time=now.time))
        within = _since(kept, now.uptime - self._window)
        slips = [_slippage(r) for r in within if r.execution_type is _TRADE and r.expected_price is not None]
        time = kept[-1].time
        findings = [
            *self._counted(within, time),
            *self._repeated(_since(kept, now.uptime - self._repeat_window), time),
            *self._slipped([s for s in slips if s is not None], time),
        ]
        unknown = ""
        if len(kept) >= MAX_EXECUTIONS:
            unknown = f"{MAX_EXECUTIONS} or more reports in {longest:g} s, and no more are kept"
        elif self._limits.max_slippage_percent is not None and None in slips:
            unknown = "a fill has prices from which no slippage can be computed"
        return judge(f"account {self._limits.account}", findings, unknown, warn_percent=self._limits.warn_percent)

    def _counted(self, within: Sequence[ExecutionReport], time: datetime) -> Iterator[Finding]:
        orders = _orders(within)
        failed = sum(order.execution_type in _FAILED for order in orders)
        during = f"within {self._window:g} s"
        if self._limits.max_stop_losses is not None:
            hits = len(_distinct([r for r in within if r.stop_loss and r.execution_type is _TRADE]))
            yield _count(hits, self._limits.max_stop_losses, f"{hits} stop losses {during}", time)
        if self._limits.max_failed_orders is not None:
            words = f"{failed} orders rejected or failed {during}"
            yield _count(failed, self._limits.max_failed_orders, words, time)
        if self._limits.max_failed_percent is not None:
            enough = len(orders) >= self._limits.min_orders
            percent = failed * _HUNDRED / len(orders) if enough else Decimal(0)
            words = f"{shown(percent)} % of {len(orders)} orders rejected or failed {during}"
            yield _percent(percent, self._limits.max_failed_percent, words, time)

    def _repeated(self, lately: Sequence[ExecutionReport], time: datetime) -> Iterator[Finding]:
        if self._limits.max_repeated_orders is None:
            return
        same = Counter(_sameness(order) for order in _orders(lately)).most_common(1)
        order, times = same[0] if same else (("", "", None, None), 0)
        words = f"the same order ({_order_words(*order)}) {times} times within {self._repeat_window:g} s"
        yield _count(times, self._limits.max_repeated_orders, words, time)

    def _slipped(self, slips: Sequence[Decimal], time: datetime) -> Iterator[Finding]:
        if self._limits.max_slippage_percent is not None:
            worst = max(slips, default=Decimal(0))
            words = f"slippage of {shown(worst)} % within {self._window:g} s"
            yield _percent(worst, self._limits.max_slippage_percent, words, time)


def _since(kept: Sequence[ExecutionReport], since: float) -> list[ExecutionReport]:
    # Not the opposite comparison: an arrival that is no number counts.
    return [r for r in kept if not r.received < since]


def _orders(reports: Sequence[ExecutionReport]) -> list[ExecutionReport]:
    """Return one report for each order: every failure, and the first of each accepted order that did not fail."""
    failures = [r for r in reports if r.execution_type in _FAILED]
    ids = {r.client_order_id for r in failures} - {""}
    told = [r for r in reports if r.execution_type is _NEW or (r.execution_type is _TRADE and r.client_order_id)]
    return failures + _distinct([r for r in told if r.client_order_id not in ids])


def _distinct(reports: Sequence[ExecutionReport]) -> list[ExecutionReport]:
    # A report without an order id stands for itself.
    return list({r.client_order_id or (r.id,): r for r in reversed(reports)}.values())


def _sameness(order: ExecutionReport) -> tuple[str, str, Decimal | None, Decimal | None]:
    return order.symbol, order.side, _finite(order.quantity), _finite(order.price)


def _order_words(symbol: str, side: str, quantity: Decimal | None, price: Decimal | None) -> str:
    parts = [side, "" if quantity is None else f"{quantity:f}", symbol, "" if price is None else f"at {price:f}"]
    return " ".join(part for part in parts if part) or "none"


def _finite(value: Decimal | None) -> Decimal | None:
    # NaN equals nothing, not even itself, so that a loop of such orders would never repeat itself.
    return value if value is not None and value.is_finite() else None


def _slippage(fill: ExecutionReport) -> Decimal | None:
    """Return percent of the expected price to the disadvantage of the account, 0 for none; None if unusable."""
    price, expected = _finite(fill.price), _finite(fill.expected_price)
    if price is None or expected is None or not (price > 0 and expected > 0):
        return None
    percent = (price - expected) * _HUNDRED / expected
    return max({"buy": percent, "sell": -percent}.get(fill.side, abs(percent)), Decimal(0))


def _count(value: int, limit: int, words: str, time: datetime) -> Finding:
    return Finding(Measure(value=Decimal(value), limit=Decimal(limit), time=time), words, str(limit))


def _percent(value: Decimal, limit: Decimal, words: str, time: datetime) -> Finding:
    return Finding(Measure(value=value, limit=limit, time=time), words, f"{limit:f} %")
