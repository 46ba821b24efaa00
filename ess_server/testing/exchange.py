"""An exchange account in memory, with faults on demand."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Account
from ess_server.core.readings import ExecutionReport
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness


class Fault(Enum):
    """What a call does instead of working."""

    NONE = "works"
    REFUSED = "raises, nothing was done"
    LOST = "is carried out, then raises: the answer was lost"
    HANG = "never answers, nothing is done"
    PARTIAL = "does half of it and returns as if nothing were wrong"
    LATE_FILL = "cancel: the orders fill instead; else as NONE"
    FOREIGN = "works, and somebody else places an order and opens a position"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentClose:
    """A close as it arrived: what was asked for, and what the books and the last snapshot said at that moment."""

    position: Position
    client_order_id: str
    held: Decimal
    shown: Decimal
    limit: Decimal | None = None


class FakeExchangeClient:
    """An ``ExchangeClient`` and ``ExecutionReader`` whose venue is this object; ``reports`` is what it reads next.

    ``orders`` and ``positions`` are the books. Every method takes the next fault of its queue in ``faults``
    (a method without one works) and is counted in ``calls``. As on real venues a resting reduce-only order
    makes a close of its symbol fail, closes never flip, and positions below ``minimum`` cannot be closed. A close
    with a limit finds nobody in markets that are ``thin``. ``unlisted`` makes the witness see what no list shows.
    While ``costly``, the first snapshot after a send is partial: it leaves out conditional orders.
    """

    def __init__(
        self, account: Account, *, minimum: Decimal = Decimal(0), now: Callable[[], datetime] | None = None
    ) -> None:
        self.account = account
        self.minimum = minimum
        self.orders: dict[str, OpenOrder] = {}
        self.positions: dict[tuple[str, bool], Position] = {}
        self.balance = Decimal(1000)
        self.prices: dict[str, Decimal] = {}
        self.unlisted = False
        self.costly = False
        self.thin: set[str] = set()
        self.faults: dict[str, deque[Fault]] = {
            name: deque() for name in ("snapshot", "cancel", "close_position", "witness")
        }
        self.calls: list[str] = []
        self.closes: list[SentClose] = []
        self.reports: list[ExecutionReport] = []
        self.closed = False
        self._now = now or (lambda: datetime.now(UTC))
        self._shown = VenueSnapshot(time=self._now())
        self._placed = 0
        self._sent = False

    def rest(self, symbol: str, *, conditional: bool = False, reduce_only: bool = False) -> OpenOrder:
        """Place an order that rests."""
        self._placed += 1
        order = OpenOrder(id=str(self._placed), symbol=symbol, conditional=conditional, reduce_only=reduce_only)
        self.orders[order.id] = order
        return order

    def hold(self, symbol: str, quantity: Decimal | int, *, long: bool = True, hedged: bool = False) -> Position:
        """Add to a position."""
        before = self.positions.get((symbol, long))
        total = Decimal(quantity) + (before.quantity if before else 0)
        position = Position(symbol=symbol, long=long, quantity=total, hedged=hedged)
        self.positions[symbol, long] = position
        return position

    def misbehave(self, seed: int, calls: int) -> None:
        """Queue ``calls`` random faults for every method; the same seed gives the same faults."""
        rng = random.Random(seed)  # noqa: S311 - a test's dice
        for queue in self.faults.values():
            queue.extend(rng.choices(tuple(Fault), k=calls))

    @property
    def flat(self) -> bool:
        """What the books say."""
        return not self.orders and not self.positions

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``."""
        self.calls.append("prepare")

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``."""
        fault = await self._arrive("snapshot")
        if fault in (Fault.LOST, Fault.PARTIAL):
            raise VenueUnknownError("one part of the snapshot could not be read")
        positions = tuple(replace(p, price=self.prices.get(p.symbol)) for p in self.positions.values())
        orders = tuple(self.orders.values())
        partial = self.costly and self._sent
        if partial:
            orders, self._sent = tuple(o for o in orders if not o.conditional), False
        self._shown = VenueSnapshot(time=self._now(), orders=orders, positions=positions, partial=partial)
        return self._shown

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``."""
        fault = await self._arrive("cancel")
        self._sent = True
        if fault is Fault.PARTIAL:
            orders = orders[: len(orders) // 2]
        for order in orders:
            gone = self.orders.pop(order.id, None)
            if gone is not None and fault is Fault.LATE_FILL and not order.reduce_only:
                self.hold(order.symbol, 1)
        self._depart("cancel", fault)

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``."""
        fault = await self._arrive("close_position")
        self._sent = True
        held = _quantity(self.positions.values(), position)
        shown = _quantity(self._shown.positions, position)
        self.closes.append(
            SentClose(position=position, client_order_id=client_order_id, held=held, shown=shown, limit=limit)
        )
        if position.quantity < self.minimum:
            raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the minimum {self.minimum}")
        if any(o.symbol == position.symbol and o.reduce_only for o in self.orders.values()):
            raise VenueUnknownError("a resting reduce-only order blocks the close")
        if not held:
            raise VenueUnknownError("reduce-only order rejected")
        part = min(held, position.quantity)
        if fault is Fault.PARTIAL and position.quantity > 1:
            part = min(held, position.quantity / 2)
        if self._marketable(position, limit):
            self._reduce(position, held - part)
        self._depart("close_position", fault)

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``."""
        if await self._arrive("witness") in (Fault.LOST, Fault.PARTIAL):
            raise VenueUnknownError("the account could not be read")
        orders = any(not o.reduce_only for o in self.orders.values())
        return Witness(positions=self.unlisted or bool(self.positions), orders=orders, evidence="the fake's books")

    @property
    def open_positions(self) -> int:
        """See ``ExchangeClient.open_positions``."""
        return len(self.positions)

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``."""
        self.calls.append("equity")
        return self.balance, "USDT"

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """See ``ExecutionReader.executions``."""
        self.calls.append("executions")
        reports, self.reports = self.reports, []
        if reports:
            deliver(reports)
        return self._now()

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        self.closed = True

    def _marketable(self, position: Position, limit: Decimal | None) -> bool:
        return limit is None or position.symbol not in self.thin

    async def _arrive(self, method: str) -> Fault:
        self.calls.append(method)
        queue = self.faults[method]
        fault = queue.popleft() if queue else Fault.NONE
        await asyncio.sleep(0)
        if fault is Fault.FOREIGN:
            self.rest("FOREIGN/USDT:USDT")
            self.hold("FOREIGN/USDT:USDT", 3)
        if fault is Fault.REFUSED:
            raise VenueUnknownError(f"{method} was refused")
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        return fault

    @staticmethod
    def _depart(method: str, fault: Fault) -> None:
        if fault is Fault.LOST:
            raise ConnectionResetError(f"the answer to {method} was lost")

    def _reduce(self, position: Position, left: Decimal) -> None:
        if left:
            self.positions[position.symbol, position.long] = replace(position, quantity=left)
        else:
            del self.positions[position.symbol, position.long]


def _quantity(positions: Iterable[Position], wanted: Position) -> Decimal:
    return sum((p.quantity for p in positions if (p.symbol, p.long) == (wanted.symbol, wanted.long)), Decimal(0))
