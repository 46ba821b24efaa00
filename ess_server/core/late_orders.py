"""Orders that came after the stop: somebody trades past it, or without a gate."""

from datetime import timedelta

from ess_server.core.controller import EmergencyStopController
from ess_server.core.model import Scope, ScopeKind, Stop
from ess_server.core.order_ids import is_closing_order
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.core.recent_ids import RecentIds

GRACE = timedelta(seconds=5)
"""How long after a stop an order may still come that a gate had let through: a gate denies within a lease (2 s at
most), a request is valid for 2 s on the venue, and a second is for its way back to here."""
TOLD_ONE_BY_ONE = 10
"""Late orders of one stop and account that are an event each; of more, the 20th, 50th, 100th, 200th and so on."""

_MARKS = (1, 2, 5)


class LateOrders:
    """Tells which execution reports are of orders that no gate should have let through, and says so in the log.

    Late is what was accepted or filled more than ``grace`` after a stop of its account, venue, symbol or strategy, or
    of everything, was latched. When it happened is told by the report's own time, or by its arrival where that says
    earlier than is possible; a reporter whose clock is behind hides as much. A stop that stood when this process
    began counts from then.

    Not late are orders that can only reduce, those that close positions for a stop, and fills of orders that were
    reported before. A fill of an order that nobody has reported is late, for it cannot be told from a new one.
    """

    def __init__(self, controller: EmergencyStopController, grace: timedelta = GRACE) -> None:
        self._controller = controller
        self._clock = controller.clock
        self._grace = grace.total_seconds()
        self._venues = {account.id: account.venue for account in controller.accounts}
        self._latched: dict[str, float] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._in_time: dict[str, RecentIds] = {}
        self._note_stops()
        controller.on_latch(lambda _: self._note_stops())

    def stop_before(self, report: ExecutionReport) -> Stop | None:
        """Return the stop that the report's order is late for, None if it is not late. Asked once for each report."""
        if report.execution_type not in (ExecutionType.NEW, ExecutionType.TRADE):
            return None
        stop = next((s for s in self._controller.state.stops if self._is_late(report, s)), None)
        in_time = self._in_time.setdefault(report.account, RecentIds())
        if stop is None:
            if report.client_order_id:
                in_time.add(report.client_order_id)
            return None
        is_fill = report.execution_type is ExecutionType.TRADE
        if report.reduce_only or is_closing_order(report.client_order_id):
            return None
        return None if is_fill and report.client_order_id in in_time else stop

    def tell(self, report: ExecutionReport, stop: Stop) -> None:
        """Log a late order; a runaway engine does not flood the log."""
        key = (stop.stop_id, report.account)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if not _is_told(count):
            return
        what = "order" if report.execution_type is ExecutionType.NEW else "fill"
        name = f" {report.client_order_id}" if report.client_order_id else ""
        words = (
            f"{what}{name} on account {report.account} ({report.side or 'side unknown'} {report.symbol}) came after "
            f"the stop of {stop.scope}; number {count} since"
        )
        facts = {
            "account": report.account,
            "symbol": report.symbol,
            "side": report.side,
            "client_order_id": report.client_order_id,
            "execution_type": report.execution_type.name,
            "strategy": report.strategy,
            "count": str(count),
        }
        scope = str(Scope(ScopeKind.ACCOUNT, report.account))
        controller = self._controller
        controller.note(controller.draft("execution.after_stop", words, scope=scope, stop_id=stop.stop_id, facts=facts))

    def _is_late(self, report: ExecutionReport, stop: Stop) -> bool:
        if not self._covers(stop.scope, report):
            return False
        # By age, not by comparing times of day: the clock may have been set since the stop.
        latched = self._latched.setdefault(stop.stop_id, self._clock.uptime())
        age = max((self._clock.now() - report.time).total_seconds(), 0.0)
        return report.received - age - latched > self._grace

    def _covers(self, scope: Scope, report: ExecutionReport) -> bool:
        of = {
            ScopeKind.ACCOUNT: report.account,
            ScopeKind.VENUE: self._venues.get(report.account),
            ScopeKind.SYMBOL: report.symbol,
            ScopeKind.STRATEGY: report.strategy,
        }
        return scope.kind is ScopeKind.GLOBAL or scope.id == of[scope.kind]

    def _note_stops(self) -> None:
        now = self._clock.uptime()
        standing = [stop.stop_id for stop in self._controller.state.stops]
        self._latched = {ident: self._latched.get(ident, now) for ident in standing}
        self._counts = {key: count for key, count in self._counts.items() if key[0] in standing}


def _is_told(count: int) -> bool:
    if count <= TOLD_ONE_BY_ONE:
        return True
    while count % 10 == 0:
        count //= 10
    return count in _MARKS
