"""One evaluator under watch: its settings, its last verdict, its confirmation and what a reset did to it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ess_server.core.approach import Approach, NearMiss
from ess_server.core.attention import Attentive
from ess_server.core.confirm import Confirmation, Decision
from ess_server.core.evaluation import Fault
from ess_server.core.evaluators import EvaluatorSettings, ManualEvaluator, Mode
from ess_server.core.model import Action, Scope
from ess_server.core.ports import EmergencyConditionEvaluator
from ess_server.core.readings import Clear, EvaluatorStatus, Instant, Measure, Trip, Unknown, Verdict, Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What one verdict has led to.

    ``decision`` is what is to be done, again for as long as it is. ``tier_percent`` is the warn tier if it has
    changed, 0 below every tier, else None. ``near_miss`` is what ended with this verdict.
    """

    decision: Decision | None = None
    tier_percent: int | None = None
    near_miss: NearMiss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorView:
    """One evaluator as people see it.

    ``measure`` is the last reading and ``age`` how old it is; None without one. ``tier_percent`` is 0 below every
    warn tier. ``near_misses`` counts since the start of the server. ``error`` is why it could not tell when it last
    could not, at ``error_time``, also after it has recovered; empty and None if it always could.
    """

    name: str
    kind: str
    scope: Scope
    action: Action
    shadow: bool
    status: EvaluatorStatus
    measure: Measure | None
    age: timedelta | None
    detail: str
    tier_percent: int
    near_misses: int
    error: str
    error_time: datetime | None


_NOTHING = Happened()
_CANNOT_TELL = (Unknown, Fault)
_LONG_AGO = float("-inf")


class Watched:
    """An evaluator with the memory that the pure one does not have: no clock, no I/O, fed with verdicts in turn."""

    def __init__(self, evaluator: EmergencyConditionEvaluator, settings: EvaluatorSettings) -> None:
        self.evaluator = evaluator
        self.attentive = Attentive(evaluator)
        """The same, which remembers what it has read."""
        self.settings = settings
        self.name = settings.name
        self.scope = settings.scope
        self.shadow = settings.mode is Mode.SHADOW
        self._approach = Approach(settings.warn_percent)
        self._confirmation = Confirmation(settings)
        self._verdict: Verdict | Fault = Unknown("not evaluated yet")
        self._measure: Measure | None = None
        self._error = ""
        self._error_time: datetime | None = None
        self._inhibited_until = _LONG_AGO

    @property
    def detail(self) -> str:
        """What the last verdict says, empty when clear."""
        return "" if isinstance(self._verdict, Clear) else self._verdict.detail

    @property
    def by_hand(self) -> bool:
        """Whether a breach is a person's request: each one counts, whatever is stopped or held already."""
        return isinstance(self.evaluator, ManualEvaluator)

    @property
    def stands(self) -> bool:
        """Whether the last verdict was a breach."""
        return isinstance(self._verdict, Trip)

    @property
    def unknown(self) -> bool:
        """Whether the last verdict could not tell."""
        return isinstance(self._verdict, _CANNOT_TELL)

    @property
    def is_close(self) -> bool:
        """Whether the readings are close to the limit or past it, see ``Approach``."""
        return self._approach.is_close

    @property
    def tier_percent(self) -> int:
        """Warn tier that is passed, see ``Approach``; 0 for none, and once a breach has become a stop."""
        return self._approach.tier_percent

    def memory(self) -> tuple[object, ...]:
        """Return everything that bears on what follows: two that agree in it go on alike."""
        return self._approach.memory(), self._confirmation.memory(), self._verdict, self._inhibited_until

    def take(self, outcome: Verdict | Fault, now: Instant) -> Happened:
        """Take an outcome and say what it led to. What cannot be used raises, and is not kept."""
        if isinstance(outcome, _CANNOT_TELL):
            return self._take_unknown(outcome, now)
        if outcome.measure.share.is_nan():
            raise ValueError("the reading or its limit is no number")
        decision = self._confirmation.decide(outcome, now)
        if decision is not None and decision.first and self._approach.decided:
            decision = replace(decision, first=False)
        approach = self._approach
        before = approach.tier_percent
        near_miss = approach.follow(outcome, now, decided=decision is not None)
        self._verdict, self._measure = outcome, outcome.measure
        if isinstance(outcome, Clear):
            self._inhibited_until = _LONG_AGO
        tier = approach.tier_percent
        if decision is None and near_miss is None and tier == before:
            return _NOTHING
        return Happened(decision=decision, tier_percent=tier if tier != before else None, near_miss=near_miss)

    def _take_unknown(self, outcome: Unknown | Fault, now: Instant) -> Happened:
        if isinstance(outcome, Fault):
            decision = self._confirmation.fail(outcome.detail)
        else:
            decision = self._confirmation.decide(outcome, now)
        self._verdict = outcome
        self._error, self._error_time = outcome.detail, now.time
        return Happened(decision=decision)

    def latched(self) -> None:
        """Take note that its stop stands; a request by hand that has become one is dropped."""
        self._approach.stopped()
        self._drop_request()

    def _drop_request(self) -> None:
        if isinstance(self.evaluator, ManualEvaluator) and isinstance(self._verdict, Trip):
            self.evaluator.take(self._verdict)

    def inhibit(self, until: float) -> None:
        """Ignore it until it has read clear once, or uptime ``until``; a request by hand was seen, and is dropped."""
        self._drop_request()
        self._inhibited_until = until
        self.forget()

    def succeed(self, former: "Watched") -> None:
        """Take over from ``former``, which had other settings, that a person went past it."""
        self._inhibited_until = former._inhibited_until  # noqa: SLF001 - of the same class

    def is_inhibited(self, uptime: float) -> bool:
        """Whether a reset went past it and it has not read clear since. A person's next request is never ignored."""
        return uptime < self._inhibited_until and not self.by_hand

    def forget(self) -> None:
        """Start counting anew."""
        self._confirmation.forget()
        self._approach.forget()

    def view(self, now: Instant) -> EvaluatorView:
        """Return the last verdict for people."""
        match self._verdict:
            case Clear():
                status = EvaluatorStatus.CLEAR
            case Warn():
                status = EvaluatorStatus.WARN
            case Trip():
                status = EvaluatorStatus.TRIP
            case _:
                status = EvaluatorStatus.UNKNOWN
        return EvaluatorView(
            name=self.name,
            kind=self.settings.kind,
            scope=self.scope,
            action=self.settings.action,
            shadow=self.shadow,
            status=EvaluatorStatus.INHIBITED if self.is_inhibited(now.uptime) else status,
            measure=self._measure,
            age=max(now.time - self._measure.time, timedelta(0)) if self._measure else None,
            detail=self.detail,
            tier_percent=self.tier_percent,
            near_misses=self._approach.near_misses,
            error=self._error,
            error_time=self._error_time,
        )
