"""Orders that appear on an account after its stop: an engine was frozen between check and send, or somebody trades."""

from collections.abc import Iterable

from ess_server.core.venue_snapshot import OpenOrder

NAMED = 20
"""Orders named in one event; the rest is counted."""
TOLD_EVERY = 5.0
"""Seconds between two events of one account."""


class LateEntries:
    """Finds the orders that a stop is to cancel and that were not there when its work began."""

    def __init__(self) -> None:
        self._known: set[str] | None = None
        self._untold: list[OpenOrder] = []
        self._told_at: float | None = None

    def see(self, shown: Iterable[OpenOrder], cancels: Iterable[OpenOrder]) -> None:
        """Take one reading: all orders of the account, and those of them that are to be cancelled."""
        ids = {_key(o) for o in shown}
        if self._known is not None:
            self._untold += [o for o in cancels if _key(o) not in self._known and not o.reduce_only]
        # Only those of the newest reading: whoever goes on placing orders must not fill the memory.
        self._known = ids

    def tell(self, now: float) -> dict[str, str] | None:
        """Return the facts of an event that is due at uptime ``now``, in seconds; None if none is."""
        if not self._untold or (self._told_at is not None and now - self._told_at < TOLD_EVERY):
            return None
        untold, self._untold, self._told_at = self._untold, [], now
        return {"count": str(len(untold)), "orders": ", ".join(map(_name, untold[:NAMED]))}


def _key(order: OpenOrder) -> str:
    return f"{order.symbol} {order.conditional} {order.id}"


def _name(order: OpenOrder) -> str:
    own = f" (client order id {order.client_order_id})" if order.client_order_id else ""
    return f"{order.symbol} {order.id}{own}"
