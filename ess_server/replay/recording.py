"""Several files as one recording: what was observed, in the order of its arrival."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from zoneinfo import ZoneInfo

import pyarrow as pa

from ess_server.replay.files import Sheet, read_sheet
from ess_server.replay.held import Source
from ess_server.replay.kinds import KINDS, Kind, Observation, kind_named, kind_of
from ess_server.replay.problems import MOST_NAMED, DataProblem, RecordingError
from ess_server.replay.times import read_times
from ess_server.replay.tracks import Track, make_track

TIME, ARRIVAL, KIND = "time", "received", "kind"

UNASKED = ("cash_flow", "execution")
"""Kinds that come when something happens: that none comes means nothing."""
_PACE = 1.5
"""How many times the usual distance between two readings of a source is still no silence."""
_FEWEST = 2
"""Distances that tell what is usual."""


Arrival = tuple[int, int, int, Source, int, Observation]
"""One row: when it came, rank and place among those of the same moment, its source, until when it is held, and what was
observed. It is held until the next reading of the source if that is near enough to be no silence, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How files are read.

    Attributes:
        zone: of times without an offset; None refuses them.
        defaults: what a column says that is not there, such as the only account.
        accounts: those that may be named; None allows all.
        first: arrival of the first row that counts, in microseconds since 1970; None for all.
        last: the same for the last.
        pace: distance in microseconds between two readings of one source that is no silence; None takes 1.5 times
            what is usual for the source.
    """

    zone: ZoneInfo | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    accounts: tuple[str, ...] | None = None
    first: int | None = None
    last: int | None = None
    pace: int | None = None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """How much of one source there is, with times and distances in microseconds.

    ``first`` is the arrival of its first row, ``usual`` the usual distance between two, None if too few tell, and
    ``pace`` the longest distance that is no silence.
    """

    source: Source
    rows: int
    first: int
    usual: int | None
    pace: int


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that was recorded."""

    tracks: tuple[Track, ...]
    sources: tuple[SourceFacts, ...]
    held: tuple[Sequence[int], ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(len(t.arrivals) for t in self.tracks)

    @property
    def start(self) -> int:
        """Arrival of the first row, in microseconds since 1970."""
        return min(t.arrivals[0] for t in self.tracks)

    @property
    def end(self) -> int:
        """Arrival of the last row."""
        return max(t.arrivals[-1] for t in self.tracks)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield every row in order; of one moment cash flows first, as baselines have them."""
        origin = self.start
        ranked = sorted(zip(self.tracks, self.held, strict=True), key=lambda t: t[0].kind.name != "cash_flow")
        streams = [_stream(rank, track, held, origin) for rank, (track, held) in enumerate(ranked)]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams)


def read_recording(files: Sequence[Path], options: ReadOptions) -> Recording:
    """Read files into one recording. Raises RecordingError with the mistakes of every file."""
    problems: list[DataProblem] = []
    tracks: list[Track] = []
    for file in files:
        try:
            tracks += _tracks(read_sheet(file), options)
        except RecordingError as error:
            problems += error.problems
    if problems:
        raise RecordingError(problems)
    kept = [t for t in (track.between(options.first, options.last) for track in tracks) if t.arrivals]
    if not kept:
        raise RecordingError([DataProblem(files[0], "holds no row that is to be replayed; look at --from and --to")])
    sources, held = _paces(kept, options.pace)
    notes = [
        f"{t.sheet.file}: {t.unsorted} {t.kind.name} rows stood behind a later one; replayed in order of time"
        for t in tracks
        if t.unsorted
    ]
    return Recording(tuple(kept), tuple(sources), tuple(held), tuple(notes))


def _stream(rank: int, track: Track, held: Sequence[int], origin: int) -> Iterator[Arrival]:
    names = track.names
    rows = zip(track.arrivals, track.sources, held, track.observations(origin), strict=True)
    for place, (micros, source, until, observation) in enumerate(rows):
        yield micros, rank, place, names[source], until, observation


def _tracks(sheet: Sheet, options: ReadOptions) -> Iterator[Track]:
    if TIME not in sheet.columns:
        raise RecordingError([sheet.problem("there is no such column", column=TIME)])
    if not sheet.length:
        return
    times = read_times(sheet, TIME, options.zone)
    arrivals = read_times(sheet, ARRIVAL, options.zone) if ARRIVAL in sheet.columns else times
    for kind, rows in _kinds(sheet):
        if len(rows) == sheet.length:
            track = make_track(kind, sheet, range(sheet.length), times, arrivals, defaults=options.defaults)
        else:
            own = [times[r] for r in rows], [arrivals[r] for r in rows]
            track = make_track(kind, sheet, rows, *own, defaults=options.defaults)
        _check_accounts(track, options.accounts)
        yield track


def _kinds(sheet: Sheet) -> Iterator[tuple[Kind, Sequence[int]]]:
    """Yield the kinds of row in a sheet, each with its rows."""
    if KIND not in sheet.columns:
        kind = kind_of(list(sheet.columns))
        if kind is None:
            known = ", ".join(k.name for k in KINDS)
            raise RecordingError([sheet.problem(f"its columns tell no kind; add a column kind: {known}")])
        yield kind, range(sheet.length)
        return
    by_word: dict[str, list[int]] = {}
    for row, cell in enumerate(sheet.columns[KIND].to_pylist()):
        by_word.setdefault((cell or "").lower(), []).append(row)
    known = ", ".join(k.name for k in KINDS)
    unknown = [(rows[0], cell) for cell, rows in by_word.items() if kind_named(cell) is None]
    if unknown:
        found = [sheet.problem(f'"{cell[:40]}" is not one of {known}', row, KIND) for row, cell in sorted(unknown)]
        raise RecordingError(found[:MOST_NAMED])
    for cell, rows in by_word.items():
        kind = kind_named(cell)
        if kind is not None:
            yield kind, rows


def _check_accounts(track: Track, accounts: tuple[str, ...] | None) -> None:
    if accounts is None or "account" not in track.cells:
        return
    known = pa.array(accounts, pa.string())
    missing = {a for _, a in track.names} - set(known.to_pylist())
    if missing:
        listed = ", ".join(accounts) or "none"
        values = track.cells["account"].to_pylist()
        found = sorted((track.rows[values.index(a)], a) for a in missing)
        text = 'there is no account "{}" in the configuration, which has: {}'
        raise RecordingError(
            [track.sheet.problem(text.format(a[:80], listed), row, "account") for row, a in found[:MOST_NAMED]]
        )


def _paces(tracks: Sequence[Track], pace: int | None) -> tuple[list[SourceFacts], list[Sequence[int]]]:
    """Say how often each source speaks, and for each row until when its reading is held to stand."""
    end = max(track.arrivals[-1] for track in tracks)
    facts: list[SourceFacts] = []
    following: dict[Source, Mapping[int, int]] = {}
    for source, times in _arrivals(tracks).items():
        steps = [b - a for a, b in pairwise(times) if b > a]
        usual = median_low(steps) if len(steps) >= _FEWEST else None
        longest = 0 if source[0] in UNASKED else int((usual or 0) * _PACE) if pace is None else pace
        facts.append(SourceFacts(source, len(times), times[0], usual, longest))
        following[source] = _following(times, longest, end)
    return facts, [_held(track, following) for track in tracks]


def _arrivals(tracks: Sequence[Track]) -> dict[Source, list[int]]:
    found: dict[Source, list[int]] = {}
    for track in tracks:
        if len(track.names) == 1:
            found.setdefault(track.names[0], []).extend(track.arrivals)
        else:
            for micros, number in zip(track.arrivals, track.sources, strict=True):
                found.setdefault(track.names[number], []).append(micros)
    for times in found.values():
        times.sort()
    return found


def _following(times: Sequence[int], longest: int, end: int) -> dict[int, int]:
    """Return for each time the next one, where that is no further than ``longest``.

    After the last one that is the end, if the recording ends before anybody could have missed the next.
    """
    following = {a: b for a, b in pairwise(times) if 0 < b - a <= longest}
    if 0 <= end - times[-1] <= longest:
        following[times[-1]] = end + 1
    return following


def _held(track: Track, following: Mapping[Source, Mapping[int, int]]) -> Sequence[int]:
    tables = [following[name] for name in track.names]
    if len(tables) == 1:
        return list(map(tables[0].get, track.arrivals, [0] * len(track.arrivals)))
    return [tables[source].get(micros, 0) for micros, source in zip(track.arrivals, track.sources, strict=True)]
