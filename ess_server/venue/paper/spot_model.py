"""The words of the spot books: what may be ordered, what rests, what one account owns. Every amount is a Decimal."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ess_server.venue.paper.model import ZERO, OrderRef, OrderRequest, OrderStatus, OrderType, Side, TimeInForce


class SpotKind(StrEnum):
    """What an order is. Those with a stop wait for the mark and then act as MARKET or LIMIT."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def priced(self) -> bool:
        """True if it has a limit price."""
        return "LIMIT" in self.value

    @property
    def waits(self) -> bool:
        """True if it has a stop price."""
        return self.value.startswith(("STOP_LOSS", "TAKE_PROFIT"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRequest:
    """What a client asks for: ``quantity`` in base units, or for a market order ``cost`` in quote units instead."""

    symbol: str
    side: Side
    kind: SpotKind
    quantity: Decimal = ZERO
    cost: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    client_id: str = ""

    @property
    def as_order(self) -> OrderRequest:
        """What it is to the market once nothing is waited for."""
        return OrderRequest(
            symbol=self.symbol,
            side=self.side,
            type=OrderType.LIMIT if self.kind.priced else OrderType.MARKET,
            quantity=self.quantity,
            price=self.price,
            tif=self.tif,
        )


@dataclass(slots=True, kw_only=True)
class SpotOrder:
    """An order as the venue keeps it. ``list_id`` is shared by the two legs of a list, 0 for an order by itself."""

    id: int
    client_id: str
    request: SpotRequest
    created: datetime
    updated: datetime
    waiting: bool
    list_id: int = 0
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    status: OrderStatus = OrderStatus.NEW

    @property
    def symbol(self) -> str:
        """The pair."""
        return self.request.symbol

    @property
    def remaining(self) -> Decimal:
        """Base units still to fill."""
        return self.request.quantity - self.filled


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotFill:
    """One execution. The fee is taken from what was received, ``fee_asset``."""

    id: int
    order_id: int
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at: datetime


class SpotAccount:
    """What one account owns and orders on spot; changed only by the spot books. ``updated`` is its last change."""

    def __init__(self, history: int) -> None:
        self.held: dict[str, Decimal] = {}
        self.open: dict[int, SpotOrder] = {}
        self.done: dict[int, SpotOrder] = {}
        self.fills: deque[SpotFill] = deque(maxlen=history)
        self.updated: datetime | None = None
        self._history = history
        self._ids: dict[str, int] = {}

    def of(self, symbol: str) -> list[SpotOrder]:
        """Return the open orders of a pair, oldest first."""
        return [order for order in self.open.values() if order.symbol == symbol]

    def legs(self, list_id: int) -> list[SpotOrder]:
        """Return the open orders of a list."""
        return [order for order in self.open.values() if list_id and order.list_id == list_id]

    def add(self, order: SpotOrder) -> None:
        """Take in a new open order; its client id names it from now on."""
        self.open[order.id] = order
        self._ids[order.client_id] = order.id

    def finish(self, order: SpotOrder) -> None:
        """Move an order that is no longer open to the history."""
        if self.open.pop(order.id, None) is None:
            return
        self.done[order.id] = order
        if len(self.done) > self._history:
            oldest = self.done.pop(next(iter(self.done)))
            if self._ids.get(oldest.client_id) == oldest.id:
                del self._ids[oldest.client_id]

    def find(self, ref: OrderRef) -> SpotOrder | None:
        """Return an open or finished order; of those with one client id, the newest."""
        number = ref.id if ref.id is not None else self._ids.get(ref.client_id)
        return None if number is None else self.open.get(number) or self.done.get(number)
