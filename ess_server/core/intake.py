"""The one door through which every observation reaches the readings, whoever made it."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

from ess_server.core.attention import Lookout, Subject
from ess_server.core.errors import CapacityError
from ess_server.core.host_figures import HostFigures
from ess_server.core.late_orders import LateOrders
from ess_server.core.ports import Clock, Readings
from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    ComponentPoll,
    EquityReading,
    ExecutionReport,
    FeedUpdate,
    HealthStatus,
)

MAX_WAITING = 10_000
"""Observations that may wait for the evaluators; more than that are refused, so that memory is bounded."""
TURN = 50
"""Observations of one key that are recorded after a look, so that nothing else waits for long."""
TURN_OF_ALL = 1_000
"""Observations that are recorded after a look, likewise."""

_log = logging.getLogger("ess.intake")
_HEALTH = ("health", "")


class Evaluations(Protocol):
    """What the intake needs of the monitor."""

    lookout: Lookout

    def counts(self, *subjects: Subject) -> bool:
        """Whether an evaluator that one of these concerns counts readings (``confirm_of`` above 1)."""


class _Waiting(NamedTuple):
    record: Callable[[], object]
    subjects: tuple[Subject, ...]
    hides: bool


class Intake:
    """Records what telemetry, the venue process and pollers observe, and wakes the evaluators that it concerns.

    No observation hides the one before it, however many come at once. One that takes the place of another waits until
    that has been judged: equity behind equity of the same account, a word on a component behind one that was not
    healthy. Where an evaluator counts readings, so do execution reports of one account and updates of one symbol.
    What waits is recorded in the order of its arrival, and all else at once.

    For the event loop only; each method returns at once. What can wait raises CapacityError where too much does.
    """

    def __init__(self, readings: Readings, clock: Clock, evaluations: Evaluations, late: LateOrders) -> None:
        self._readings = readings
        self._clock = clock
        self._evaluations = evaluations
        self._lookout = evaluations.lookout
        self._late = late
        self._marks: dict[Subject, int] = {}
        self._waiting: dict[Subject, deque[_Waiting]] = {}
        self._count = 0
        self._lookout.on_end(self._let_in)

    @property
    def waiting(self) -> int:
        """Observations that wait for those before them to be judged."""
        return self._count

    def equity(self, reading: EquityReading) -> None:
        """Take a reading. One that is not usable is kept as the latest, and moves no baseline."""
        record = partial(self._readings.metrics.record_equity, reading)
        self._take(("equity", reading.account), _of_account(reading.account), record, hides=True)

    def cash_flow(self, flow: CashFlow) -> bool:
        """Move the baselines; False if its id is known already. Raises InvalidRequestError unless it is finite."""
        record = partial(self._readings.metrics.record_cash_flow, flow)
        # Behind the equity that waits: a deposit is no loss that the reading before it shows.
        return self._take(("equity", flow.account), _of_account(flow.account), record) is not False

    def execution(self, report: ExecutionReport) -> bool:
        """Take an execution report, marked if its order is late; False if its id is known already."""
        stop = self._late.stop_before(report)
        report = replace(report, after_stop=stop is not None)
        subjects = _of_account(report.account)

        def record() -> bool:
            fresh = self._readings.metrics.record_execution(report)
            if fresh and stop is not None:
                self._late.tell(report, stop)
            return fresh

        hides = self._evaluations.counts(*subjects)
        return self._take(("executions", report.account), subjects, record, hides=hides) is not False

    def health(self, health: ComponentHealth) -> None:
        """Take the latest word on a component. Raises CapacityError for one component too many.

        A word that is healthy wakes nobody who does not count readings: the tick sees it in time.
        """
        is_news = health.status is not HealthStatus.HEALTHY or self._evaluations.counts(_HEALTH)
        record = partial(self._readings.health.record, health)
        key = ("component", health.component)
        if is_news or key in self._waiting or not self._is_judged(key):
            self._take(key, (_HEALTH,), record, hides=True)
        else:
            record()

    def poll(self, poll: ComponentPoll, word: ComponentHealth | None = None) -> None:
        """Take how asking a component went, and the word it brought."""
        self._readings.health.record_poll(poll)
        if word is not None:
            self.health(word)

    def host(self, figures: HostFigures) -> None:
        """Take the latest figures of the host."""
        self._readings.health.record_host(figures)
        self._lookout.observed(_HEALTH)

    def feed(self, update: FeedUpdate) -> None:
        """Take an update of one symbol of a feed. Raises CapacityError for one feed or symbol too many.

        An update that can be no breach wakes nobody.
        """
        subjects = (("feeds", update.feed), ("feeds", ""))
        if self._evaluations.counts(*subjects):
            record = partial(self._readings.feeds.record, update)
            self._take(("feed", f"{update.feed}\0{update.symbol}"), subjects, record, hides=True)
        elif self._readings.feeds.record(update) or update.time > self._clock.now():
            self._lookout.observed(*subjects)

    def _take(
        self, key: Subject, subjects: tuple[Subject, ...], record: Callable[[], object], *, hides: bool = False
    ) -> object:
        """Record it, or let it wait for those before it; return what recording did, None if it waits."""
        one = _Waiting(record, subjects, hides)
        if key in self._waiting or (hides and not self._is_judged(key)):
            if self.waiting >= MAX_WAITING:
                raise CapacityError(f"evaluation: {MAX_WAITING} observations wait for it already; send it later")
            self._waiting.setdefault(key, deque()).append(one)
            self._count += 1
            return None
        return self._record(key, one)

    def _record(self, key: Subject, one: _Waiting) -> object:
        done = one.record()
        if one.hides:
            self._marks[key] = self._lookout.mark
        self._lookout.observed(*one.subjects)
        return done

    def _is_judged(self, key: Subject) -> bool:
        return self._lookout.has_passed(self._marks.get(key, 0))

    def _let_in(self) -> None:
        left = TURN_OF_ALL
        for key in list(self._waiting):
            queue = self._waiting.pop(key)
            left -= self._let_in_some(key, queue, min(TURN, left))
            if queue:
                # Behind the others, whose turn it then is.
                self._waiting[key] = queue
            if not left:
                # What was recorded has asked for another look, after which it goes on.
                return

    def _let_in_some(self, key: Subject, queue: "deque[_Waiting]", most: int) -> int:
        """Record what waits for nothing any more; return how many were taken from the queue."""
        for taken in range(most):
            if not queue or (queue[0].hides and not self._is_judged(key)):
                return taken
            self._count -= 1
            try:
                self._record(key, queue.popleft())
            except Exception:  # noqa: BLE001 - its sender is gone, and the others must not wait for ever
                _log.exception("an observation that waited could not be taken")
        return most


def _of_account(account: str) -> tuple[Subject, Subject]:
    return ("metrics", account), ("metrics", "")
