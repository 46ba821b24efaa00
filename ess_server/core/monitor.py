"""Watches: reads, evaluates, trips; and proves, tick by tick, that the state is current."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ess_server.core.attention import Lookout, Subject
from ess_server.core.confirm import Decision
from ess_server.core.controller import EmergencyStopController
from ess_server.core.evaluation import EvaluationThread, Fault
from ess_server.core.evaluators.drawdown import groups_of
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, SERVER, Action, Cause, CauseSource, Stop
from ess_server.core.ports import Readings
from ess_server.core.presence import Presence
from ess_server.core.readings import Instant, Verdict
from ess_server.core.watched import EvaluatorView, Happened, Watched

INHIBIT_FOR = timedelta(minutes=15)
NEVER = 0.0
"""A proof from when the machine was started is older than any lease."""

_log = logging.getLogger("ess.monitor")


class Tripwire(Protocol):
    """The file that only a person makes, and that stops trading with every port closed."""

    async def reason(self) -> str | None:
        """Return what the file says if it exists, else None. Waits as long as the disk does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """``tick`` bounds how long silence stays unnoticed; ``tripwire_action`` is that of the configuration."""

    tick: timedelta = timedelta(milliseconds=250)
    tripwire_action: Action = Action.FLATTEN


class Monitor:
    """Runs every evaluator at least once a tick, and at once when something was observed."""

    def __init__(
        self,
        *,
        controller: EmergencyStopController,
        watched: Sequence[Watched],
        readings: Readings,
        tripwire: Tripwire | None = None,
        settings: MonitorSettings | None = None,
    ) -> None:
        self._controller = controller
        self._clock = controller.clock
        self._presence = Presence(self._clock)
        self._readings = readings
        self._watch(watched)
        self._tripwire = tripwire
        self._settings = settings or MonitorSettings()
        self._thread = EvaluationThread()
        self._evaluating = asyncio.Lock()
        self._looking: asyncio.Task[str | None] | None = None
        self._wire_stood: bool | None = None
        self.lookout = Lookout()
        self._failing = False
        self.proven_uptime = NEVER
        """Start of the last completed tick: at that time the state was current."""

    def observed(self) -> None:
        """Evaluate everything at once; the intake asks for less."""
        self.lookout.observed()

    def counts(self, *subjects: Subject) -> bool:
        """Whether an evaluator that one of these concerns counts readings (``confirm_of`` above 1)."""
        concerning = frozenset(subjects)
        return any(w.attentive.is_concerned(concerning) for w in self._counting)

    @property
    def watched(self) -> Sequence[Watched]:
        """Every evaluator under watch."""
        return self._watched

    async def replace(self, watched: Sequence[Watched]) -> None:
        """Watch these instead, from one pass to the next; one that is watched already goes on as it was.

        One of the same name with other settings counts anew, and what a person went past stays so.
        """
        async with self._evaluating:
            former = {w.name: w for w in self._watched}
            for one in watched:
                if one.name in former and one not in self._watched:
                    one.succeed(former[one.name])
            self._watch(watched)

    def _watch(self, watched: Sequence[Watched]) -> None:
        """Name who is watched; the repository keeps what they sum up, and nothing that nobody sums up any more."""
        self._watched = tuple(watched)
        self._counting = tuple(w for w in watched if w.settings.confirm_of > 1)
        self._readings.metrics.declare_groups(groups_of(w.settings for w in watched))

    def views(self) -> Sequence[EvaluatorView]:
        """Return every evaluator's last verdict."""
        now = Instant(self._clock.now(), self._clock.uptime())
        return [w.view(now) for w in self._watched]

    def warnings(self) -> Sequence[EvaluatorView]:
        """Return the evaluators past a warn tier that are live."""
        return [v for v in self.views() if v.tier_percent and not v.shadow]

    async def run(self) -> None:
        """Tick until cancelled. A tick that fails is loud and proves nothing, so that gates deny."""
        try:
            while True:
                started = self._clock.uptime()
                await self._attempt(self.tick)
                await self._until(started + self._settings.tick.total_seconds())
        finally:
            self._thread.close()

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the loop must go on; what failed proves nothing
            _log.critical("a tick failed; leases run out", exc_info=True)
            if not self._failing:
                self._controller.note(self._controller.draft("server.fault", f"a tick failed: {type(error).__name__}"))
            self._failing = True
        else:
            self._failing = False

    async def assess(self, stops: Sequence[Stop]) -> Sequence[tuple[str, str]]:
        """Evaluate anew what releasing ``stops`` would let trip again; return name and reason of each."""
        named = {s.cause.evaluator for s in stops}
        touched = [w for w in self._covered_by(stops) if not w.shadow]
        await self._evaluate(touched)
        return [(w.name, w.detail) for w in touched if w.stands or (w.unknown and w.name in named)]

    def released(self, stops: Sequence[Stop], inhibit: Collection[str]) -> None:
        """Start counting anew after a release; those named are ignored until they have read clear once."""
        until = self._clock.uptime() + INHIBIT_FOR.total_seconds()
        for watched in self._watched:
            if watched.name in inhibit:
                watched.inhibit(until)
            elif watched in self._covered_by(stops):
                watched.forget()

    def _covered_by(self, stops: Sequence[Stop]) -> Sequence[Watched]:
        return [w for w in self._watched if any(s.scope in (GLOBAL, w.scope) for s in stops)]

    async def tick(self) -> None:
        """Evaluate what is not stopped yet and look at the tripwire; the state is proven if all of it was done."""
        started = self._presence.look().uptime
        self._controller.carry_out()
        self._controller.flatten_overdue()
        with self.lookout.look():
            await self._evaluate_uncovered(self._watched)
        if await self._looked_at_tripwire():
            self.proven_uptime = started

    async def _until(self, end: float) -> None:
        """Evaluate whenever something was observed, until the next tick is due, or a flatten that was delayed."""
        while (left := min(end, self._controller.delays.next_due) - self._clock.uptime()) > 0:
            try:
                # Not wait_for: in Python 3.11 it can swallow a cancellation that comes together with the event.
                async with asyncio.timeout(left):
                    await self.lookout.wait()
            except TimeoutError:
                return
            await self._attempt(self._look_at_observed)

    async def _look_at_observed(self) -> None:
        with self.lookout.look() as subjects:
            concerned = [w for w in self._watched if subjects is None or w.attentive.is_concerned(subjects)]
            await self._evaluate_uncovered(concerned)

    async def _evaluate_uncovered(self, watched: Sequence[Watched]) -> None:
        await self._evaluate([w for w in watched if not self._is_covered(w)])

    async def _evaluate(self, watched: Sequence[Watched]) -> None:
        if not watched:
            return
        async with self._evaluating:
            now = self._presence.look()
            # Those that were replaced while this pass waited have nothing more to say.
            watched = sorted((w for w in watched if w in self._watched), key=lambda w: w.shadow)
            outcomes = await self._thread.run([w.attentive for w in watched], self._readings, now)
            happened = [(w, _take(w, outcomes[w.name], now)) for w in watched if w.name in outcomes]
            for one, what in happened:
                if what.decision and not one.is_inhibited(now.uptime):
                    self._act(one, what.decision)
            for one, what in happened:
                self._tell(one, what)

    def _act(self, watched: Watched, decision: Decision) -> None:
        if watched.shadow:
            if decision.first:
                delay = watched.settings.delay_of(decision.action)
                what = (
                    f"CANCEL, {decision.action.name} after {delay.total_seconds():g} s"
                    if delay
                    else decision.action.name
                )
                self._note(
                    "evaluator.would_trip", watched, f"would have stopped {watched.scope} ({what}): {decision.reason}"
                )
            return
        if self._is_covered(watched, decision.action):
            return
        cause = Cause(
            source=decision.source,
            evaluator=watched.name,
            reason=decision.reason,
            actor=SERVER,
            time=self._clock.now(),
            reading=decision.reading,
            limit=decision.limit,
        )
        delay = watched.settings.delay_of(decision.action)
        action = Action.CANCEL if delay else decision.action
        self._controller.activate(Activation(scope=watched.scope, action=action, cause=cause, flatten_delay=delay))
        watched.latched()

    def _is_covered(self, watched: Watched, action: Action | None = None) -> bool:
        """Whether its own scope or everything is stopped with at least its action, or will be, or held by a person.

        A hold is a person's word against a false trip, so no evaluator raises a held stop again, but a person may.
        """
        if watched.by_hand:
            return False
        wanted = action or watched.settings.action
        delay = watched.settings.delay_of(wanted)
        soon = self._controller.delays.is_due_within
        stops = (self._controller.state.stop_for(s) for s in (watched.scope, GLOBAL))
        return not watched.shadow and any(
            s and (s.action >= wanted or s.held or (delay and soon(s, delay))) for s in stops
        )

    def _tell(self, watched: Watched, what: Happened) -> None:
        miss, tier = what.near_miss, what.tier_percent
        if miss:
            facts = {
                "reading": f"{miss.peak.value:f}",
                "limit": f"{miss.peak.limit:f}",
                "breached": "yes" * miss.breached,
            }
            self._note("evaluator.near_miss", watched, f"{watched.name} {miss}", facts)
        # None once it has become a stop, which is told more loudly.
        if tier is None or tier != watched.tier_percent:
            return
        if tier:
            self._note("evaluator.warned", watched, watched.detail)
        else:
            self._note("evaluator.cleared", watched, f"{watched.name} is below every warn tier")
        self._controller.tell()

    def _note(self, kind: str, watched: Watched, words: str, facts: Mapping[str, str] | None = None) -> None:
        facts = {"evaluator": watched.name, **(facts or {})}
        self._controller.note(self._controller.draft(kind, words, scope=str(watched.scope), facts=facts))

    async def _looked_at_tripwire(self) -> bool:
        if self._tripwire is None:
            return True
        # One look at a time: a disk that hangs must not collect threads. The tick is then not completed.
        self._looking = self._looking or asyncio.create_task(self._tripwire.reason())
        done, _ = await asyncio.wait([self._looking], timeout=self._settings.tick.total_seconds())
        if not done:
            return False
        looked, self._looking = self._looking, None
        reason = looked.result()
        if reason is not None:
            self._trip_by_hand(reason, is_new=self._wire_stood is False)
        self._wire_stood = reason is not None
        return True

    def _trip_by_hand(self, reason: str, *, is_new: bool) -> None:
        """Latch for the tripwire file, unless everything is stopped as strongly already.

        A hold is a person's later word against a file that stood before it; a file made since is a newer word.
        """
        standing = self._controller.state.stop_for(GLOBAL)
        if standing and (standing.action >= self._settings.tripwire_action or (standing.held and not is_new)):
            return
        cause = Cause(
            source=CauseSource.TRIPWIRE,
            reason=reason or "the tripwire file exists",
            actor=SERVER,
            time=self._clock.now(),
        )
        self._controller.activate(Activation(scope=GLOBAL, action=self._settings.tripwire_action, cause=cause))


def _take(watched: Watched, outcome: Verdict | Fault, now: Instant) -> Happened:
    try:
        return watched.take(outcome, now)
    except Exception as error:  # noqa: BLE001 - whatever an evaluator answers, it is named and the others go on
        _log.exception("the verdict of evaluator %s cannot be used", watched.name)
        return watched.take(Fault(f"its verdict cannot be used: {type(error).__name__}"), now)
