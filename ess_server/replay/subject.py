"""One evaluator in a replay: what it would have stopped, and how close it came."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from ess_server.core.approach import NearMiss
from ess_server.core.confirm import Decision
from ess_server.core.evaluation import Fault
from ess_server.core.model import CauseSource
from ess_server.core.monitor import INHIBIT_FOR
from ess_server.core.ports import Readings
from ess_server.core.readings import Instant, Measure, Trip, Unknown, Verdict
from ess_server.core.watched import Watched
from ess_server.replay.clock import EPOCH
from ess_server.replay.episodes import Came, Episode, Kind, Release
from ess_server.replay.held import Source
from ess_server.replay.series import Series

MICROSECOND = timedelta(microseconds=1)

_CANNOT_TELL = (Unknown, Fault)


@dataclass(slots=True)
class _Standing:
    """A would-be stop that has not been released."""

    micros: int
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRule:
    """When a would-be stop is released, as by a person.

    ``after`` None: once the evaluator reads clearly below its highest warn tier. Else so many microseconds after the
    trip, whatever it reads then. ``rebaseline`` is called with each release, to start baselines anew.
    """

    after: int | None = None
    rebaseline: Callable[[], None] | None = None


@dataclass(slots=True)
class Subject:
    """An evaluator with what came of it.

    ``begins`` is the moment from which there is anything for it to read. ``sources`` are those it rests on, empty if
    that is not known: while all of them stand for the pace of the recording, it says what it said.
    """

    watched: Watched
    begins: int
    sources: frozenset[Source]
    series: Series
    rule: ResetRule
    tick: int
    dues: list[int] = field(default_factory=list)
    """Moments at which it wants to be looked at, whether or not anything is observed; lowest first."""
    episodes: list[Episode] = field(default_factory=list)
    peak: Measure | None = None
    peak_share: Decimal = Decimal(-1)
    peak_micros: int = 0
    unknown: int = 0
    """Microseconds for which it could not tell."""
    unknown_spans: list[tuple[int, int]] = field(default_factory=list)
    """When it could not tell; stretches that a chart could not show apart are one."""
    _unknown_since: int | None = None
    _standing: _Standing | None = None
    _tripped: bool = False
    _confirms: bool = False

    def __post_init__(self) -> None:
        self._confirms = self.watched.settings.confirm_of > 1

    def look(self, readings: Readings, now: Instant, micros: int) -> None:
        """Evaluate at ``now``, which is ``micros`` since 1970."""
        while self.dues and self.dues[0] <= micros:
            heapq.heappop(self.dues)
        try:
            outcome: Verdict | Fault = self.watched.evaluator.evaluate(readings, now)
        except Exception as error:  # noqa: BLE001 - as the monitor: whatever it raises, the others go on
            outcome = Fault(f"raised {type(error).__name__}")
        try:
            happened = self.watched.take(outcome, now)
        except Exception as error:  # noqa: BLE001 - as the monitor: a verdict that cannot be used is a fault
            outcome = Fault(f"its verdict cannot be used: {type(error).__name__}")
            happened = self.watched.take(outcome, now)
        if isinstance(outcome, _CANNOT_TELL):
            self._cannot_tell(micros)
        else:
            self._has_read(outcome, micros, decided=happened.decision is not None)
        if happened.near_miss is not None:
            self._missed(happened.near_miss, micros)
        if happened.decision is not None:
            self._decided(happened.decision, now, micros)
        if self._standing is not None:
            self._release(micros, now)

    def is_due(self, micros: int) -> bool:
        """Whether it wants to be looked at."""
        return bool(self.dues) and self.dues[0] <= micros

    def close(self, micros: int) -> None:
        """End with the recording."""
        self._could_not_tell_until(micros)
        self._end_standing(micros, Release.END)

    def memory(self) -> tuple[object, ...]:
        """Return everything that bears on what follows; of a stop that stands its action, not since when and why."""
        action = self._standing and self._standing.decision.action
        return self.watched.memory(), sorted(self.dues), self._unknown_since, action, self._tripped

    def count_anew(self) -> None:
        """Drop what came of it so far, and go on."""
        self.episodes, self.unknown_spans, self.unknown, self.series = [], [], 0, self.series.fresh()
        self.peak, self.peak_share, self.peak_micros = None, Decimal(-1), 0

    def join(self, later: Came) -> None:
        """Take what came later of one that agreed in ``memory``, counted anew from there and came to its end."""
        for one in later.episodes:
            if one.kind is Kind.TRIP and self._standing is not None:
                # Where one stood already, it is the first to end, and this one knows since when and why.
                self._end_standing(one.until, one.release)
            else:
                self.episodes.append(one)
        if later.peak_share > self.peak_share:
            self.peak, self.peak_share, self.peak_micros = later.peak, later.peak_share, later.peak_micros
        self.series.join(later.series)
        self.unknown += later.unknown
        for since, until in later.unknown_spans:
            self._add_span(since, until)

    def came(self) -> Came:
        """Return what came of it."""
        return Came(
            episodes=self.episodes,
            peak=self.peak,
            peak_share=self.peak_share,
            peak_micros=self.peak_micros,
            unknown=self.unknown,
            unknown_spans=self.unknown_spans,
            series=self.series,
        )

    def _cannot_tell(self, micros: int) -> None:
        if self._unknown_since is None:
            self._unknown_since = micros
            self._want(micros + self.watched.settings.unknown_after // MICROSECOND)

    def _could_not_tell_until(self, micros: int) -> None:
        since, self._unknown_since = self._unknown_since, None
        if since is None:
            return
        self.unknown += micros - since
        self._add_span(since, micros)

    def _add_span(self, since: int, micros: int) -> None:
        if self.unknown_spans and since - self.unknown_spans[-1][1] < self.series.column:
            since, _ = self.unknown_spans.pop()
        self.unknown_spans.append((since, micros))

    def _has_read(self, verdict: Verdict, micros: int, *, decided: bool) -> None:
        if self._unknown_since is not None:
            self._could_not_tell_until(micros)
        measure: Measure = verdict.measure  # type: ignore[union-attr] # Unknown went another way
        share = measure.share
        self.series.add(micros, share)
        if share > self.peak_share:
            self.peak, self.peak_share, self.peak_micros = measure, share, micros
        if self._confirms:
            self._confirm(micros, tripped=isinstance(verdict, Trip), decided=decided)

    def _confirm(self, micros: int, *, tripped: bool, decided: bool) -> None:
        """Ask for the ticks that confirmation waits for: each may be a reading of its own.

        Of a breach that is not confirmed, every tick; once it is over, as many as push it out of what is remembered.
        """
        of = self.watched.settings.confirm_of
        ticks = 0 if decided else 1 if tripped else of if self._tripped else 0
        for number in range(1, ticks + 1):
            heapq.heappush(self.dues, micros + number * self.tick)
        self._tripped = tripped

    def _want(self, micros: int) -> None:
        """Ask for a look at this moment, and at the tick after it: what is counted in floats may fall just short."""
        heapq.heappush(self.dues, micros)
        heapq.heappush(self.dues, micros + self.tick)

    def _missed(self, miss: NearMiss, micros: int) -> None:
        self.episodes.append(
            Episode(
                kind=Kind.NEAR_MISS,
                evaluator=self.watched.name,
                micros=(miss.began.time - EPOCH) // MICROSECOND,
                until=micros,
                action=self.watched.settings.action,
                source=CauseSource.EVALUATOR,
                reading=f"{miss.peak.value:f}",
                limit=f"{miss.peak.limit:f}",
                limit_used=miss.peak.limit_used,
                reason=str(miss),
            )
        )

    def _decided(self, decision: Decision, now: Instant, micros: int) -> None:
        standing = self._standing
        if standing is not None and decision.action <= standing.decision.action:
            return
        if self.watched.is_inhibited(now.uptime):
            return
        self._end_standing(micros, Release.RAISED)
        self._standing = _Standing(micros, decision)
        self.watched.latched()
        if self.rule.after is not None:
            self._want(micros + self.rule.after)

    def _release(self, micros: int, now: Instant) -> None:
        standing = self._standing
        if standing is None:
            return
        if self.rule.after is None:
            if not (self.watched.unknown or self.watched.is_close):
                self._end_standing(micros, Release.RECOVERED)
                self.watched.forget()
        elif micros - standing.micros >= self.rule.after:
            self._end_standing(micros, Release.RESET_AFTER)
            self._go_past(now, micros)
        if self._standing is None and self.rule.rebaseline is not None:
            self.rule.rebaseline()

    def _go_past(self, now: Instant, micros: int) -> None:
        """Release as a person does who overrides what still stands: it is ignored until it has read clear once."""
        if self.watched.stands or self.watched.unknown:
            self.watched.inhibit(now.uptime + INHIBIT_FOR.total_seconds())
            if self._confirms:
                self._confirm(micros, tripped=self.watched.stands, decided=False)
            self._want(micros + INHIBIT_FOR // MICROSECOND)
        else:
            self.watched.forget()
        if self._unknown_since is not None:
            self._want(micros + self.watched.settings.unknown_after // MICROSECOND)

    def _end_standing(self, micros: int, release: Release) -> None:
        standing, self._standing = self._standing, None
        if standing is None:
            return
        decision = standing.decision
        self.episodes.append(
            Episode(
                kind=Kind.TRIP,
                evaluator=self.watched.name,
                micros=standing.micros,
                until=micros,
                action=decision.action,
                source=decision.source,
                reading=decision.reading,
                limit=decision.limit,
                limit_used=_used(decision),
                reason=decision.reason,
                release=release,
            )
        )


def _used(decision: Decision) -> float | None:
    if not decision.limit:
        return None
    reading, limit = Decimal(decision.reading), Decimal(decision.limit)
    return float(reading / limit) if limit else float("inf")
