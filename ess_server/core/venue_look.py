"""One look at an account that is asked for across the pipe: ``look``, answered by ``looked``."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot
from ess_server.core.venue_wire import LinkError, Message


def looked_message(id_: int, snapshot: VenueSnapshot) -> Message:
    """Return what an account shows."""
    return {"type": "looked", "id": id_, "snapshot": snapshot_entry(snapshot)}


def unread_message(id_: int, why: str) -> Message:
    """Return that an account could not be read."""
    return {"type": "looked", "id": id_, "error": why}


def snapshot_entry(snapshot: VenueSnapshot) -> dict[str, Any]:
    """Return a snapshot as JSON knows it."""
    return {
        "time": snapshot.time.isoformat(),
        "orders": [
            {
                "id": o.id,
                "symbol": o.symbol,
                "conditional": o.conditional,
                "reduce_only": o.reduce_only,
                "client_order_id": o.client_order_id,
            }
            for o in snapshot.orders
        ],
        "positions": [
            {
                "symbol": p.symbol,
                "long": p.long,
                "quantity": str(p.quantity),
                "hedged": p.hedged,
                "price": None if p.price is None else str(p.price),
            }
            for p in snapshot.positions
        ],
        "unnamed": list(snapshot.unnamed),
    }


def read_looked(message: Message) -> VenueSnapshot | str:
    """Read a ``looked`` message: what the account shows, or why it could not be read. Raises LinkError."""
    if "error" in message:
        return str(message["error"])
    try:
        entry: Mapping[str, Any] = message["snapshot"]
        return VenueSnapshot(
            time=datetime.fromisoformat(entry["time"]),
            orders=tuple(OpenOrder(**row) for row in entry["orders"]),
            positions=tuple(_position(row) for row in entry["positions"]),
            unnamed=tuple(entry["unnamed"]),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise LinkError(f"looked: {error!r}") from None


def _position(row: Mapping[str, Any]) -> Position:
    price = row["price"]
    return Position(
        symbol=row["symbol"],
        long=row["long"],
        quantity=Decimal(row["quantity"]),
        hedged=row["hedged"],
        price=None if price is None else Decimal(price),
    )
