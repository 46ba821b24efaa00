"""From verdicts to decisions: how often a breach must be read, and how long a condition may be unknown."""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from ess_server.core.evaluators.settings import EvaluatorSettings
from ess_server.core.model import Action, CauseSource
from ess_server.core.readings import Clear, Instant, Trip, Unknown, Verdict, Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done. ``source`` is EVALUATOR for a breach that was read, EVALUATOR_FAULT for a fault.

    ``reason`` is one sentence. ``reading`` and ``limit`` are decimal text, empty for a fault. ``first`` is False
    while the same decision only goes on.
    """

    source: CauseSource
    action: Action
    reason: str
    reading: str = ""
    limit: str = ""
    first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    uptime: float
    read: datetime
    tripped: bool


class Confirmation:
    """Decides for one evaluator, fed with each verdict in turn. Not thread-safe.

    A breach is confirmed when, at a Trip, ``confirm`` of the latest ``confirm_of`` readings were Trips, none longer
    ago than ``confirm_within``. A reading counts once, by its time, however often it is evaluated, and as it was
    last judged. Clear and Warn take a place among the latest readings; Unknown takes none, for it is no evidence
    that the breach is over.

    A condition that stays Unknown for ``unknown_after`` is a fault, with the action ``on_unknown``.
    """

    def __init__(self, settings: EvaluatorSettings) -> None:
        self._settings = settings
        self._within = settings.confirm_within.total_seconds()
        self._unknown_after = settings.unknown_after.total_seconds()
        self._seen: deque[_Seen] = deque(maxlen=settings.confirm_of)
        self._unknown_since: float | None = None
        self._standing: CauseSource | None = None

    @property
    def breaches(self) -> int:
        """Trips among the latest readings, confirmed or not."""
        return sum(seen.tripped for seen in self._seen)

    def memory(self) -> dict[str, object]:
        """Return everything that bears on what follows."""
        return dict(vars(self))

    def decide(self, verdict: Verdict, now: Instant) -> Decision | None:
        """Take the verdict at ``now`` and say what is to be done, again for as long as it is."""
        if isinstance(verdict, Unknown):
            return self._mark(self._decide_unknown(verdict, now))
        self._unknown_since = None
        if not isinstance(verdict, Trip):
            if self._settings.confirm_of == 1:
                # Only the latest reading counts, and it is no breach.
                self._seen.clear()
            else:
                self._count(verdict, now, tripped=False)
            self._standing = None
            return None
        self._count(verdict, now, tripped=True)
        if self.breaches < self._settings.confirm:
            return self._mark(None)
        return self._mark(
            Decision(
                source=CauseSource.EVALUATOR,
                action=self._settings.action,
                reason=verdict.detail + self._confirmed(),
                reading=f"{verdict.measure.value:f}",
                limit=f"{verdict.measure.limit:f}",
                first=self._standing is not CauseSource.EVALUATOR,
            )
        )

    def fail(self, problem: str) -> Decision | None:
        """Say what is to be done about an evaluator that raised, hung or overran: a fault at once."""
        return self._mark(self._fault(problem))

    def forget(self) -> None:
        """Start anew, as after a reset that released the stop."""
        self._seen.clear()
        self._unknown_since = self._standing = None

    def _decide_unknown(self, verdict: Unknown, now: Instant) -> Decision | None:
        if self._unknown_since is None:
            self._unknown_since = now.uptime
        unknown_for = now.since(self._unknown_since)
        if unknown_for < self._unknown_after:
            return None
        return self._fault(f"unknown for {unknown_for:.1f} s: {verdict.detail}")

    def _count(self, verdict: Clear | Warn | Trip, now: Instant, *, tripped: bool) -> None:
        while self._seen and now.uptime - self._seen[0].uptime > self._within:
            self._seen.popleft()
        read = verdict.measure.time
        if tripped and any(seen.tripped and seen.read == read for seen in self._seen):
            # Of several things that are read it is the latest breach that is judged; an earlier one may be it again.
            return
        if self._seen and self._seen[-1].read == read:
            if self._seen[-1].tripped != tripped:
                self._seen.append(replace(self._seen.pop(), tripped=tripped))
        else:
            self._seen.append(_Seen(uptime=now.uptime, read=read, tripped=tripped))

    def _confirmed(self) -> str:
        of = self._settings.confirm_of
        return f" ({self.breaches} of the last {len(self._seen)} readings)" if of > 1 else ""

    def _fault(self, problem: str) -> Decision | None:
        action = self._settings.on_unknown.action
        if action is None:
            return None
        return Decision(
            source=CauseSource.EVALUATOR_FAULT,
            action=action,
            reason=f"{self._settings.name}: {problem}",
            first=self._standing is not CauseSource.EVALUATOR_FAULT,
        )

    def _mark(self, decision: Decision | None) -> Decision | None:
        self._standing = None if decision is None else decision.source
        return decision
