"""Marks, top of book and what one tick can fill. The counterparty of every account."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

from ess_server.venue.paper.model import ZERO, BooksConfig, Instrument, Order, OrderRequest, OrderType, Side
from ess_server.venue.paper.refusal import Reason, Refused


class Market:
    """One mark per symbol; bid and ask stand ``slippage`` away from it.

    ``halted`` are the symbols that take no order for now; what rests there can be cancelled.
    """

    def __init__(self, config: BooksConfig) -> None:
        self.instruments = {item.symbol: item for item in config.instruments}
        self.slippage = config.slippage
        self.liquidity = config.liquidity
        self.halted: set[str] = set()
        self._marks = {item.symbol: item.first_mark for item in config.instruments}
        self._spent: dict[str, Decimal] = {}

    def instrument(self, symbol: str) -> Instrument:
        """Return the contract. Raises Refused UNKNOWN_SYMBOL."""
        found = self.instruments.get(symbol)
        if found is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol)
        return found

    def mark(self, symbol: str) -> Decimal:
        """Return the mark price. Raises Refused UNKNOWN_SYMBOL."""
        self.instrument(symbol)
        return self._marks[symbol]

    def set_mark(self, symbol: str, price: Decimal) -> None:
        """Move the mark and refill the symbol's liquidity. Raises Refused for a price that is not above zero."""
        self.instrument(symbol)
        if not price.is_finite() or price <= 0:
            raise Refused(Reason.PRICE_NOT_POSITIVE, price)
        self._marks[symbol] = price
        self._spent.pop(symbol, None)

    def refill(self, symbols: Iterable[str] | None = None) -> None:
        """Begin a new tick: what the last one filled is available again."""
        for symbol in list(self._spent) if symbols is None else symbols:
            self._spent.pop(symbol, None)

    def bid(self, symbol: str) -> Decimal:
        """Best price that a seller gets."""
        tick = self.instrument(symbol).tick
        raw = self._marks[symbol] * (1 - self.slippage)
        return max(tick, (raw / tick).to_integral_value(ROUND_FLOOR) * tick)

    def ask(self, symbol: str) -> Decimal:
        """Best price that a buyer pays."""
        tick = self.instrument(symbol).tick
        raw = self._marks[symbol] * (1 + self.slippage)
        return (raw / tick).to_integral_value(ROUND_CEILING) * tick

    def touch(self, symbol: str, side: Side) -> Decimal:
        """Price at which an order of this side trades at once."""
        return self.ask(symbol) if side is Side.BUY else self.bid(symbol)

    def crosses(self, order: Order | OrderRequest) -> bool:
        """True if the order trades at the present mark."""
        if order.type is OrderType.MARKET or order.price is None:
            return True
        mark = self._marks[order.symbol]
        return mark <= order.price if order.side is Side.BUY else mark >= order.price

    def taker_price(self, order: Order | OrderRequest) -> Decimal:
        """Price of an order that takes: the touch, never worse than its limit."""
        touch = self.touch(order.symbol, order.side)
        if order.price is None:
            return touch
        return min(touch, order.price) if order.side is Side.BUY else max(touch, order.price)

    def available(self, symbol: str, wanted: Decimal) -> Decimal:
        """How much of ``wanted`` this tick can still fill, in whole steps."""
        if self.liquidity is None:
            return wanted
        instrument = self.instrument(symbol)
        left = max(ZERO, self.liquidity - self._spent.get(symbol, ZERO)) / self._marks[symbol]
        return min(wanted, (left / instrument.step).to_integral_value(ROUND_DOWN) * instrument.step)

    def spend(self, symbol: str, quantity: Decimal) -> None:
        """Take what a fill used out of this tick."""
        if self.liquidity is not None:
            self._spent[symbol] = self._spent.get(symbol, ZERO) + quantity * self._marks[symbol]
