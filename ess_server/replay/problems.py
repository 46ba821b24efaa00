"""What is wrong with recorded data, by file, row and column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ess_server.core.errors import EssError

MOST_NAMED = 20
"""Mistakes that are named of one file; more say no more."""


@dataclass(frozen=True, slots=True)
class DataProblem:
    """One mistake. ``row`` is the line of a CSV file (its header is 1) or the row of a Parquet file (from 1).

    ``row`` is 0 and ``column`` empty where the mistake has none.
    """

    file: Path
    text: str
    row: int = 0
    column: str = ""

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row else ""
        place = ", ".join(part for part in (str(self.file), row, self.column) if part)
        return f"{place}: {self.text}"


class RecordingError(EssError):
    """Recorded data cannot be replayed; ``problems`` are its mistakes, one line each in the message."""

    def __init__(self, problems: Sequence[DataProblem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)
