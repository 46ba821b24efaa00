"""One evaluator under watch: its settings, its last verdict, its confirmation and what a reset did to it."""

from dataclasses import dataclass

from ess_server.core.confirm import Confirmation, Decision
from ess_server.core.evaluation import Fault
from ess_server.core.evaluators import EvaluatorSettings, ManualEvaluator, Mode
from ess_server.core.model import Action, Scope
from ess_server.core.ports import EmergencyConditionEvaluator
from ess_server.core.readings import Clear, EvaluatorStatus, Instant, Measure, Trip, Unknown, Verdict, Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorView:
    """One evaluator as people see it. ``tier_percent`` is 0 below every warn tier."""

    name: str
    kind: str
    scope: Scope
    action: Action
    shadow: bool
    status: EvaluatorStatus
    measure: Measure | None
    detail: str
    tier_percent: int


class Watched:
    """An evaluator with the memory that the pure one does not have."""

    def __init__(self, evaluator: EmergencyConditionEvaluator, settings: EvaluatorSettings) -> None:
        self.evaluator = evaluator
        self.settings = settings
        self.name = settings.name
        self.scope = settings.scope
        self.shadow = settings.mode is Mode.SHADOW
        self.tier_percent = 0
        """Highest warn tier that the last verdict passed; 0 for none, and past the limit."""
        self._confirmation = Confirmation(settings)
        self._verdict: Verdict | Fault = Unknown("not evaluated yet")
        self._measure: Measure | None = None
        self._inhibited_until = float("-inf")

    @property
    def detail(self) -> str:
        """What the last verdict says, empty when clear."""
        return "" if isinstance(self._verdict, Clear) else self._verdict.detail

    @property
    def stands(self) -> bool:
        """Whether the last verdict was a breach."""
        return isinstance(self._verdict, Trip)

    @property
    def unknown(self) -> bool:
        """Whether the last verdict could not tell."""
        return isinstance(self._verdict, Unknown | Fault)

    def take(self, outcome: Verdict | Fault, now: Instant) -> Decision | None:
        """Take an outcome and say what is to be done about it. What cannot be used raises, and is not kept."""
        if isinstance(outcome, Fault):
            self._verdict = outcome
            return self._confirmation.fail(outcome.detail)
        decision = self._confirmation.decide(outcome, now)
        self._verdict = outcome
        if not isinstance(outcome, Unknown):
            self._measure = outcome.measure
            self.tier_percent = outcome.tier_percent if isinstance(outcome, Warn) else 0
        if isinstance(outcome, Clear):
            self._inhibited_until = float("-inf")
        return decision

    def latched(self) -> None:
        """Drop a request by hand that has become a stop."""
        if isinstance(self.evaluator, ManualEvaluator) and isinstance(self._verdict, Trip):
            self.evaluator.take(self._verdict)

    def inhibit(self, until: float) -> None:
        """Ignore it until it has read clear once, or uptime ``until``; a request by hand was seen, and is dropped."""
        self.latched()
        self._inhibited_until = until
        self._confirmation.forget()

    def is_inhibited(self, uptime: float) -> bool:
        """Whether a reset went past it and it has not read clear since."""
        return uptime < self._inhibited_until

    def forget(self) -> None:
        """Start counting anew."""
        self._confirmation.forget()

    def view(self, uptime: float) -> EvaluatorView:
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
            status=EvaluatorStatus.INHIBITED if self.is_inhibited(uptime) else status,
            measure=self._measure,
            detail=self.detail,
            tier_percent=self.tier_percent,
        )
