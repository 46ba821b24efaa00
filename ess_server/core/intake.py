"""The one door through which every observation reaches the readings, whoever made it."""

from collections.abc import Callable
from dataclasses import replace

from ess_server.core.late_orders import LateOrders
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    ComponentPoll,
    EquityReading,
    ExecutionReport,
    FeedUpdate,
    HealthStatus,
    HostFigures,
)


class Intake:
    """Records what telemetry, the venue process and pollers observe, and wakes the evaluators.

    For the event loop only. Each method returns at once; all that is taken within one step of the loop is one wake.
    """

    def __init__(self, readings: Readings, observed: Callable[[], None], late: LateOrders) -> None:
        """``observed`` makes the evaluators look; it may be called for each observation and must return at once."""
        self._readings = readings
        self._observed = observed
        self._late = late

    def equity(self, reading: EquityReading) -> None:
        """Take a reading. One that is not usable is kept as the latest, and moves no baseline."""
        self._readings.metrics.record_equity(reading)
        self._observed()

    def cash_flow(self, flow: CashFlow) -> bool:
        """Move the baselines; False if its id is known already. Raises InvalidRequestError unless it is finite."""
        fresh = self._readings.metrics.record_cash_flow(flow)
        self._observed()
        return fresh

    def execution(self, report: ExecutionReport) -> bool:
        """Take an execution report, marked if its order is late; False if its id is known already."""
        stop = self._late.stop_before(report)
        fresh = self._readings.metrics.record_execution(replace(report, after_stop=stop is not None))
        if fresh and stop is not None:
            self._late.tell(report, stop)
        self._observed()
        return fresh

    def health(self, health: ComponentHealth) -> None:
        """Take the latest word on a component. Raises CapacityError for one component too many."""
        self._readings.health.record(health)
        self._observed()

    def poll(self, poll: ComponentPoll, word: ComponentHealth | None = None) -> None:
        """Take how asking a component went, and the word it brought.

        Only a word that is not healthy wakes the evaluators: the tick sees the rest in time.
        """
        self._readings.health.record_poll(poll)
        if word is not None:
            self._readings.health.record(word)
            if word.status is not HealthStatus.HEALTHY:
                self._observed()

    def host(self, figures: HostFigures) -> None:
        """Take the latest figures of the host."""
        self._readings.health.record_host(figures)
        self._observed()

    def feed(self, update: FeedUpdate) -> None:
        """Take an update of one symbol of a feed. Raises CapacityError for one feed or symbol too many."""
        self._readings.feeds.record(update)
        self._observed()
