"""Market data: a feed or symbol without news, and updates that cannot be true."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import inf

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.limits import (
    Finding,
    check_names,
    check_percent,
    judge,
    shown,
    silence,
)
from ess_server.core.evaluators.settings import SECONDS, EvaluatorSettings, check_duration, fill_in
from ess_server.core.feeds import REMEMBERED, FeedTrack, jump_time, swing_percent
from ess_server.core.ports import Readings
from ess_server.core.readings import Instant, Measure, Verdict

KIND = "data_feed"
MAX_JUMP_PERCENT = 1000
SHORTEST_MEMORY = timedelta(seconds=1)
WHOLE_FEED = ""
"""Symbol of what is said of a feed as a whole; it has no price and is never silent."""

_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFeedSettings(EvaluatorSettings):
    """Limits for one feed. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Attributes:
        feed: name of the feed, as its reporter calls it.
        symbols: those that must be reported. None for every symbol that was ever reported, none of which may then fall
            silent, because a symbol that was wanted once is traded.
        max_feed_silence: without news of any of the symbols, above 0 s and at most a day, as the other durations. 5 s,
            because a live market says something every second.
        max_symbol_silence: without news of one symbol. 30 s, because one market may be quiet.
        max_jump_percent: from the lowest to the highest price within ``jump_within``, of the lowest, above 0 and at
            most 1000. No limit, because markets differ.
        jump_within: 1 s to 60 s, counted to the second. 10 s, because what takes longer is a market, not a mistake.
        max_clock_error: how far a time may be ahead of this host's clock, or behind that of the update before. 5 s,
            far more than hosts with NTP differ.
        remember: how long an update that was wrong counts after a good one has followed. 5 s, so that ``confirm`` and
            people see it.
    """

    kind: str = KIND
    feed: str
    symbols: tuple[str, ...] = ()
    max_feed_silence: timedelta = field(default=timedelta(seconds=5), metadata=SECONDS)
    max_symbol_silence: timedelta = field(default=timedelta(seconds=30), metadata=SECONDS)
    max_jump_percent: Decimal | None = None
    jump_within: timedelta = field(default=timedelta(seconds=10), metadata=SECONDS)
    max_clock_error: timedelta = field(default=timedelta(seconds=5), metadata=SECONDS)
    remember: timedelta = field(default=timedelta(seconds=5), metadata=SECONDS)

    def __post_init__(self) -> None:
        check_names("feed", (self.feed,))
        fill_in(self, "name", self.name or f"{KIND}/{self.feed}")
        EvaluatorSettings.__post_init__(self)
        check_names("symbols", self.symbols)
        check_percent("max_jump_percent", self.max_jump_percent, MAX_JUMP_PERCENT)
        for name in ("max_feed_silence", "max_symbol_silence", "jump_within", "max_clock_error", "remember"):
            check_duration(name, getattr(self, name))
        for name in ("jump_within", "remember"):
            if getattr(self, name) < SHORTEST_MEMORY:
                problem = f"{getattr(self, name).total_seconds():g} s could pass between two looks; at least 1 s"
                raise InvalidRequestError(name, problem)
        if self.jump_within > REMEMBERED:
            longest = f"{REMEMBERED.total_seconds():g} s"
            raise InvalidRequestError("jump_within", f"is longer than the {longest} that prices are remembered")


class DataFeedEvaluator:
    """Trips when the feed, or one symbol, is stale or corrupt.

    News is an update with a price that repeats none: connected but silent, and frozen, is stale. Stale is measured
    in seconds, a jump in percent, a clock in seconds, a defect (see ``FeedTrack``) as 1 of 1. A fault declared for
    the feed as a whole counts whatever symbols are named. A symbol without a price since the start is Unknown, and
    so is one whose arrival is no number.
    """

    Settings = DataFeedSettings

    def __init__(self, settings: DataFeedSettings) -> None:
        self.name = settings.name
        self._limits = settings
        self._feed_limit, self._symbol_limit = (
            Decimal(str(d.total_seconds())) for d in (settings.max_feed_silence, settings.max_symbol_silence)
        )
        self._clock_limit = Decimal(str(settings.max_clock_error.total_seconds()))
        self._remember = settings.remember.total_seconds()
        self._jump_within = settings.jump_within.total_seconds()
        lowest = min(settings.warn_percent, default=100)
        self._least_swing = settings.max_jump_percent and settings.max_jump_percent * lowest / _HUNDRED

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the verdict at ``now``."""
        tracks = readings.feeds.tracks(self._limits.feed)
        symbols = self._limits.symbols or [s for s in tracks if s != WHOLE_FEED]
        findings = [f for s, t in self._suspects(symbols, tracks, now) for f in self._faults(s, t, now)]
        renewed, since, missing = self._renewed(symbols, tracks, now)
        findings += self._stale(renewed, since, now)
        unknown = "" if symbols else "no price since the start"
        if missing:
            unknown = f"no price since the start of {_listed(missing)}"
        return judge(f"feed {self._limits.feed}", findings, unknown, warn_percent=self._limits.warn_percent)

    def _renewed(
        self, symbols: Sequence[str], tracks: Mapping[str, FeedTrack], now: Instant
    ) -> tuple[list[str], list[float], list[str]]:
        """Return the symbols that had news, since when each has had none, and those that never had any."""
        renewed, arrivals, missing = list[str](), list[float](), list[str]()
        uptime, ahead = now.uptime, -self._limits.max_symbol_silence.total_seconds()
        for symbol in symbols:
            track = tracks.get(symbol)
            since = None if track is None else track.renewed
            # As ``is_arrival``, here for hundreds of symbols a tick.
            if since is not None and ahead <= uptime - since < inf:
                renewed.append(symbol)
                arrivals.append(since)
            else:
                missing.append(symbol)
        return renewed, arrivals, missing

    def _suspects(
        self, symbols: Sequence[str], tracks: Mapping[str, FeedTrack], now: Instant
    ) -> list[tuple[str, FeedTrack]]:
        """Return where to look closer: most symbols are calm, and what is remembered bounds what is within any time."""
        least, time = self._least_swing, now.time
        return [
            (symbol, track)
            for symbol in (*symbols, WHOLE_FEED)
            if (track := tracks.get(symbol)) is not None
            and (
                track.defect is not None
                or track.setback is not None
                # Asked twice, for the first costs no call, and these are hundreds a tick.
                or (track.latest.time > time and _is_ahead(track, now))
                or (least is not None and track.swing >= least)
            )
        ]

    def _stale(self, renewed: Sequence[str], since: Sequence[float], now: Instant) -> Iterator[Finding]:
        if not renewed:
            return
        longest = min(since)
        symbol = min(s for s, arrival in zip(renewed, since, strict=True) if arrival == longest)
        # The time of the evaluation: silence is read anew whenever it is looked at.
        of_one = Measure(value=silence(longest, now), limit=self._symbol_limit, time=now.time)
        of_all = Measure(value=silence(max(since), now), limit=self._feed_limit, time=now.time)
        for measure, what in ((of_one, symbol), (of_all, "any symbol")):
            yield Finding(
                measure, partial(_silence_words, measure, what), partial(_seconds, measure.limit), silent=True
            )

    def _faults(self, symbol: str, track: FeedTrack, now: Instant) -> Iterator[Finding]:
        of = f"{symbol}: " if symbol else ""
        defect = track.defect
        if defect is not None and self._counts(defect.received, track, now):
            yield Finding(Measure(value=_ONE, limit=_ONE, time=defect.time), f"{of}{defect.detail}")
        # The longest, which a shorter one must not hide, and the last, which is a reading of its own.
        for setback in (track.setback, track.last_setback):
            if setback is not None and self._counts(setback.received, track, now):
                yield self._clock(setback.by, f"{of}clock ran back by", setback.time)
        if _is_ahead(track, now):
            yield self._clock(track.latest.time - now.time, f"{of}clock is ahead by", track.latest.time)
        yield from self._jumps(of, track, now)

    def _counts(self, received: float, track: FeedTrack, now: Instant) -> bool:
        # Not the opposite comparisons: an arrival that is no number counts.
        return not received < track.latest.received or not now.since(received) >= self._remember

    def _clock(self, error: timedelta, words: str, time: datetime) -> Finding:
        seconds = Decimal(str(error.total_seconds()))
        measure = Measure(value=seconds, limit=self._clock_limit, time=time)
        return Finding(measure, lambda: f"{words} {shown(seconds)} s, which", partial(_seconds, self._clock_limit))

    def _jumps(self, of: str, track: FeedTrack, now: Instant) -> Iterator[Finding]:
        limit = self._limits.max_jump_percent
        since = now.uptime - self._jump_within
        within = [p for p in track.prices if not p.last < since]
        if limit is None or not within:
            return
        low, high = min(p.low for p in within), max(p.high for p in within)
        moved = swing_percent(low, high)
        time = track.latest.time if moved < limit else jump_time(track.prices, within, limit)

        def words() -> str:
            during = f"from {low:f} to {high:f} within {self._jump_within:g} s"
            return f"{of}price moved by {shown(moved)} % ({during}), which"

        yield Finding(Measure(value=moved, limit=limit, time=time), words, f"{limit:f} %")


def _is_ahead(track: FeedTrack, now: Instant) -> bool:
    return track.latest.time > now.time and not track.latest.stamped


def _seconds(limit: Decimal) -> str:
    return f"{shown(limit)} s"


def _silence_words(measure: Measure, what: str) -> str:
    return f"no news of {what} for {shown(measure.value)} s, which"


def _listed(symbols: Sequence[str]) -> str:
    names = sorted(symbols)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
