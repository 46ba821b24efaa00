"""Lists and single replies of a venue, checked against the shape that its plan gives them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.strict import VenueError
from ess_server.venue.unified.plan import ListedOrder, ListedPosition, Listing, Pages, Row

T = TypeVar("T", ListedOrder, ListedPosition)
MAX_PAGES = 100
_MISSING = object()

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Makes a request: ccxt's name of it, and its parameters."""


async def read_all(listing: Listing[T], ask: Ask) -> list[T]:
    """Read every page. Raises VenueUnknownError unless all have the shape that is asked for, and the pages end."""
    found: list[T] = []
    params: Row = listing.params
    for _ in range(MAX_PAGES):
        try:
            reply = await ask(listing.endpoint, params)
        except VenueError as error:
            if any(word in str(error) for word in listing.absent):
                return []
            raise
        rows = rows_in(listing, reply)
        read = (_read(listing, row) for row in rows)
        found += [replace(item, row=row, scope=listing.scope) for row, item in zip(rows, read, strict=True) if item]
        following = listing.pages(params, rows, reply) if listing.pages else None
        if following is None:
            return found
        params = following
    raise VenueUnknownError(f"{listing.name}: their list does not end")


def rows_in(listing: Listing[Any], reply: object) -> list[Row]:
    """Return the rows of one reply. Raises VenueUnknownError."""
    for key, wanted in listing.says.items():
        said = reply.get(key, _MISSING) if isinstance(reply, Mapping) else _MISSING
        if type(said) is not type(wanted) or said != wanted:
            raise VenueUnknownError(f"{listing.name}: the reply does not say {key} = {wanted!r}")
    rows: object = reply
    for key in listing.rows:
        rows = rows.get(key, _MISSING) if isinstance(rows, Mapping) else _MISSING
    if rows is None and listing.nullable:
        return []
    if listing.keyed and isinstance(rows, Mapping):
        rows = [{"id": key, **row} if isinstance(row, Mapping) else row for key, row in rows.items()]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise VenueUnknownError(f"{listing.name}: not a list of objects")
    return rows


def _read(listing: Listing[T], row: Row) -> T | None:
    try:
        return listing.read(row)
    except EssError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise VenueUnknownError(f"{listing.name}: a row could not be read ({type(error).__name__})") from None


def by_number(key: str, size: int) -> Pages:
    """Pages with numbers from 1; the last one is not full."""

    def following(params: Row, rows: Sequence[Row], _: object) -> Row | None:
        return {**params, key: params.get(key, 1) + 1} if len(rows) >= size else None

    return following


def by_offset(key: str, size: int) -> Pages:
    """Pages that begin after so many rows; the last one is not full."""

    def following(params: Row, rows: Sequence[Row], _: object) -> Row | None:
        return {**params, key: params.get(key, 0) + len(rows)} if len(rows) >= size else None

    return following


def by_cursor(key: str, path: Sequence[str], size: int = 1) -> Pages:
    """Pages that begin at a cursor that stands in the reply; the last one has none, or less than ``size`` rows."""

    def following(params: Row, rows: Sequence[Row], reply: Any) -> Row | None:  # noqa: ANN401 - JSON
        cursor = reply
        for name in path:
            cursor = cursor.get(name) if isinstance(cursor, Mapping) else None
        if cursor in (None, "") or len(rows) < size:
            return None
        return {**params, key: str(cursor)}

    return following


def joined(parts: Sequence[Witness]) -> Witness:
    """Return what several readings together tell. One that says that nothing is held says it of the whole account."""
    return Witness(
        positions=_together([p.positions for p in parts]),
        orders=_together([p.orders for p in parts]),
        evidence="; ".join(p.evidence for p in parts if p.evidence),
    )


def _together(told: Sequence[bool | None]) -> bool | None:
    if True in told:
        return True
    return False if False in told else None
