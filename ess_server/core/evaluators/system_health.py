"""Health of the system: what components say of themselves, those that have fallen silent, and the host."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from math import inf

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.host_limits import HostLimits
from ess_server.core.evaluators.limits import Finding, check_names, is_arrival, judge, shown, silence
from ess_server.core.evaluators.settings import SECONDS, EvaluatorSettings, check_duration
from ess_server.core.ports import Readings
from ess_server.core.readings import ComponentHealth, ComponentPoll, HealthStatus, Instant, Measure, Verdict

KIND = "system_health"

_CRITICAL = Decimal(2)
_SEVERITY = {HealthStatus.HEALTHY: Decimal(0), HealthStatus.DEGRADED: Decimal(1)}
_SHOWN_DETAIL = 200
_MICROSECOND = timedelta(microseconds=1)
_A_SECOND = Decimal(1_000_000)
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealthSettings(EvaluatorSettings):
    """Who must be heard, and limits of the host. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Components with another allowance take an evaluator of their own, with a name of its own. Those of the table
    ``[[components]]`` are watched without being named here, each with its own allowance if it has one.

    Attributes:
        components: names of the components that must report. None: those that do report are watched.
        max_silence: how long each of them may be silent, above 0 s and at most a day. 15 s, so that a reporter that
            speaks every 5 s may be lost twice.
        others: whether components that are not named here count also: what they report, and the silence of those
            that are asked. True, because whoever reports CRITICAL means it.
        max_disk_percent: of the file systems of the data directory and of ``host.disk_paths``, of what their users
            may fill, above 0 and at most 100. No limit, because a disk that is full for you may be so by design.
        max_memory_percent: of the memory that is not to be had without swapping, above 0 and at most 100. No limit,
            because caches and other programs decide what is much.
        max_load_per_core: of the one-minute load average, above 0 and at most 1000. No limit, because batch work may
            be welcome.
        host_max_age: older figures of the host are unknown. 10 s, so that a busy host that misses several is not.
    """

    kind: str = KIND
    components: tuple[str, ...] = ()
    max_silence: timedelta = field(default=timedelta(seconds=15), metadata=SECONDS)
    others: bool = True
    max_disk_percent: Decimal | None = None
    max_memory_percent: Decimal | None = None
    max_load_per_core: Decimal | None = None
    host_max_age: timedelta = field(default=timedelta(seconds=10), metadata=SECONDS)

    def __post_init__(self) -> None:
        EvaluatorSettings.__post_init__(self)
        check_names("components", self.components)
        check_duration("max_silence", self.max_silence)
        check_duration("host_max_age", self.host_max_age)
        if not (self.host_limits.any or self.components or self.others):
            raise InvalidRequestError("components", "is empty, and others is false: nothing would be watched")

    @property
    def host_limits(self) -> HostLimits:
        """The limits of the host."""
        return HostLimits(
            disk_percent=self.max_disk_percent,
            memory_percent=self.max_memory_percent,
            load_per_core=self.max_load_per_core,
            max_age=self.host_max_age,
        )

    def watches(self, component: str) -> bool:
        """Whether a component counts here."""
        return self.others or component in self.components


class SystemHealthEvaluator:
    """Trips when a component is CRITICAL, or silent for as long as its allowance, or the host at a limit.

    The measure of a status is 0 healthy, 1 degraded, 2 critical, with the limit 2; of silence it is seconds.
    CRITICAL stands until the component says otherwise, however long ago it was; DEGRADED is a warning.

    A component that is named and has never reported since the start is Unknown, because nothing tells how long it
    has been silent; that is a fault after ``unknown_after``. So is the case that nobody must be heard and nobody was.

    Of a component that is asked, silence is the time for which it was asked without an answer. If it was not asked
    for as long as its allowance, then it is not the component that is silent, and that is Unknown; so are figures of
    the host that are old or cannot be read.
    """

    Settings = SystemHealthSettings

    def __init__(self, settings: SystemHealthSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._host_limits = settings.host_limits

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        known, polls = readings.health.components(), readings.health.polls()
        reported = known if self._settings.others else {n: h for n, h in known.items() if self._settings.watches(n)}
        read: list[Finding | str] = _status_findings(list(reported.values()))
        read += self._heard([name for name in self._settings.components if name not in polls], known, now)
        read += [self._answered(poll, now) for name, poll in polls.items() if self._settings.watches(name)]
        read += self._host_limits.judge(readings.health.host(), now)
        findings = [one for one in read if isinstance(one, Finding)]
        missing = [one for one in read if isinstance(one, str)] if read else ["no component has reported"]
        return judge(self.name, findings, _listed(missing), warn_percent=self._settings.warn_percent)

    def _heard(self, names: Sequence[str], known: Mapping[str, ComponentHealth], now: Instant) -> list[Finding | str]:
        """Return how long the component has been silent that was last heard longest ago, and what is missing."""
        allowance = self._settings.max_silence
        missing: list[Finding | str] = []
        quietest: tuple[float, str] | None = None
        uptime, ahead = now.uptime, -allowance.total_seconds()
        for name in names:
            health = known.get(name)
            # As ``is_arrival``, here for a hundred components a tick.
            if health is None or not ahead <= uptime - health.received < inf:
                missing.append(f"no report since the start from {name}")
            # All have the same allowance, so that of each other one less is used.
            elif quietest is None or health.received < quietest[0]:
                quietest = health.received, name
        if quietest is None:
            return missing
        since, name = quietest
        return [_silence_finding(f"component {name} has been silent", since, allowance, now), *missing]

    def _answered(self, poll: ComponentPoll, now: Instant) -> Finding | str:
        """Return how long a component that is asked has not answered, or what is missing."""
        allowance = poll.max_silence or self._settings.max_silence
        why = f" ({poll.problem[:_SHOWN_DETAIL]})" if poll.problem else ""
        idle = now.uptime - poll.tried
        if not (is_arrival(poll.tried, now, allowance) and idle < allowance.total_seconds()):
            return f"component {poll.component} was not asked for {idle:.1f} s: what asks it has ended or hangs"
        if poll.answered is None:
            return f"no answer since the start from component {poll.component}{why}"
        since = max(poll.answered, poll.asked_since)
        return _silence_finding(f"component {poll.component} has not answered{why}", since, allowance, now)


def _silence_finding(words: str, since: float, allowance: timedelta, now: Instant) -> Finding:
    limit, quiet = Decimal(allowance // _MICROSECOND) / _A_SECOND, silence(since, now)
    # The time of the evaluation: silence is read anew whenever it is looked at.
    measure = Measure(value=quiet, limit=limit, time=now.time)
    return Finding(measure, lambda: f"{words} for {shown(quiet)} s, which", lambda: f"{shown(limit)} s", silent=True)


def _listed(missing: Sequence[str]) -> str:
    more = f"; and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
    return "; ".join(missing[:_LISTED]) + more


def _status_findings(reported: Sequence[ComponentHealth]) -> list[Finding | str]:
    """Return what is not well; if all is, one that is, since that was read too."""
    unwell = [health for health in reported if health.status is not HealthStatus.HEALTHY]
    return [_status_finding(health) for health in unwell or reported[:1]]


def _status_finding(health: ComponentHealth) -> Finding:
    # A status that is none of the known ones reads as the worst.
    measure = Measure(value=_SEVERITY.get(health.status, _CRITICAL), limit=_CRITICAL, time=health.time)

    def words() -> str:
        word = getattr(health.status, "name", "CRITICAL")
        why = f" ({health.detail[:_SHOWN_DETAIL]})" if health.detail else ""
        return f"component {health.component} is {word}{why}"

    return Finding(measure, words)
