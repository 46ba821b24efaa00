"""What the execution reports of the last seconds add up to, kept up to date report by report."""

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ess_server.core.readings import ExecutionReport, ExecutionType

MAX_EXECUTIONS = 10_000
"""Execution reports kept per account, and in one window; the oldest are forgotten."""

_NEW, _TRADE = ExecutionType.NEW, ExecutionType.TRADE
_FAILED = (ExecutionType.REJECTED, ExecutionType.FAILED)
_HUNDRED = Decimal(100)
_NOTHING = Decimal(0)


class OrderLooks(NamedTuple):
    """What makes two orders the same; None is a number that was not told or is none."""

    symbol: str
    side: str
    quantity: Decimal | None
    price: Decimal | None


class ExecutionTally(NamedTuple):
    """What the reports of a window add up to.

    Orders are counted by client order id, so that an order told twice, or filled in parts, counts once; without an
    id each report counts, and a fill does not, for it may be a part. A rejection or failure always counts, because
    a loop may use one id for ever.

    Attributes:
        reports: how many there are, ``MAX_EXECUTIONS`` for so many or more.
        newest: time of the one that arrived last, None without any.
        orders: accepted, rejected and failed.
        failed: rejected and failed.
        stop_losses: protective stops that were filled.
        after_stop: orders placed or filled after a stop, see ``LateOrders``.
        repeated: most orders that are the same in symbol, side, quantity and price, as each was first told; 0 where
            that was not asked for.
        repeated_order: what these look like, None without any.
        slippage: worst of the fills, in percent of the price that was expected, to the disadvantage of the account
            unless the side is not told; 0 for none.
        unusable_fills: those with an expected price from whose prices no slippage can be computed.
    """

    reports: int = 0
    newest: datetime | None = None
    orders: int = 0
    failed: int = 0
    stop_losses: int = 0
    after_stop: int = 0
    repeated: int = 0
    repeated_order: OrderLooks | None = None
    slippage: Decimal = _NOTHING
    unusable_fills: int = 0


NO_EXECUTIONS = ExecutionTally()
"""That of a window without a report."""


@dataclass(slots=True)
class _Order:
    """What a window holds of one client order id; ``accepted`` are its placements and fills, oldest first."""

    failures: int = 0
    accepted: deque[ExecutionReport] = field(default_factory=deque)


class _Commonest:
    """Counts orders by their looks, and knows which are most."""

    def __init__(self) -> None:
        self.most = 0
        self._counts: dict[OrderLooks, int] = {}
        self._by_count: dict[int, dict[OrderLooks, None]] = {}

    @property
    def one(self) -> OrderLooks | None:
        """One of those that are most."""
        return next(iter(self._by_count[self.most])) if self.most else None

    def count(self, report: ExecutionReport, by: int) -> None:
        """Count an order once more (1), or once less (-1)."""
        looks = OrderLooks(report.symbol, report.side, _finite(report.quantity), _finite(report.price))
        before = self._counts.pop(looks, 0)
        after = before + by
        if before:
            del self._by_count[before][looks]
        if after:
            self._counts[looks] = after
            self._by_count.setdefault(after, {})[looks] = None
        if not self._by_count.get(before, True):
            del self._by_count[before]
        self.most = after if after > self.most or (before == self.most and before not in self._by_count) else self.most


class ExecutionWindow:
    """The reports of the last ``length`` seconds, in the order of their arrival. Not thread-safe.

    A report costs the same however many there are. ``repeats`` counts orders that are the same.
    """

    def __init__(self, length: float, reports: Iterable[ExecutionReport] = (), *, repeats: bool = False) -> None:
        self._length = length
        self._repeats = repeats
        self._reports: deque[tuple[ExecutionReport, Decimal | None]] = deque()
        self._orders: dict[str, _Order] = {}
        self._counted = 0
        self._failed = 0
        self._unusable = 0
        self._stop_losses: Counter[Hashable] = Counter()
        self._after_stop: Counter[Hashable] = Counter()
        self._same = _Commonest()
        self._worst: deque[tuple[Decimal, ExecutionReport]] = deque()
        self._tally: ExecutionTally | None = None
        for report in reports:
            self.add(report)

    def add(self, report: ExecutionReport) -> None:
        """Take a report that arrived after all others."""
        slip = _slippage(report) if _tells_slippage(report) else _NOTHING
        self._reports.append((report, slip))
        self._count(report, slip, 1)
        if slip:
            while self._worst and self._worst[-1][0] <= slip:
                self._worst.pop()
            self._worst.append((slip, report))
        if len(self._reports) > MAX_EXECUTIONS:
            self._drop()
        # Here, and not only when somebody looks: a look is to cost little, however much has come and gone.
        self._forget_before(report.received - self._length)
        self._tally = None

    def tally(self, until: float) -> ExecutionTally:
        """Return what is in the window that ends at uptime ``until``, which never goes back; later arrivals count."""
        self._forget_before(until - self._length)
        if self._tally is None:
            self._tally = self._sum() if self._reports else NO_EXECUTIONS
        return self._tally

    def _sum(self) -> ExecutionTally:
        # Without names, which take half as long again: one of each account a tick.
        return ExecutionTally(
            len(self._reports),
            self._reports[-1][0].time,
            self._counted + self._failed,
            self._failed,
            len(self._stop_losses),
            len(self._after_stop),
            self._same.most,
            self._same.one,
            self._worst[0][0] if self._worst else _NOTHING,
            self._unusable,
        )

    def _forget_before(self, since: float) -> None:
        while self._reports and self._reports[0][0].received < since:
            self._drop()
            self._tally = None

    def _drop(self) -> None:
        report, slip = self._reports.popleft()
        self._count(report, slip, -1)
        if self._worst and self._worst[0][1] is report:
            self._worst.popleft()

    def _count(self, report: ExecutionReport, slip: Decimal | None, by: int) -> None:
        kind, ident = report.execution_type, report.client_order_id
        if kind in _FAILED:
            self._failed += by
            if self._repeats:
                self._same.count(report, by)
            if ident:
                self._fail(ident, by)
        elif kind in (_NEW, _TRADE):
            if ident:
                self._accept(ident, report, by)
            elif kind is _NEW:
                self._accepted(report, by)
            if report.stop_loss and kind is _TRADE:
                _count_in(self._stop_losses, ident or (report.id,), by)
            if report.after_stop:
                _count_in(self._after_stop, ident or (report.id,), by)
        if slip is None:
            self._unusable += by

    def _fail(self, ident: str, by: int) -> None:
        """Count a failure of an order; an order that failed is not accepted, whatever else was told of it."""
        order = self._order(ident)
        before, order.failures = order.failures, order.failures + by
        if not (before and order.failures) and order.accepted:
            self._accepted(order.accepted[0], -by)
        self._forget_if_empty(ident, order)

    def _accept(self, ident: str, report: ExecutionReport, by: int) -> None:
        """Count an order as it was first told within the window."""
        order = self._order(ident)
        first = order.accepted[0] if order.accepted else None
        if by > 0:
            order.accepted.append(report)
        else:
            order.accepted.popleft()
        now_first = order.accepted[0] if order.accepted else None
        if not order.failures and now_first is not first:
            if first is not None:
                self._accepted(first, -1)
            if now_first is not None:
                self._accepted(now_first, 1)
        self._forget_if_empty(ident, order)

    def _order(self, ident: str) -> _Order:
        order = self._orders.get(ident)
        if order is None:
            order = self._orders[ident] = _Order()
        return order

    def _forget_if_empty(self, ident: str, order: _Order) -> None:
        if not order.failures and not order.accepted:
            del self._orders[ident]

    def _accepted(self, report: ExecutionReport, by: int) -> None:
        self._counted += by
        if self._repeats:
            self._same.count(report, by)


def _count_in(counter: "Counter[Hashable]", key: Hashable, by: int) -> None:
    counter[key] += by
    if not counter[key]:
        del counter[key]


def _finite(value: Decimal | None) -> Decimal | None:
    # NaN equals nothing, not even itself, so that a loop of such orders would never repeat itself.
    return value if value is not None and value.is_finite() else None


def _tells_slippage(report: ExecutionReport) -> bool:
    return report.execution_type is _TRADE and report.expected_price is not None


def _slippage(fill: ExecutionReport) -> Decimal | None:
    """Return percent of the expected price to the disadvantage of the account, 0 for none; None if unusable."""
    price, expected = _finite(fill.price), _finite(fill.expected_price)
    if price is None or expected is None or not (price > 0 and expected > 0):
        return None
    percent = (price - expected) * _HUNDRED / expected
    return max({"buy": percent, "sell": -percent}.get(fill.side, abs(percent)), _NOTHING)
