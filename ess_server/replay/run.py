"""The replay: moves the clock through the recording, records what was observed, and lets every evaluator look."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from itertools import islice

from ess_server.core.evaluators.drawdown import groups_of
from ess_server.core.ports import Readings
from ess_server.core.watched import Watched
from ess_server.replay.clock import RecordedClock
from ess_server.replay.episodes import Came
from ess_server.replay.held import Pace, Source, held_readings
from ess_server.replay.inputs import Skipped, inputs_of, select, sources_of
from ess_server.replay.instants import Anchors, Instants
from ess_server.replay.recording import UNASKED, Arrival, Recording
from ess_server.replay.series import Series
from ess_server.replay.subject import MICROSECOND, ResetRule, Subject

FEW_TICKS = 40
"""A gap of no more ticks is ticked through: looking for the moments that matter would cost as much."""
REPORT_EVERY = 8192
"""Rows between two words on progress."""

Progress = Callable[[int], None]
"""Called with the number of rows that are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """How to replay.

    Attributes:
        zone: whose midnight begins the day.
        tick: how often silence is looked for.
        reset_after: time after a trip at which it counts as reset; None is once it reads clear.
        rebaseline: whether each release starts the baselines anew.
        every_tick: look at every tick of every gap, instead of those at which something can change; slow.
        named: evaluators that are replayed, whatever was recorded; empty is all that have something to read.
    """

    zone: tzinfo
    tick: timedelta = timedelta(milliseconds=250)
    reset_after: timedelta | None = None
    rebaseline: bool = False
    every_tick: bool = False
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay."""

    recording: Recording
    subjects: tuple[Subject, ...]
    skipped: tuple[Skipped, ...]
    looks: int


@dataclass(frozen=True, slots=True)
class Later:
    """What came of the later part of a replay, by evaluator."""

    came: tuple[Came, ...]
    looks: int


class Replay:
    """One run over a recording. Evaluators do not cover one another: each is replayed as if it were alone."""

    def __init__(self, recording: Recording, watched: Sequence[Watched], options: ReplayOptions) -> None:
        self._recording = recording
        self._origin = recording.start
        self._tick = options.tick // MICROSECOND
        self._every_tick = options.every_tick
        self._clock = RecordedClock(self._origin)
        self._pace = Pace(self._clock)
        self._readings: Readings = held_readings(self._clock, options.zone, self._pace)
        chosen, self._skipped = select(watched, recording.sources, options.named)
        self._subjects = [self._subject(one, begins, options) for one, begins in chosen]
        settings = [s.watched.settings for s in self._subjects]
        self._groups = groups_of(settings)
        self._readings.metrics.declare_groups(self._groups)
        self._instants = Instants(settings)
        self._inputs = inputs_of(recording.sources)
        self._anchors = Anchors(self._readings, self._pace, self._inputs, self._origin)
        self._at = self._origin
        self._open_until = 0
        self._told: set[Source] = set()
        self._silent: set[Source] = set()
        self._looks = 0
        self._rows = recording.arrivals()
        self._done = 0

    def run(self, progress: Progress = lambda _: None) -> Replayed:
        """Replay everything that is left; call it once."""
        self.advance(self._recording.rows, progress)
        self._look()
        for subject in self._subjects:
            subject.close(self._at)
        return self._replayed(progress)

    def advance(self, rows: int, progress: Progress) -> None:
        """Replay up to so many rows."""
        record, told = self._recorders(), self._told
        for done, (micros, _, _, source, held_until, observation) in self._next(rows):
            if micros != self._at:
                self._look()
                told.clear()
                self._pass_until(micros)
            elif source in told:
                # Two readings of one source at one moment: the second must not hide the first.
                self._look()
            told.add(source)
            record[source[0]](observation)
            self._heed(micros, source, held_until)
            if not done % REPORT_EVERY:
                progress(done)

    def pass_over(self, rows: int, progress: Progress) -> None:
        """Record up to so many rows, and let nobody look."""
        record, told = self._recorders(), self._told
        for done, (micros, _, _, source, held_until, observation) in self._next(rows):
            if micros != self._at:
                told.clear()
                self._move(micros)
            told.add(source)
            record[source[0]](observation)
            self._heed(micros, source, held_until)
            if not done % REPORT_EVERY:
                progress(done)

    def memory(self) -> str:
        """Return everything that bears on what follows, as text: 1.0 and 1.00 are equal, and read differently."""
        metrics = self._readings.metrics
        return repr(
            (
                (self._done, self._at, self._open_until, sorted(self._told), sorted(self._silent)),
                self._pace.memory(),
                [metrics.account(account) for account in self._inputs.accounts],
                [metrics.group(group) for group in self._groups],
                [subject.memory() for subject in self._subjects],
            )
        )

    def count_anew(self) -> None:
        """Drop what came of the replay so far, and go on."""
        self._looks = 0
        for subject in self._subjects:
            subject.count_anew()

    def join(self, later: Later, progress: Progress) -> Replayed:
        """End with what came of a replay that agreed in ``memory`` here, counted anew and ran to the end."""
        self._looks += later.looks
        for subject, came in zip(self._subjects, later.came, strict=True):
            subject.join(came)
        return self._replayed(progress)

    def _next(self, rows: int) -> Iterator[tuple[int, Arrival]]:
        """Yield the rows from here up to so many, each with its number."""
        begin, self._done = self._done, rows
        return enumerate(islice(self._rows, rows - begin), begin)

    def _replayed(self, progress: Progress) -> Replayed:
        progress(self._recording.rows)
        return Replayed(
            recording=self._recording,
            subjects=tuple(self._subjects),
            skipped=tuple(self._skipped),
            looks=self._looks,
        )

    def _recorders(self) -> dict[str, Callable[..., object]]:
        """Return what takes a row of each kind. No stop stands in a replay, so that no order is late."""
        readings = self._readings
        return {
            "equity": readings.metrics.record_equity,
            "cash_flow": readings.metrics.record_cash_flow,
            "execution": readings.metrics.record_execution,
            "quote": readings.feeds.record,
            "health": readings.health.record,
        }

    def _subject(self, watched: Watched, begins: int, options: ReplayOptions) -> Subject:
        def rebaseline() -> None:
            self._readings.metrics.rebaseline(self._inputs.accounts)

        after = None if options.reset_after is None else options.reset_after // MICROSECOND
        return Subject(
            watched=watched,
            begins=begins,
            sources=sources_of(watched.settings),
            series=Series(self._recording.start, self._recording.end),
            rule=ResetRule(after=after, rebaseline=rebaseline if options.rebaseline else None),
            tick=self._tick,
        )

    def _heed(self, micros: int, source: Source, held_until: int) -> None:
        """Note for how long a row may still change something."""
        if held_until:
            self._pace.hold(source, (held_until - self._origin) / 1e6)
            if self._silent:
                self._silent.discard(source)
            longest = self._instants.longest_window if source[0] == "quote" else 0
        else:
            longest = self._instants.longest
            if source[0] not in UNASKED:
                self._silent.add(source)
        if longest:
            self._open_until = max(self._open_until, micros + longest + 2 * self._tick)

    def _pass_until(self, micros: int) -> None:
        """Let time pass until ``micros``, with a look at each moment between at which something can change."""
        at = self._at
        if micros - at > self._tick and (self._silent or at < self._open_until or self._every_tick or self._due()):
            self._gap(micros)
        self._move(micros)

    def _due(self) -> int:
        """Return the next moment at which an evaluator wants to be looked at, 0 for none."""
        soonest = 0
        for subject in self._subjects:
            if subject.dues and (not soonest or subject.dues[0] < soonest):
                soonest = subject.dues[0]
        return soonest

    def _gap(self, end: int) -> None:
        first, last = (self._at - self._origin) // self._tick + 1, (end - self._origin - 1) // self._tick
        if self._every_tick or last - first < FEW_TICKS:
            ticks: Iterator[int] = iter(range(first, last + 1))
        else:
            ticks = iter(self._ticks(first, last))
        following = next(ticks, None)
        while True:
            due = -(-(self._due() - self._origin) // self._tick)
            if self._due() and (following is None or due < following):
                tick = max(due, first)
            elif following is not None:
                tick, following = following, next(ticks, None)
            else:
                return
            if tick > last:
                return
            self._move(self._origin + tick * self._tick)
            self._look()

    def _ticks(self, first: int, last: int) -> list[int]:
        """Return the ticks from ``first`` to ``last`` at which something can change."""
        wanted: set[int] = set()
        for moment in self._instants.after(self._anchors, self._clock.now(), self._clock.uptime()):
            before = (moment - self._origin) // self._tick
            wanted.update((before, before + 1, before + 2))
        if self._silent:
            wanted.add(last)
        return sorted(tick for tick in wanted if first <= tick <= last)

    def _move(self, micros: int) -> None:
        self._at = micros
        self._clock.move(micros)

    def _look(self) -> None:
        now, micros, told = self._clock.instant(), self._at, self._told
        self._looks += 1
        for subject in self._subjects:
            if subject.begins > micros:
                continue
            sources = subject.sources
            # News of its sources, sources that do not speak, or a wish: else it says what it said.
            news = not sources.isdisjoint(told) or not sources or not all(map(self._pace.holds, sources))
            if news or subject.is_due(micros):
                subject.look(self._readings, now, micros)
