"""Conditional orders: they wait for the mark price and then place an ordinary order."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from ess_server.venue.paper import checks
from ess_server.venue.paper.account import Account
from ess_server.venue.paper.journal import Journal
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.matching import Matching
from ess_server.venue.paper.model import (
    BooksConfig,
    Conditional,
    ConditionalRequest,
    ConditionalStatus,
    OrderRequest,
    OrderType,
    Side,
    TriggerType,
)
from ess_server.venue.paper.numbers import Numbers
from ess_server.venue.paper.position import closable
from ess_server.venue.paper.refusal import Reason, Refused


class Triggers:
    """Keeps and fires conditional orders. They reserve nothing until they fire."""

    def __init__(
        self,
        *,
        config: BooksConfig,
        market: Market,
        matching: Matching,
        journal: Journal,
        numbers: Numbers,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._market = market
        self._matching = matching
        self._journal = journal
        self._numbers = numbers
        self._now = now

    def place(self, account: Account, request: ConditionalRequest) -> Conditional:
        """Accept a conditional order. Raises Refused; nothing has changed then."""
        checks.mode(account, request.leg, reduce_only=request.reduce_only)
        if request.client_id:
            checks.client_id(request.client_id)
        for half in _halves(request):
            checks.conditional(self._market, half)
        if request.client_id and account.conditional_id_taken(request.client_id, reuse=self._config.reuse_client_ids):
            raise Refused(Reason.DUPLICATE_CLIENT_ID, request.client_id)
        if len(account.conditionals_of(request.symbol)) >= self._config.max_open_orders:
            raise Refused(Reason.TOO_MANY_OPEN_ORDERS, request.symbol)
        number, now = self._numbers.conditional(), self._now()
        item = Conditional(
            id=number,
            client_id=request.client_id or f"paper-{number}",
            request=request,
            created=now,
            updated=now,
        )
        account.add_conditional(item)
        self._journal.add("conditional", account.name, **_described(item))
        return item

    def cancel(self, account: Account, item: Conditional) -> None:
        """End a waiting conditional order."""
        self._finish(account, item, ConditionalStatus.CANCELED)
        self._journal.add("conditional_cancel", account.name, **_described(item))

    def watch(self, account: Account, item: Conditional) -> None:
        """Fire the order if the present mark says so."""
        if item.status is not ConditionalStatus.NEW:
            return
        mark = self._market.mark(item.request.symbol)
        for half in _halves(item.request):
            if half.trigger is TriggerType.TRAILING:
                due = _trailed(item, mark)
            else:
                due = half.trigger_price is not None and checks.fires(half, half.trigger_price, mark)
            if due:
                self._fire(account, item, half)
                return

    def _fire(self, account: Account, item: Conditional, half: ConditionalRequest) -> None:
        item.triggered, item.fired = self._now(), half.trigger
        self._finish(account, item, ConditionalStatus.TRIGGERED)
        self._journal.add("trigger", account.name, **_described(item))
        try:
            request = self._order_of(account, half)
            order = self._matching.place(account, request, conditional_id=item.id)
        except Refused as refusal:
            item.status = ConditionalStatus.REJECTED
            item.problem = str(refusal)
            self._journal.add("refused", account.name, reason=refusal.reason.name, **_described(item))
        else:
            order.close_position = item.request.close_position
            item.order_id = order.id

    def _order_of(self, account: Account, request: ConditionalRequest) -> OrderRequest:
        quantity = request.quantity
        if request.close_position:
            leg = account.leg(request.symbol, request.leg, isolated=request.isolated)
            quantity = closable(leg.quantity, request.side.sign)
            if not quantity:
                raise Refused(Reason.REDUCE_ONLY_REJECTED)
        return OrderRequest(
            symbol=request.symbol,
            side=request.side,
            type=OrderType.MARKET if request.price is None else OrderType.LIMIT,
            quantity=quantity,
            price=request.price,
            tif=request.tif,
            leg=request.leg,
            isolated=request.isolated,
            reduce_only=not account.hedged and (request.reduce_only or request.close_position),
        )

    def _finish(self, account: Account, item: Conditional, status: ConditionalStatus) -> None:
        item.status = status
        item.updated = self._now()
        account.finish_conditional(item)


def _halves(request: ConditionalRequest) -> tuple[ConditionalRequest, ...]:
    return (request,) if request.other is None else (request, request.other)


def _trailed(item: Conditional, mark: Decimal) -> bool:
    """Follow the mark and tell whether it has come back by the callback."""
    request = item.request
    sells = request.side is Side.SELL
    if item.extreme is None:
        start = request.activation_price
        if start is None or (mark >= start if sells else mark <= start):
            item.extreme = mark
        return False
    item.extreme = max(item.extreme, mark) if sells else min(item.extreme, mark)
    callback = (request.callback_percent or 0) / Decimal(100)
    return mark <= item.extreme * (1 - callback) if sells else mark >= item.extreme * (1 + callback)


def _described(item: Conditional) -> dict[str, object]:
    request = item.request
    return {
        "conditional_id": item.id,
        "client_id": item.client_id,
        "symbol": request.symbol,
        "side": request.side,
        "trigger": request.trigger,
        "leg": request.leg,
        "quantity": request.quantity,
        "trigger_price": request.trigger_price,
        "price": request.price,
        "close_position": request.close_position,
        "reduce_only": request.reduce_only,
        "status": item.status,
    }
