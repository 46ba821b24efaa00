"""Tables for people. The only module that needs rich, so that the others start fast."""

import os
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ess_server.cli.output import plain

WIDE = 400
"""Columns of what is not a terminal, so that nothing is cut off for those who search it."""

COLOURS = {
    "TRIP": "red",
    "UNKNOWN": "red",
    "INCOMPLETE": "red",
    "MISSING": "red",
    "WARN": "yellow",
    "PENDING": "yellow",
    "INHIBITED": "yellow",
    "HELD": "yellow",
    "CLEAR": "green",
    "FLAT": "green",
    "CONFIRMED": "green",
}


def console(*, err: bool = False) -> Console:
    """Return where tables are printed: coloured only on a terminal and unless NO_COLOR is set."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else WIDE
    return Console(file=stream, width=width, highlight=False, no_color=bool(os.environ.get("NO_COLOR")))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, or nothing if it has no rows."""
    built = table(title, columns, rows)
    if built.row_count:
        console().print(built)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Build a table of plain texts: nothing in them is read as markup or control characters."""
    built = Table(box=None, pad_edge=False, title_justify="left", title=Text(title, style="bold"), padding=(0, 2, 0, 0))
    for column in columns:
        built.add_column(column, header_style="dim", overflow="fold")
    for row in rows:
        built.add_row(*(Text(plain(cell), style=COLOURS.get(cell, "")) for cell in row))
    return built
