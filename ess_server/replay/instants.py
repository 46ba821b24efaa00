"""When something can change although nothing is observed: the moments that a replay must look at within a gap.

Evaluators are pure: while nothing is observed, a verdict changes only because something has become older than a
duration of its settings, or than the share of it at which a warning begins or ends. Those moments follow from what
the repositories hold when the gap begins. Each is looked at by the last tick before it and the two after it, so that
neither rounding nor "longer than" against "as long as" makes a difference to ticking through; and the last tick of
a gap is looked at, when a silence is as long as it becomes.

Durations that are known here are counted from what they belong to; another one, of an evaluator of one's own, from
everything. A verdict that follows the time of day alone is seen with the next row, or at one of these moments.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from ess_server.core.approach import HYSTERESIS_PERCENT
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.drawdown import CLOCK_ERROR
from ess_server.core.evaluators.limits import SILENCE_TIERS
from ess_server.core.feeds import FeedTrack
from ess_server.core.ports import Readings
from ess_server.replay.clock import EPOCH
from ess_server.replay.held import Pace

_MICROSECOND = timedelta(microseconds=1)
_CONFIRMING = ("confirm_within", "unknown_after")
"""Durations of the memory around an evaluator; the replay follows them where they begin."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Names of the accounts and feeds in a recording."""

    accounts: tuple[str, ...]
    feeds: tuple[str, ...]


class Anchors:
    """What the durations of evaluators are counted from, in microseconds since 1970, as it stands at one moment."""

    def __init__(self, readings: Readings, pace: Pace, inputs: Inputs, origin: int) -> None:
        self._readings = readings
        self._pace = pace
        self._inputs = inputs
        self._origin = origin

    def silences(self) -> Iterator[int]:
        """Yield the latest reading of each source that no longer stands for the pace of the recording."""
        for account in self._inputs.accounts:
            metrics = self._readings.metrics.account(account)
            if metrics is not None and not self._pace.holds(("equity", account)):
                yield self._micros(metrics.equity.received)
                # An equity's own time is believed within the error that its clock may have.
                yield from (_since_epoch(metrics.equity.time + error) for error in (-CLOCK_ERROR, CLOCK_ERROR))
        for name, health in self._readings.health.components().items():
            if not self._pace.holds(("health", name)):
                yield self._micros(health.received)
        for feed, symbol, track in self._tracks():
            if track.renewed is not None and not self._pace.holds(("quote", feed, symbol)):
                yield self._micros(track.renewed)

    def executions(self, longest: float, now: float) -> Iterator[int]:
        """Yield the execution reports of the last ``longest`` seconds."""
        for account in self._inputs.accounts:
            for report in self._readings.metrics.executions(account, now - longest):
                yield self._micros(report.received)

    def prices(self) -> Iterator[int]:
        """Yield the prices of symbols that have moved lately."""
        for _, _, track in self._tracks():
            if track.low != track.high:
                yield from (self._micros(price.last) for price in track.prices)

    def faults(self) -> Iterator[int]:
        """Yield the last defect and setback of each symbol."""
        for _, _, track in self._tracks():
            yield from (self._micros(fault.received) for fault in (track.defect, track.setback) if fault is not None)

    def ahead(self, now: datetime) -> Iterator[int]:
        """Yield times of updates that have not come yet."""
        for _, _, track in self._tracks():
            if track.latest.time > now:
                yield _since_epoch(track.latest.time)

    def _tracks(self) -> Iterator[tuple[str, str, FeedTrack]]:
        for feed in self._inputs.feeds:
            for symbol, track in self._readings.feeds.tracks(feed).items():
                yield feed, symbol, track

    def _micros(self, uptime: float) -> int:
        return self._origin + round(uptime * 1e6)


class Instants:
    """The moments between two rows at which one of some evaluators may say something else."""

    def __init__(self, settings: Sequence[EvaluatorSettings]) -> None:
        self._durations: dict[str, set[int]] = {}
        self._tiers = {0, 100}
        for one in settings:
            for name, length in _durations(one):
                self._durations.setdefault(_COUNTED.get(name, _ANYTHING), set()).add(length)
            for tier in (*one.warn_percent, *SILENCE_TIERS):
                self._tiers |= {tier, tier - min(HYSTERESIS_PERCENT, tier // 2)}
        self.longest = max((d for group in self._durations.values() for d in group), default=0)
        """Microseconds after a row for which it can still change something."""
        self.longest_window = max(
            (d for name, group in self._durations.items() if name != _SILENCE for d in group), default=0
        )
        """The same while its source counts as speaking."""

    def after(self, anchors: Anchors, now: datetime, uptime: float) -> Iterator[int]:
        """Yield the moments, in microseconds since 1970 and in no order; some may have passed."""
        sources: dict[str, Callable[[], Iterator[int]]] = {
            _SILENCE: anchors.silences,
            _WINDOW: lambda: anchors.executions(self.longest / 1e6, uptime),
            _PRICES: anchors.prices,
            _FAULTS: anchors.faults,
            _CLOCK: lambda: anchors.ahead(now),
        }
        for kind, lengths in self._durations.items():
            for anchored, begin in sources.items():
                if kind not in (anchored, _ANYTHING):
                    continue
                shares = self._tiers if anchored in (_SILENCE, _CLOCK) or kind == _ANYTHING else {100}
                offsets = {length * share // 100 for length in lengths for share in shares}
                for start in set(begin()):
                    yield from (start + offset for offset in offsets)
                    if anchored == _CLOCK:
                        yield from (start - offset for offset in offsets)


_SILENCE, _WINDOW, _PRICES, _FAULTS, _CLOCK, _ANYTHING = "silence", "window", "prices", "faults", "clock", "anything"
_COUNTED = {
    "max_age": _SILENCE,
    "max_silence": _SILENCE,
    "host_max_age": _SILENCE,
    "max_feed_silence": _SILENCE,
    "max_symbol_silence": _SILENCE,
    "window": _WINDOW,
    "repeat_window": _WINDOW,
    "jump_within": _PRICES,
    "remember": _FAULTS,
    "max_clock_error": _CLOCK,
}
"""What the durations of the evaluators that come along are counted from."""


def _durations(settings: EvaluatorSettings) -> Iterator[tuple[str, int]]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, timedelta) and field.name not in _CONFIRMING:
            yield field.name, value // _MICROSECOND


def _since_epoch(time: datetime) -> int:
    return (time - EPOCH) // _MICROSECOND
