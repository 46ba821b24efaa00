"""Words of components, and the verdict on them."""

from datetime import timedelta
from typing import Any

from ess_server.core.evaluators import SystemHealthEvaluator, SystemHealthSettings
from ess_server.core.host_figures import HostFigures
from ess_server.core.ports import Readings
from ess_server.core.readings import ComponentHealth, ComponentPoll, HealthStatus, Instant, Verdict
from ess_server.testing import START, FakeFeeds, FakeHealth, FakeMetrics

NOW = Instant(START, 1000.0)
HEALTHY, DEGRADED, CRITICAL = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.CRITICAL


def word(component: str, status: HealthStatus = HEALTHY, received: float = 1000.0, detail: str = "") -> ComponentHealth:
    """A component's word, a minute old by its own clock."""
    time = START - timedelta(minutes=1)
    return ComponentHealth(component=component, status=status, detail=detail, time=time, received=received)


def judge(*told: ComponentHealth | ComponentPoll | HostFigures, **changes: Any) -> Verdict:
    """The verdict on words, polls and figures of the host; by default ``oms`` may be silent for 10 s."""
    health = FakeHealth()
    for one in told:
        match one:
            case ComponentHealth():
                health.record(one)
            case ComponentPoll():
                health.record_poll(one)
            case HostFigures():
                health.record_host(one)
    chosen: dict[str, Any] = {"components": ("oms",), "max_silence": timedelta(seconds=10)}
    evaluator = SystemHealthEvaluator(SystemHealthSettings(**chosen | changes))
    return evaluator.evaluate(Readings(FakeMetrics(), health, FakeFeeds()), NOW)
