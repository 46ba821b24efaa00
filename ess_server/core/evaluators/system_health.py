"""Health of the system: what components report of themselves, and those that have fallen silent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.limits import Finding, check_names, is_arrival, judge, shown, silence
from ess_server.core.evaluators.settings import SECONDS, EvaluatorSettings, check_duration
from ess_server.core.ports import Readings
from ess_server.core.readings import ComponentHealth, HealthStatus, Instant, Measure, Verdict

KIND = "system_health"

_CRITICAL = Decimal(2)
_SEVERITY = {HealthStatus.HEALTHY: Decimal(0), HealthStatus.DEGRADED: Decimal(1)}
_SHOWN_DETAIL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealthSettings(EvaluatorSettings):
    """Who must be heard. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Components with another allowance take an evaluator of their own, with a name of its own.

    Attributes:
        components: names of the components that must report.
        max_silence: how long each of them may be silent, above 0 s and at most a day. 15 s, so that a reporter that
            speaks every 5 s may be lost twice.
        others: whether what a component reports counts also where it is not named here.
    """

    kind: str = KIND
    components: tuple[str, ...] = ()
    max_silence: timedelta = field(default=timedelta(seconds=15), metadata=SECONDS)
    others: bool = True

    def __post_init__(self) -> None:
        EvaluatorSettings.__post_init__(self)
        check_names("components", self.components)
        if not self.components and not self.others:
            raise InvalidRequestError("components", "is empty, and others is false: nothing would be watched")
        check_duration("max_silence", self.max_silence)


class SystemHealthEvaluator:
    """Trips when a component is CRITICAL, or silent for as long as its allowance; DEGRADED is a warning.

    The measure of a status is 0 healthy, 1 degraded, 2 critical, with the limit 2; of silence it is seconds.
    CRITICAL stands until the component says otherwise, however long ago it was. A component that is named and has
    never reported since the start is Unknown, because nothing tells how long it has been silent; that is a fault
    after ``unknown_after``. So is the case that none is named and none has reported.
    """

    Settings = SystemHealthSettings

    def __init__(self, settings: SystemHealthSettings) -> None:
        self.name = settings.name
        self._components = settings.components
        self._others = settings.others
        self._max_silence = settings.max_silence
        self._limit = Decimal(str(settings.max_silence.total_seconds()))
        self._warn_percent = settings.warn_percent

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        known = readings.health.components()
        findings = [_status_finding(health) for health in self._judged(known)]
        missing = []
        for name in self._components:
            if name in known and is_arrival(known[name].received, now, self._max_silence):
                findings.append(self._silence_finding(name, silence(known[name].received, now), now))
            else:
                missing.append(name)
        unknown = f"no report since the start from {', '.join(missing)}" if missing else ""
        unknown = unknown or ("" if findings else "no component has reported")
        return judge(self.name, findings, unknown, warn_percent=self._warn_percent)

    def _judged(self, known: Mapping[str, ComponentHealth]) -> Iterator[ComponentHealth]:
        return (health for name, health in known.items() if self._others or name in self._components)

    def _silence_finding(self, name: str, quiet: Decimal, now: Instant) -> Finding:
        # The time of the evaluation: silence is read anew whenever it is looked at.
        measure = Measure(value=quiet, limit=self._limit, time=now.time)
        words = f"component {name} has been silent for {shown(quiet)} s, which"
        return Finding(measure, words, f"{shown(self._limit)} s", silent=True)


def _status_finding(health: ComponentHealth) -> Finding:
    # A status that is none of the known ones reads as the worst.
    measure = Measure(value=_SEVERITY.get(health.status, _CRITICAL), limit=_CRITICAL, time=health.time)
    word = getattr(health.status, "name", "CRITICAL")
    why = f" ({health.detail[:_SHOWN_DETAIL]})" if health.detail else ""
    return Finding(measure, f"component {health.component} is {word}{why}")
