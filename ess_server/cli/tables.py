"""Tables for people. The only module that needs rich, so that the others start fast."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ess_server.cli.output import plain

WIDE = 400
"""Columns of what is not a terminal, so that nothing is cut off for those who search it."""

GAP = 2
INDENT = 4
NARROWEST = 8
"""Columns that a column keeps on a terminal that is too narrow for the table."""
ROOM = 40
"""Columns that sentences need beside the others; with less they stand in a line of their own."""

COLOURS = {
    "TRIP": "red",
    "UNKNOWN": "red",
    "INCOMPLETE": "red",
    "MISSING": "red",
    "UNSAFE": "red",
    "WARN": "yellow",
    "PENDING": "yellow",
    "INHIBITED": "yellow",
    "HELD": "yellow",
    "OK": "green",
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
    """Print a table, or nothing if it has no rows.

    The last column holds sentences. On a terminal that has no room for them each stands below its row.
    """
    found = [[plain(cell) for cell in row] for row in rows]
    if not found:
        return
    screen = console()
    natural = [max(map(cell_len, column)) for column in zip(columns, *found, strict=True)]
    if not screen.is_terminal or sum(natural) + GAP * (len(natural) - 1) <= screen.width:
        _print_as_it_is(screen, title, columns, found, natural)
        return
    beside = screen.width - sum(natural[:-1]) - GAP * (len(natural) - 1)
    if beside >= ROOM:
        screen.print(table(title, columns, found))
        return
    if title:
        screen.print(Text(title, style="bold"))
    for part in _stacked(columns, found, _squeezed(natural[:-1], screen.width)):
        screen.print(part)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Build a table of plain texts: nothing in them is read as markup or control characters."""
    built = Table(
        box=None, pad_edge=False, title_justify="left", title=Text(title, style="bold"), padding=(0, GAP, 0, 0)
    )
    for column in columns:
        built.add_column(column, header_style="dim", overflow="fold")
    for row in rows:
        built.add_row(*(_cell(plain(cell)) for cell in row))
    return built


def _print_as_it_is(
    screen: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]
) -> None:
    """Print a table that fits, without blanks at the ends of lines."""
    if title:
        screen.print(Text(title, style="bold"))
    screen.print(_line([Text(c, style="dim") for c in columns], widths), soft_wrap=True)
    for row in rows:
        screen.print(_line([_cell(c) for c in row], widths), soft_wrap=True)


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    last = max((n for n, cell in enumerate(cells) if cell.plain), default=0)
    for cell, width in zip(cells[:last], widths, strict=False):
        line.append_text(cell).append(" " * (width + GAP - cell.cell_len))
    return line.append_text(cells[last])


def _squeezed(widths: Sequence[int], room: int) -> list[int]:
    """Take from the widest columns until they fit, or none can give any more."""
    narrow = list(widths)
    for _ in range(sum(narrow)):
        widest = max(narrow)
        if sum(narrow) + GAP * (len(narrow) - 1) <= room or widest <= NARROWEST:
            break
        narrow[narrow.index(widest)] -= 1
    return narrow


def _stacked(columns: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[RenderableType]:
    """Yield the rows, each with its sentence below."""
    yield _row([Text(c, style="dim") for c in columns[:-1]], widths)
    for row in rows:
        yield _row([_cell(c) for c in row[:-1]], widths)
        if row[-1]:
            yield Padding(Text(row[-1]), (0, 0, 0, INDENT))


def _row(cells: Sequence[Text], widths: Sequence[int]) -> Table:
    built = Table(box=None, pad_edge=False, show_header=False, padding=(0, GAP, 0, 0))
    for width in widths:
        built.add_column(width=width, overflow="fold")
    built.add_row(*cells)
    return built


def _cell(text: str) -> Text:
    return Text(text, style=COLOURS.get(text, ""))
