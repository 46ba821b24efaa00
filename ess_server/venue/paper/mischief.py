"""What scripted faults do inside the books: orders that outlive their cancel, late fills, somebody who trades on."""

from collections.abc import Callable
from datetime import datetime

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.faults import FaultKind, FaultScript
from ess_server.venue.paper.journal import Journal
from ess_server.venue.paper.matching import Matching
from ess_server.venue.paper.model import Conditional, Order, OrderRequest, OrderStatus, OrderType
from ess_server.venue.paper.refusal import Refused
from ess_server.venue.paper.triggers import Triggers


class Mischief:
    """Stands between the books and what ends or follows an order; without a scripted fault it changes nothing."""

    def __init__(
        self,
        faults: FaultScript,
        *,
        matching: Matching,
        triggers: Triggers,
        journal: Journal,
        now: Callable[[], datetime],
    ) -> None:
        self._faults = faults
        self._matching = matching
        self._triggers = triggers
        self._journal = journal
        self._now = now
        self._late: list[tuple[datetime, Account, Order]] = []

    def cancel(self, account: Account, order: Order, why: str) -> None:
        """Cancel an open order, unless it is to stay; its fill may still come."""
        if self._stays(account, order.id, order.symbol):
            return
        self._matching.end(account, order, OrderStatus.CANCELED, why)
        fault = self._faults.take_inside(FaultKind.LATE_FILL, account.name)
        if fault is not None:
            self._late.append((self._now() + fault.delay, account, order))

    def cancel_conditional(self, account: Account, item: Conditional) -> None:
        """Cancel a waiting conditional order, unless it is to stay."""
        if not self._stays(account, item.id, item.request.symbol):
            self._triggers.cancel(account, item)

    def placed(self, account: Account, order: Order) -> None:
        """Let somebody else open as much again as a reducing order has filled at once."""
        if not (order.reduces and order.filled):
            return
        if self._faults.take_inside(FaultKind.GROW, account.name) is None:
            return
        wanted = OrderRequest(
            symbol=order.symbol,
            side=order.side.opposite,
            type=OrderType.MARKET,
            quantity=order.filled,
            leg=order.leg,
            isolated=order.isolated,
        )
        try:
            self._matching.place(account, wanted)
        except Refused as refusal:
            self._journal.add("refused", account.name, what="grow", symbol=order.symbol, reason=refusal.reason.name)

    def tick(self) -> None:
        """Fill what was cancelled too late, once its time has come."""
        now = self._now()
        due = [entry for entry in self._late if entry[0] <= now]
        self._late = [entry for entry in self._late if entry[0] > now]
        for _, account, order in due:
            self._matching.fill_late(account, order)

    def _stays(self, account: Account, number: int, symbol: str) -> bool:
        if self._faults.take_inside(FaultKind.KEEP, account.name) is None:
            return False
        self._journal.add("kept", account.name, number=number, symbol=symbol)
        return True
