"""Orders and positions in ccxt's unified form, believed only as far as the exchange's own reply bears them out."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import OpenOrder, Position
from ess_server.venue.unified.markets import number

_DEPTH = 3
_WAITS = ("triggerPrice", "stopLossPrice", "takeProfitPrice")


def borne_out(rows: object, replies: Sequence[object]) -> list[Mapping[str, Any]]:
    """Return what ccxt made of replies. Raises VenueUnknownError unless one of them holds a list with as many rows."""
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise VenueUnknownError("ccxt returned no list")
    sizes = {size for reply in replies for size in _sizes(reply, _DEPTH)}
    if len(rows) not in sizes:
        raise VenueUnknownError(f"ccxt made {len(rows)} rows of a reply that holds no list of as many")
    return rows


def _sizes(reply: object, depth: int) -> Iterator[int]:
    if isinstance(reply, list):
        if all(isinstance(row, Mapping) for row in reply):
            yield len(reply)
    elif isinstance(reply, Mapping) and depth:
        for value in reply.values():
            yield from _sizes(value, depth - 1)


def order_of(row: Mapping[str, Any], *, conditional: bool = False) -> OpenOrder:
    """Read an order. Raises VenueUnknownError."""
    return OpenOrder(
        id=_text(row, "id"),
        symbol=_text(row, "symbol"),
        conditional=conditional or any(number(row.get(name)) is not None for name in _WAITS),
        reduce_only=row.get("reduceOnly") is True,
        client_order_id=str(row.get("clientOrderId") or ""),
    )


def position_of(row: Mapping[str, Any]) -> Position | None:
    """Read a position. Raises VenueUnknownError."""
    symbol, side = _text(row, "symbol"), row.get("side")
    told = row.get("contracts")
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        raise VenueUnknownError(f"positions: the size of {symbol[:40]} is not told")
    amount = Decimal(str(told))
    if not amount.is_finite():
        raise VenueUnknownError(f"positions: the size of {symbol[:40]} is no number")
    if not amount:
        return None
    if side not in ("long", "short") or (amount < 0 and side == "long"):
        raise VenueUnknownError(f"positions: {symbol[:40]} has a side that cannot be")
    return Position(
        symbol=symbol,
        long=side == "long",
        quantity=abs(amount),
        hedged=row.get("hedged") is True,
        price=number(row.get("markPrice")),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise VenueUnknownError(f"{key} is missing")
    return value
