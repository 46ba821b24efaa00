"""Pages of lists that are told newest first, continued by a cursor."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote, unquote

from ess_server.venue.paper.dialects.bybit.codes import BybitError
from ess_server.venue.paper.dialects.bybit.params import Params

T = TypeVar("T")
Mark = tuple[int, int]
_PARTS = 2
_MAX_DIGITS = 20


def page(params: Params, items: Sequence[T], mark: Callable[[T], Mark], limit: int) -> tuple[list[T], str]:
    """Return the items of the page that ``cursor`` asks for, newest first, and the cursor of the next page.

    ``mark`` is a time or rank and a number, and orders the items. The cursor names the last item that was shown, so
    that what goes in between moves nothing. A full page always has a cursor, be it to an empty one, as on the exchange.
    """
    ordered = sorted(items, key=mark, reverse=True)
    cursor = params.optional("cursor")
    if cursor:
        after = _read(cursor)
        ordered = [item for item in ordered if mark(item) < after]
    shown = ordered[:limit]
    return shown, _cursor(mark(shown[-1])) if len(shown) == limit else ""


def _cursor(at: Mark) -> str:
    return quote(f"{at[1]}:{at[0]}", safe="")


def _read(cursor: str) -> Mark:
    parts = unquote(cursor).split(":")
    if len(parts) != _PARTS or not all(p.isascii() and p.isdigit() and len(p) <= _MAX_DIGITS for p in parts):
        raise BybitError(10001, "params error: cursor invalid")
    return int(parts[1]), int(parts[0])
