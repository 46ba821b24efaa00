"""From the columns of a file to its rows: of one kind each, checked as a whole, in the order of their arrival."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ess_server.replay.clock import times_of
from ess_server.replay.files import Sheet, rows_where
from ess_server.replay.kinds import Batch, CellMistakeError, Column, Kind, Observation, decimal
from ess_server.replay.problems import MOST_NAMED, DataProblem, RecordingError

BATCH = 8192
"""Rows made into observations at a time."""

_PLAIN_DECIMAL = r"^-?[0-9]{1,24}(\.[0-9]{1,24})?$"


@dataclass(frozen=True, slots=True)
class Track:
    """The rows of one kind in one file, in the order of ``arrivals``, in microseconds since 1970.

    ``sources`` numbers the source of each row among ``names``. ``unsorted`` rows stood before an earlier one.
    """

    kind: Kind
    sheet: Sheet
    cells: dict[str, pa.Array]
    rows: Sequence[int]
    times: Sequence[int]
    arrivals: Sequence[int]
    sources: Sequence[int]
    names: Sequence[tuple[str, ...]]
    unsorted: int

    def observations(self, origin: int) -> Iterator[Observation]:
        """Yield what was observed; uptimes count from ``origin``."""
        for start in range(0, len(self.arrivals), BATCH):
            part = slice(start, start + BATCH)
            yield from self.kind.build(
                Batch(
                    cells={c.name: _read(self.cells[c.name].slice(start, BATCH), c) for c in self.kind.columns},
                    times=times_of(self.times[part]),
                    received=[(t - origin) / 1e6 for t in self.arrivals[part]],
                    ids=[f"{self.sheet.file.name}:{self.sheet.first_row + row}" for row in self.rows[part]]
                    if any(c.name == "id" for c in self.kind.columns)
                    else [""] * len(self.times[part]),
                )
            )

    def between(self, first: int | None, last: int | None) -> "Track":
        """Return the rows that arrived from ``first`` to ``last``, both included; None is no bound."""
        kept = [n for n, t in enumerate(self.arrivals) if (first is None or t >= first) and (last is None or t <= last)]
        return self if len(kept) == len(self.arrivals) else _taken(self, kept)


def make_track(
    kind: Kind,
    sheet: Sheet,
    rows: Sequence[int],
    times: Sequence[int],
    arrivals: Sequence[int],
    *,
    defaults: Mapping[str, str],
) -> Track:
    """Return the rows of a sheet as a track. Raises RecordingError with the first mistakes in their cells."""
    places = pa.array(rows, pa.int64())
    cells = {c.name: _column(sheet, c, places, defaults) for c in kind.columns}
    problems = [p for c in kind.columns for p in _mistakes(sheet, c, cells[c.name], rows)]
    if problems:
        raise RecordingError(sorted(problems, key=lambda p: p.row)[:MOST_NAMED])
    numbers, names = _sources(kind, cells)
    unsorted = sum(after < before for before, after in pairwise(arrivals))
    track = Track(kind, sheet, cells, rows, times, arrivals, numbers, names, unsorted)
    if not unsorted:
        return track
    return _taken(track, sorted(range(len(arrivals)), key=arrivals.__getitem__))


def _taken(track: Track, order: list[int]) -> Track:
    places = pa.array(order, pa.int64())
    return replace(
        track,
        cells={name: column.take(places) for name, column in track.cells.items()},
        rows=[track.rows[n] for n in order],
        times=[track.times[n] for n in order],
        arrivals=[track.arrivals[n] for n in order],
        sources=[track.sources[n] for n in order],
    )


def _column(sheet: Sheet, column: Column, places: pa.Array, defaults: Mapping[str, str]) -> pa.Array:
    name = column_in(sheet, column)
    if name is not None:
        return sheet.columns[name] if len(places) == sheet.length else sheet.columns[name].take(places)
    default = defaults.get(column.name)
    if default is None and column.required:
        raise RecordingError([sheet.problem("there is no such column" + _advice(column), column=column.name)])
    return pa.nulls(len(places), pa.string()) if default is None else pa.array([default] * len(places), pa.string())


def column_in(sheet: Sheet, column: Column) -> str | None:
    """Return the name that a column has in a sheet, None if it is not there."""
    return next((name for name in (column.name, *column.aliases) if name in sheet.columns), None)


def _advice(column: Column) -> str:
    hints = {
        "account": "; it may be missing where the configuration has one account only",
        "feed": "; it may be missing where the configuration has one feed only",
        "currency": "; name the currency with --currency",
    }
    return hints.get(column.name, "")


def _mistakes(sheet: Sheet, column: Column, cells: pa.Array, rows: Sequence[int]) -> Iterator[DataProblem]:
    name = column_in(sheet, column) or column.name
    if column.required:
        for place in rows_where(cells.is_null(), MOST_NAMED):
            yield sheet.problem("is missing", rows[place], name)
    for place, value in _suspects(column, cells):
        try:
            column.read(value)
        except CellMistakeError as error:
            yield sheet.problem(str(error), rows[place], name)


def _suspects(column: Column, cells: pa.Array) -> Iterator[tuple[int, str]]:
    """Yield the cells that may be mistaken, with their places; of words that repeat, each word once."""
    if pa.types.is_null(cells.type) or cells.null_count == len(cells):
        return
    if column.read is decimal:
        odd = pc.invert(pc.match_substring_regex(cells, _PLAIN_DECIMAL))
        for place in rows_where(odd, len(cells)):
            yield place, cells[place].as_py()
        return
    for value in pc.unique(cells).drop_null().to_pylist():
        yield pc.index(cells, value).as_py(), value


def _read(cells: pa.Array, column: Column) -> Sequence[Any]:
    if cells.null_count == len(cells):
        return [None] * len(cells)
    values = cells.to_pylist()
    if not cells.null_count:
        return list(map(column.read, values)) if column.read is not decimal else list(map(Decimal, values))
    return [None if value is None else column.read(value) for value in values]


def _sources(kind: Kind, cells: dict[str, pa.Array]) -> tuple[Sequence[int], Sequence[tuple[str, ...]]]:
    """Number the sources of all rows, and name each number."""
    parts = [pc.fill_null(cells[name], "") for name in kind.source]
    joined = pc.binary_join_element_wise(*parts, "\x1f") if len(parts) > 1 else parts[0]
    encoded = joined.dictionary_encode()
    return encoded.indices.to_pylist(), [(kind.name, *name.split("\x1f")) for name in encoded.dictionary.to_pylist()]
