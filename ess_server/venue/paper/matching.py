"""Accepts, fills and ends orders. The only place where positions and wallets change by trading."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from ess_server.venue.paper import checks
from ess_server.venue.paper.account import Account
from ess_server.venue.paper.journal import Journal
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import (
    ZERO,
    BooksConfig,
    CashFlow,
    Fill,
    Leg,
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    TimeInForce,
)
from ess_server.venue.paper.numbers import Numbers
from ess_server.venue.paper.position import cash, closable, fold
from ess_server.venue.paper.refusal import Reason, Refused

_RESTING = (TimeInForce.GTC, TimeInForce.GTX)


class Matching:
    """Every account trades against the market, never against another account.

    ``house`` is the market's own cash: what accounts win it loses, so all cash together never changes.
    """

    def __init__(
        self, config: BooksConfig, market: Market, journal: Journal, numbers: Numbers, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._market = market
        self._journal = journal
        self._numbers = numbers
        self._now = now
        self.house: dict[str, Decimal] = {}

    def place(self, account: Account, request: OrderRequest, *, conditional_id: int = 0) -> Order:
        """Accept an order and fill what crosses. Raises Refused; nothing has changed then."""
        order = self._accept(account, request, conditional_id)
        self._journal.add("order", account.name, **_described(order))
        if not request.quiet or self._immediate(request):
            self.match(account, order, maker=False)
        else:
            self.end(account, order, OrderStatus.EXPIRED, "doomed")
        if order.status.is_open and (order.type is OrderType.MARKET or order.tif not in _RESTING):
            self.end(account, order, OrderStatus.EXPIRED)
        return order

    def match(self, account: Account, order: Order, *, maker: bool) -> None:
        """Fill as much as mark, liquidity and the leg allow; a reducing order with nothing to reduce expires."""
        if not order.status.is_open or not self._market.crosses(order):
            return
        leg = account.leg(order.symbol, order.leg, isolated=order.isolated)
        wanted = order.remaining
        if order.reduces:
            wanted = min(wanted, closable(leg.quantity, order.side.sign))
        amount = self._market.available(order.symbol, wanted)
        if amount > 0:
            price = order.price if maker and order.price is not None else self._market.taker_price(order)
            self._fill(account, order, leg, amount, price, maker=maker)
        if order.status.is_open and order.reduces and not closable(leg.quantity, order.side.sign):
            self.end(account, order, OrderStatus.EXPIRED)

    def fill_late(self, account: Account, order: Order) -> None:
        """Fill the rest of a cancelled order at its price: it had traded before the cancel came."""
        leg = account.leg(order.symbol, order.leg, isolated=order.isolated)
        room = closable(leg.quantity, order.side.sign) if order.reduces else order.remaining
        amount = min(order.remaining, room)
        if amount > 0 and order.price is not None:
            self._fill(account, order, leg, amount, order.price, maker=True)
            order.status = OrderStatus.CANCELED if order.remaining else OrderStatus.FILLED

    def end(self, account: Account, order: Order, status: OrderStatus, why: str = "") -> None:
        """End an open order without filling it."""
        order.status = status
        order.updated = self._now()
        account.finish_order(order)
        kind = "cancel" if status is OrderStatus.CANCELED else "expire"
        self._journal.add(kind, account.name, **_described(order), why=why)

    def amend(self, account: Account, order: Order, quantity: Decimal, price: Decimal) -> Order:
        """Change quantity and price of a resting limit order. Raises Refused; nothing has changed then."""
        if order.type is not OrderType.LIMIT or order.price is None:
            raise Refused(Reason.ONLY_LIMIT_ORDERS)
        if (quantity, price) == (order.quantity, order.price):
            raise Refused(Reason.NOTHING_TO_CHANGE)
        instrument = self._market.instrument(order.symbol)
        checks.quantity(instrument, quantity, market=False)
        checks.limit_price(instrument, self._market.mark(order.symbol), order.side, price)
        if quantity <= order.filled:
            self.end(account, order, OrderStatus.CANCELED, "amended below what is filled")
            return order
        old = (order.quantity, order.price)
        self._check_amended(account, order, quantity, price)
        order.quantity, order.price, order.updated = quantity, price, self._now()
        self._journal.add("amend", account.name, **_described(order), old_quantity=old[0], old_price=old[1])
        self.match(account, order, maker=False)
        return order

    def _check_amended(self, account: Account, order: Order, quantity: Decimal, price: Decimal) -> None:
        request = _request_of(order, quantity - order.filled, price)
        # The order must not be weighed against itself.
        account.open_orders.pop(order.id)
        try:
            if order.reduces:
                checks.reducing(account, self._config, request)
            else:
                checks.notional(self._market.instrument(order.symbol), price, request)
                checks.margin(account, self._market, request, self._config.taker_fee)
            if order.tif is TimeInForce.GTX:
                checks.immediacy(self._market, request)
        finally:
            account.open_orders[order.id] = order

    def _accept(self, account: Account, request: OrderRequest, conditional_id: int) -> Order:
        instrument = self._market.instrument(request.symbol)
        mark = self._market.mark(request.symbol)
        checks.mode(account, request.leg, reduce_only=request.reduce_only)
        if request.client_id:
            checks.client_id(request.client_id)
        checks.quantity(instrument, request.quantity, market=request.type is OrderType.MARKET)
        if request.type is OrderType.LIMIT:
            checks.limit_price(instrument, mark, request.side, request.price)
        if request.client_id and account.id_taken(request.client_id, reuse=self._config.reuse_client_ids):
            raise Refused(Reason.DUPLICATE_CLIENT_ID, request.client_id)
        shrinks = checks.reduces(account, request.side, request.leg, reduce_only=request.reduce_only)
        if shrinks:
            request = replace(request, quantity=checks.reducing(account, self._config, request))
        else:
            checks.notional(instrument, mark, request)
            checks.margin(account, self._market, request, self._config.taker_fee)
        checks.capacity(account, self._config, request.symbol, account.orders_of(request.symbol))
        if not request.quiet:
            checks.immediacy(self._market, request)
        return self._new_order(account, request, shrinks=shrinks, conditional_id=conditional_id)

    def _immediate(self, request: OrderRequest) -> bool:
        try:
            checks.immediacy(self._market, request)
        except Refused:
            return False
        return True

    def _new_order(self, account: Account, request: OrderRequest, *, shrinks: bool, conditional_id: int) -> Order:
        number, now = self._numbers.order(), self._now()
        order = Order(
            id=number,
            client_id=request.client_id or f"paper-{number}",
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            leg=request.leg,
            tif=request.tif,
            quantity=request.quantity,
            price=request.price if request.type is OrderType.LIMIT else None,
            reduce_only=request.reduce_only,
            reduces=shrinks,
            created=now,
            updated=now,
            conditional_id=conditional_id,
            isolated=request.isolated,
        )
        account.add_order(order)
        return order

    def _fill(
        self, account: Account, order: Order, leg: Leg, quantity: Decimal, price: Decimal, *, maker: bool
    ) -> None:
        now, before, rate = self._now(), leg.quantity, self._config.maker_fee if maker else self._config.taker_fee
        leg.quantity, leg.entry, realized = fold(before, leg.entry, quantity * order.side.sign, price)
        leg.updated = now
        self._market.spend(order.symbol, quantity)
        _count(order, quantity, price, now)
        fill = Fill(
            id=self._numbers.fill(),
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            leg=order.leg,
            quantity=quantity,
            price=price,
            realized=realized,
            fee=cash(quantity * price * rate),
            asset=self._market.instrument(order.symbol).quote,
            maker=maker,
            before=before,
            after=leg.quantity,
            at=now,
        )
        self._book(account, fill)
        self._journal.add("fill", account.name, **_fill_details(order, fill))
        if not order.status.is_open:
            account.finish_order(order)

    def _book(self, account: Account, fill: Fill) -> None:
        account.fills.append(fill)
        for kind, amount in (("REALIZED_PNL", fill.realized), ("COMMISSION", -fill.fee)):
            if not amount:
                continue
            account.wallets[fill.asset] = account.wallets.get(fill.asset, ZERO) + amount
            self.house[fill.asset] = self.house.get(fill.asset, ZERO) - amount
            account.cash_flows.append(
                CashFlow(
                    id=self._numbers.cash(),
                    kind=kind,
                    asset=fill.asset,
                    amount=amount,
                    at=fill.at,
                    symbol=fill.symbol,
                    fill_id=fill.id,
                )
            )


def _count(order: Order, quantity: Decimal, price: Decimal, now: datetime) -> None:
    order.filled += quantity
    order.cost += quantity * price
    order.updated = now
    order.status = OrderStatus.PARTIALLY_FILLED if order.remaining else OrderStatus.FILLED


def _request_of(order: Order, quantity: Decimal, price: Decimal) -> OrderRequest:
    return OrderRequest(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=quantity,
        price=price,
        tif=order.tif,
        leg=order.leg,
        isolated=order.isolated,
        reduce_only=order.reduce_only,
    )


def _described(order: Order) -> dict[str, object]:
    return {
        "order_id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "leg": order.leg,
        "quantity": order.quantity,
        "price": order.price,
        "filled": order.filled,
        "status": order.status,
        "reduces": order.reduces,
        "conditional_id": order.conditional_id,
    }


def _fill_details(order: Order, fill: Fill) -> dict[str, object]:
    return {
        "order_id": order.id,
        "client_id": order.client_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "leg": fill.leg,
        "isolated": order.isolated,
        "quantity": fill.quantity,
        "price": fill.price,
        "before": fill.before,
        "after": fill.after,
        "realized": fill.realized,
        "fee": fill.fee,
        "maker": fill.maker,
        "reduces": order.reduces,
    }
