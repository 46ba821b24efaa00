"""What the last reading of an account showed, in the venue's own rows: cancels and closes are made from them."""

from collections.abc import Hashable, Sequence
from decimal import Decimal

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import OpenOrder, Position
from ess_server.venue.unified.markets import UnifiedMarkets, size_rules
from ess_server.venue.unified.plan import ListedOrder, ListedPosition, UnifiedPlan
from ess_server.venue.usdm_rows import split


class Shown:
    """Orders and positions of the last reading."""

    def __init__(self, plan: UnifiedPlan, markets: UnifiedMarkets) -> None:
        self._plan = plan
        self._markets = markets
        self._orders: dict[tuple[str, str, bool], ListedOrder] = {}
        self._held: dict[tuple[str, bool], list[ListedPosition]] = {}

    def positions(self, held: Sequence[ListedPosition]) -> tuple[Position, ...]:
        """Keep these rows; what is held of a market on one side is one position."""
        groups: dict[tuple[str, bool], list[ListedPosition]] = {}
        for row in held:
            groups.setdefault((self._markets.symbol_of(row.market), row.amount > 0), []).append(row)
        self._held = groups
        return tuple(
            Position(
                symbol=symbol,
                long=long,
                quantity=sum((abs(row.amount) for row in rows), start=Decimal(0)),
                hedged=any(row.hedged for row in rows),
                price=rows[0].price,
            )
            for (symbol, long), rows in groups.items()
        )

    def orders(self, resting: Sequence[ListedOrder]) -> tuple[OpenOrder, ...]:
        """Keep these rows."""
        orders = tuple(
            OpenOrder(
                id=order.id,
                symbol=self._markets.symbol_of(order.market),
                conditional=order.conditional,
                reduce_only=order.reduce_only,
                client_order_id=order.client_order_id,
            )
            for order in resting
        )
        self._orders = {_key(order): row for order, row in zip(orders, resting, strict=True)}
        return orders

    def groups(self, orders: Sequence[OpenOrder]) -> list[tuple[list[ListedOrder], bool]]:
        """Return the rows of these orders by group of cancelling, and whether they are all that the group had.

        Raises VenueUnknownError for an order that was not shown.
        """
        group_of = self._plan.cancelling.group
        groups: dict[Hashable, list[ListedOrder]] = {}
        for order in orders:
            listed = self._orders.get(_key(order))
            if listed is None:
                raise VenueUnknownError(f"order {order.id[:40]} was not shown by the last reading")
            groups.setdefault(group_of(listed), []).append(listed)
        had: dict[Hashable, int] = {}
        for listed in self._orders.values():
            had[group_of(listed)] = had.get(group_of(listed), 0) + 1
        return [(found, len(found) == had[group]) for group, found in groups.items()]

    def parts(self, position: Position) -> list[tuple[ListedPosition, Decimal]]:
        """Divide a quantity among the rows of a position, each cut to what the market takes; empty if that is nothing.

        Raises VenueUnknownError for a position that was not shown.
        """
        rows = self._held.get((position.symbol, position.long), [])
        if not rows:
            raise VenueUnknownError(f"no position in {position.symbol} was shown by the last reading")
        rules = size_rules(self._markets.detail(position.symbol), self._plan.maximum)
        left, parts = position.quantity, []
        for row in rows:
            taken = min(left, abs(row.amount))
            left -= taken
            parts += [(row, part) for part in (split(taken, rules) if rules else (taken,)) if part]
        return parts


def _key(order: OpenOrder) -> tuple[str, str, bool]:
    """What makes it this order: ids of some venues are unique within a market and kind only."""
    return order.id, order.symbol, order.conditional
