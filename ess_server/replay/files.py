"""Reads recorded files into columns of text: what stands in the file, before anything is made of it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from ess_server.replay.problems import DataProblem, RecordingError

_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file: its columns by name in lower case, and the number of the row that comes first.

    Numbers and words are columns of text, absent where empty; a column of timestamps stays one.
    """

    file: Path
    columns: dict[str, pa.Array]
    first_row: int
    length: int

    def problem(self, text: str, index: int = -1, column: str = "") -> DataProblem:
        """Return a mistake in a row, counted from 0 as in the columns; -1 is none."""
        return DataProblem(self.file, text, self.first_row + index if index >= 0 else 0, column)


def read_sheet(file: Path) -> Sheet:
    """Return what stands in a CSV or Parquet file. Raises RecordingError."""
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".pq": _read_parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise RecordingError([DataProblem(file, "is neither .csv nor .parquet; give it the name of what it is")])
    try:
        return reader(file)
    except OSError as error:
        raise RecordingError([DataProblem(file, f"cannot be read ({error.strerror or error})")]) from None
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        what = str(error).splitlines()[0]
        raise RecordingError([DataProblem(file, f"is no {file.suffix[1:].lower()} that can be read: {what}")]) from None


def _read_csv(file: Path) -> Sheet:
    names, delimiter = _header(file)
    broken: list[DataProblem] = []

    def refuse(row: pa_csv.InvalidRow) -> str:
        text = f"has {row.actual_columns} cells where the header has {row.expected_columns}"
        broken.append(DataProblem(file, text, row.number or 0))
        return "error"

    try:
        table = pa_csv.read_csv(
            file,
            # One thread, for only then the number of a broken row is known.
            read_options=pa_csv.ReadOptions(use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse, ignore_empty_lines=False
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid:
        if broken:
            raise RecordingError(broken) from None
        raise
    return _sheet(file, table, first_row=2)


def _header(file: Path) -> tuple[list[str], str]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        line = opened.readline()
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    if not any(names):
        raise RecordingError([DataProblem(file, "is empty; its first line names the columns")])
    return names, delimiter


def _read_parquet(file: Path) -> Sheet:
    return _sheet(file, pa_parquet.read_table(file), first_row=1)


def _sheet(file: Path, table: pa.Table, first_row: int) -> Sheet:
    names = [name.strip().lower() for name in table.column_names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise RecordingError([DataProblem(file, "stands in the header twice", column=name) for name in repeated])
    columns = {name: _as_text(file, name, table.column(place)) for place, name in enumerate(names)}
    return Sheet(file, columns, first_row, table.num_rows)


def _as_text(file: Path, name: str, column: pa.ChunkedArray) -> pa.Array:
    """Return the column as text; floats get the shortest text that means them, decimals keep every digit."""
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_timestamp(array.type):
        return array
    try:
        text = array.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise RecordingError([DataProblem(file, f"holds {array.type}, not numbers or text", column=name)]) from None
    trimmed = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def rows_where(mask: pa.Array, most: int) -> Sequence[int]:
    """Return the first places at which ``mask`` is true."""
    found: list[int] = pc.indices_nonzero(pc.fill_null(mask, False)).slice(0, most).to_pylist()
    return found
