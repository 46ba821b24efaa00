"""What one account owns: wallets, legs, orders."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal

from ess_server.venue.paper.model import (
    CashFlow,
    Conditional,
    ConditionalStatus,
    Fill,
    Leg,
    LegSide,
    Order,
    OrderRef,
    SymbolSettings,
)
from ess_server.venue.paper.spot_model import SpotAccount


class Account:
    """State of one account; changed only by the books."""

    def __init__(self, name: str, balances: dict[str, Decimal], *, hedged: bool, history: int) -> None:
        self.name = name
        self.hedged = hedged
        self.wallets = dict(balances)
        self.legs: dict[tuple[str, LegSide, bool], Leg] = {}
        self.settings: dict[str, SymbolSettings] = {}
        self.open_orders: dict[int, Order] = {}
        self.open_conditionals: dict[int, Conditional] = {}
        self.done_orders: dict[int, Order] = {}
        self.done_conditionals: dict[int, Conditional] = {}
        self.spot = SpotAccount(history)
        self.fills: deque[Fill] = deque(maxlen=history)
        self.cash_flows: deque[CashFlow] = deque(maxlen=history)
        self._history = history
        self._order_ids: dict[str, int] = {}
        self._conditional_ids: dict[str, int] = {}

    def leg(self, symbol: str, side: LegSide, *, isolated: bool = False) -> Leg:
        """Return the leg, made flat if it never traded."""
        found = self.legs.get((symbol, side, isolated))
        if found is None:
            found = self.legs[symbol, side, isolated] = Leg(symbol, side, isolated=isolated)
        return found

    def leg_sides(self) -> tuple[LegSide, ...]:
        """Return the sides that exist in the account's mode."""
        return (LegSide.LONG, LegSide.SHORT) if self.hedged else (LegSide.BOTH,)

    def positions(self) -> Iterator[Leg]:
        """Yield the legs that are not flat."""
        return (leg for leg in self.legs.values() if leg.quantity)

    def symbol_settings(self, symbol: str) -> SymbolSettings:
        """Return leverage and margin type, made at their defaults if never set."""
        return self.settings.setdefault(symbol, SymbolSettings())

    def orders_of(self, symbol: str, leg: LegSide | None = None) -> list[Order]:
        """Return the open orders of a symbol, oldest first."""
        return [
            order for order in self.open_orders.values() if order.symbol == symbol and (leg is None or order.leg is leg)
        ]

    def conditionals_of(self, symbol: str) -> list[Conditional]:
        """Return the waiting conditional orders of a symbol, oldest first."""
        return [item for item in self.open_conditionals.values() if item.request.symbol == symbol]

    def add_order(self, order: Order) -> None:
        """Take in a new open order."""
        self.open_orders[order.id] = order
        self._order_ids[order.client_id] = order.id

    def add_conditional(self, item: Conditional) -> None:
        """Take in a new waiting conditional order."""
        self.open_conditionals[item.id] = item
        self._conditional_ids[item.client_id] = item.id

    def finish_order(self, order: Order) -> None:
        """Move an order that is no longer open to the history."""
        if self.open_orders.pop(order.id, None) is None:
            return
        self.done_orders[order.id] = order
        if len(self.done_orders) > self._history:
            oldest = self.done_orders.pop(next(iter(self.done_orders)))
            if self._order_ids.get(oldest.client_id) == oldest.id:
                del self._order_ids[oldest.client_id]

    def finish_conditional(self, item: Conditional) -> None:
        """Move a conditional order that no longer waits to the history."""
        if self.open_conditionals.pop(item.id, None) is None:
            return
        self.done_conditionals[item.id] = item
        if len(self.done_conditionals) > self._history:
            oldest = self.done_conditionals.pop(next(iter(self.done_conditionals)))
            if self._conditional_ids.get(oldest.client_id) == oldest.id:
                del self._conditional_ids[oldest.client_id]

    def find_order(self, ref: OrderRef) -> Order | None:
        """Return an open or finished order."""
        number = ref.id if ref.id is not None else self._order_ids.get(ref.client_id)
        if number is None:
            return None
        return self.open_orders.get(number) or self.done_orders.get(number)

    def find_conditional(self, ref: OrderRef) -> Conditional | None:
        """Return a waiting or finished conditional order."""
        number = ref.id if ref.id is not None else self._conditional_ids.get(ref.client_id)
        if number is None:
            return None
        return self.open_conditionals.get(number) or self.done_conditionals.get(number)

    def id_taken(self, client_id: str, *, reuse: bool) -> bool:
        """True if an order may not use this client id; with ``reuse`` only open orders count."""
        found = self.find_order(OrderRef(client_id=client_id))
        return found is not None and (not reuse or found.status.is_open)

    def conditional_id_taken(self, client_id: str, *, reuse: bool) -> bool:
        """As ``id_taken``, for conditional orders, whose ids are a space of their own."""
        found = self.find_conditional(OrderRef(client_id=client_id))
        return found is not None and (not reuse or found.status is ConditionalStatus.NEW)
