"""Judges a run by the venue's own books and journal, never by what the flattener says of itself."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ess_server.core.model import AccountProgress, Action, FlattenStatus
from ess_server.core.order_ids import is_closing_order
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.journal import JournalEntry, grew_or_flipped
from ess_server.venue.paper.model import ConditionalRequest, LegSide, Side

LegKey = tuple[str, LegSide, bool]


def is_ours(entry: JournalEntry) -> bool:
    """Whether an entry is about an order that the flattener sent; OKX takes no hyphens."""
    name = str(entry.details.get("client_id", ""))
    return is_closing_order(name) or is_closing_order(name.replace("x", "-"))


@dataclass(slots=True)
class Judge:
    """Watches one account. ``violations`` is empty as long as nothing wrong was seen.

    ``read_from`` is the number of the journal's newest entry when the last complete reading began: what came later
    the flattener need not know.
    """

    books: Books
    account: str
    began: int
    action: Action = Action.FLATTEN
    read_from: int = 0
    violations: list[str] = field(default_factory=list)
    _held: dict[LegKey, Decimal] = field(default_factory=dict)
    _was_flat: bool = False

    def __post_init__(self) -> None:
        legs = self.books.account(self.account).positions()
        self._held = {(leg.symbol, leg.side, leg.isolated): abs(leg.quantity) for leg in legs}

    def hear(self, progress: AccountProgress) -> None:
        """Judge what has just been said of the account."""
        if not progress.status.is_flat:
            return
        left = [*self._orders(), *(self._legs(progress.status) if self.action is Action.FLATTEN else ())]
        self.violations += [f"{progress.status.name} was said, and the books show {what}" for what in left]
        self._was_flat = True

    @property
    def is_flat(self) -> bool:
        """Whether the books show nothing but dust."""
        account = self.books.account(self.account)
        orders = [o.reduces for o in account.open_orders.values()]
        orders += [_only_reduces(o.request) for o in account.open_conditionals.values()]
        return not (list(self._closable()) or not all(self._spares(reduces) for reduces in orders))

    @property
    def has_dust(self) -> bool:
        """Whether the books show a position that is too small to be closed."""
        return self.is_flat and any(True for _ in self.books.account(self.account).positions())

    def conclude(self) -> list[str]:
        """Judge every order that was sent and every fill, and return all violations."""
        entries = self.books.journal.read(after=self.began, account=self.account)
        ours = [entry for entry in entries if is_ours(entry)]
        self.violations += [
            f"an order that may open: {_brief(entry.details)}"
            for entry in ours
            if entry.kind == "order" and not entry.details["reduces"]
        ]
        self.violations += [f"grew or flipped: {_brief(entry.details)}" for entry in grew_or_flipped(ours)]
        self.violations += self._closed_twice(entries)
        return self.violations

    def _closed_twice(self, entries: Sequence[JournalEntry]) -> Iterable[str]:
        """Our fills against what was there and what others have added since."""
        room: defaultdict[LegKey, Decimal] = defaultdict(Decimal, self._held)
        closed: defaultdict[LegKey, Decimal] = defaultdict(Decimal)
        for entry in entries:
            if entry.kind != "fill":
                continue
            before, after, quantity = (_amount(entry, name) for name in ("before", "after", "quantity"))
            if is_ours(entry):
                closed[_leg_of(entry)] += quantity
            else:
                room[_leg_of(entry)] += max(Decimal(0), abs(after) - (abs(before) if before * after > 0 else 0))
        return [
            f"{closed[leg]} of {' '.join(map(str, leg))} was closed, and only {room[leg]} was ever there"
            for leg in closed
            if closed[leg] > room[leg]
        ]

    def _orders(self) -> Iterable[str]:
        account, born = self.books.account(self.account), self._born_since()
        for order in account.open_orders.values():
            if ("order", order.id) not in born and not self._spares(order.reduces):
                yield f"order {order.id} {order.side} {order.remaining} {order.symbol}"
        for item in account.open_conditionals.values():
            if ("conditional", item.id) not in born and not self._spares(_only_reduces(item.request)):
                yield f"conditional order {item.id} {item.request.symbol}"

    def _spares(self, reduces: bool) -> bool:  # noqa: FBT001 - of the order
        """Exits are left alone under CANCEL, and whoever placed one after the account was flat."""
        return reduces and (self.action is Action.CANCEL or self._was_flat)

    def _legs(self, status: FlattenStatus) -> Iterable[str]:
        for key, quantity in self._closable() if status is FlattenStatus.FLAT_WITH_DUST else self._open():
            if self._outlasted(key, quantity):
                yield f"position {quantity} {' '.join(map(str, key))}"

    def _open(self) -> Iterable[tuple[LegKey, Decimal]]:
        for leg in self.books.account(self.account).positions():
            yield (leg.symbol, leg.side, leg.isolated), leg.quantity

    def _closable(self) -> Iterable[tuple[LegKey, Decimal]]:
        for key, quantity in self._open():
            if abs(quantity) >= self.books.market.instrument(key[0]).min_quantity:
                yield key, quantity

    def _outlasted(self, key: LegKey, quantity: Decimal) -> bool:
        """Whether a leg was there for the whole of the last reading, at a size that could be closed or was told of."""
        fills = self.books.journal.read(after=self.read_from, kinds=["fill"], account=self.account)
        mine = [entry for entry in fills if _leg_of(entry) == key]
        return not mine or (all(quantity * _amount(e, "before") > 0 for e in mine) and not self._was_dust(key, mine[0]))

    def _was_dust(self, key: LegKey, first: JournalEntry) -> bool:
        return abs(_amount(first, "before")) < self.books.market.instrument(key[0]).min_quantity

    def _born_since(self) -> set[tuple[str, Any]]:
        entries = self.books.journal.read(
            after=self.read_from, kinds=["order", "conditional", "amend"], account=self.account
        )
        return {(e.kind, e.details.get("order_id") or e.details.get("conditional_id")) for e in entries}


def _leg_of(entry: JournalEntry) -> LegKey:
    details = entry.details
    return str(details["symbol"]), LegSide(str(details["leg"])), bool(details["isolated"])


def _amount(entry: JournalEntry, name: str) -> Decimal:
    value = entry.details[name]
    assert isinstance(value, Decimal)
    return value


def _brief(details: Any) -> str:
    shown = ("client_id", "symbol", "side", "leg", "quantity", "before", "after", "reduces")
    return ", ".join(f"{name} {details[name]}" for name in shown if name in details)


def _only_reduces(request: ConditionalRequest) -> bool:
    exits = ((LegSide.LONG, Side.SELL), (LegSide.SHORT, Side.BUY))
    return request.reduce_only or request.close_position or (request.leg, request.side) in exits
