"""The spot books: balances, and orders that lock them. They trade at the marks of the perpetuals, in one market."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from ess_server.venue.paper import spot_checks
from ess_server.venue.paper.account import Account
from ess_server.venue.paper.journal import Journal
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import ZERO, BooksConfig, OrderRef, OrderStatus, Side, TimeInForce
from ess_server.venue.paper.numbers import Numbers
from ess_server.venue.paper.position import cash
from ess_server.venue.paper.refusal import Reason, Refused
from ess_server.venue.paper.spot_model import SpotAccount, SpotFill, SpotOrder, SpotRequest


class SpotBooks:
    """Every account's spot wallet, apart from its futures wallet.

    ``house`` is the market's own stock: what accounts buy it loses, so all of an asset together never changes.
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

    def transfer(self, account: Account, asset: str, amount: Decimal) -> None:
        """Deposit (above zero) or withdraw (below zero). Raises Refused for more than is free."""
        if amount < 0 and -amount > self.free(account.spot, asset):
            raise Refused(Reason.BALANCE_INSUFFICIENT, asset)
        self._move(account.spot, asset, cash(amount))
        self._journal.add("transfer", account.name, asset=asset, amount=amount, wallet="spot")

    def locked(self, account: SpotAccount, asset: str) -> Decimal:
        """Return what open orders hold of an asset; of a list, the leg that holds more."""
        most: dict[int, Decimal] = {}
        for order in account.open.values():
            what, amount = self._lock(order)
            if what == asset:
                key = -order.list_id or order.id
                most[key] = max(most.get(key, ZERO), amount)
        return sum(most.values(), start=ZERO)

    def free(self, account: SpotAccount, asset: str) -> Decimal:
        """Return what may be ordered with or withdrawn."""
        return account.held.get(asset, ZERO) - self.locked(account, asset)

    def place(self, account: Account, request: SpotRequest) -> SpotOrder:
        """Accept an order and fill what crosses. Raises Refused; nothing has changed then."""
        order = self._accept(account, request, self._sized(request))
        if not order.waiting:
            self._work(account, order)
        return order

    def place_pair(self, account: Account, first: SpotRequest, second: SpotRequest) -> tuple[SpotOrder, SpotOrder]:
        """Place two orders of which one cancels the other. Raises Refused; nothing has changed then."""
        spot_checks.pair(first, second, self._market.mark(first.symbol))
        number = self._numbers.conditional()
        limit = self._accept(account, first, first, list_id=number)
        try:
            return limit, self._accept(account, second, second, list_id=number)
        except Refused:
            del account.spot.open[limit.id]
            raise

    def cancel(self, account: Account, symbol: str, ref: OrderRef) -> list[SpotOrder]:
        """Cancel an open order and the other leg of its list. Raises Refused CANCEL_UNKNOWN_ORDER."""
        self._market.instrument(symbol)
        order = account.spot.find(ref)
        if order is None or order.symbol != symbol or not order.status.is_open:
            raise Refused(Reason.CANCEL_UNKNOWN_ORDER)
        legs = account.spot.legs(order.list_id) or [order]
        for leg in legs:
            self._end(account, leg, OrderStatus.CANCELED)
        return legs

    def cancel_all(self, account: Account, symbol: str) -> list[SpotOrder]:
        """Cancel every open order of a pair. Raises Refused CANCEL_UNKNOWN_ORDER if there is none, as the venue."""
        self._market.instrument(symbol)
        orders = account.spot.of(symbol)
        if not orders:
            raise Refused(Reason.CANCEL_UNKNOWN_ORDER)
        for order in orders:
            self._end(account, order, OrderStatus.CANCELED)
        return orders

    def find(self, account: Account, symbol: str, ref: OrderRef) -> SpotOrder:
        """Return an open or finished order. Raises Refused ORDER_NOT_FOUND."""
        order = account.spot.find(ref)
        if order is None or order.symbol != symbol:
            raise Refused(Reason.ORDER_NOT_FOUND)
        return order

    def settle(self, accounts: Iterable[Account], symbols: frozenset[str] | None) -> None:
        """Fire what waited for the present marks and match what rests; None is every pair."""
        for account in accounts:
            for order in list(account.spot.open.values()):
                if (symbols is None or order.symbol in symbols) and order.status.is_open:
                    if order.waiting:
                        self._watch(account, order)
                    else:
                        self._match(account, order, maker=True)

    def _watch(self, account: Account, order: SpotOrder) -> None:
        stop = order.request.stop_price
        if stop is not None and spot_checks.fires(order.request, stop, self._market.mark(order.symbol)):
            order.waiting = False
            order.updated = self._now()
            self._journal.add("trigger", account.name, **_described(order))
            self._end_others(account, order)
            self._work(account, order)

    def _work(self, account: Account, order: SpotOrder) -> None:
        """Fill what crosses now, and end what may not rest."""
        request = order.request
        if request.tif is not TimeInForce.FOK or self._fillable(account, order) == request.quantity:
            self._match(account, order, maker=False)
        if order.status.is_open and (not request.kind.priced or request.tif is not TimeInForce.GTC):
            self._end(account, order, OrderStatus.EXPIRED)

    def _accept(self, account: Account, asked: SpotRequest, request: SpotRequest, *, list_id: int = 0) -> SpotOrder:
        instrument = self._market.instrument(request.symbol)
        if asked.client_id:
            spot_checks.client_id(account.spot, asked.client_id)
        spot_checks.order(instrument, self._market, request)
        if len(account.spot.of(request.symbol)) >= self._config.max_open_orders:
            raise Refused(Reason.FILTER, "MAX_NUM_ORDERS")
        number, now = self._numbers.order(), self._now()
        order = SpotOrder(
            id=number, client_id=asked.client_id or f"paper-{number}", request=request, created=now, updated=now,
            waiting=request.kind.waits, list_id=list_id,
        )  # fmt: skip
        account.spot.add(order)
        asset, _ = self._lock(order)
        if self.free(account.spot, asset) < 0:
            del account.spot.open[number]
            raise Refused(Reason.BALANCE_INSUFFICIENT, asset)
        self._journal.add("order", account.name, **_described(order))
        return order

    def _sized(self, request: SpotRequest) -> SpotRequest:
        """Turn an amount of money into the whole steps that it buys or that bring it."""
        if request.cost is None:
            return request
        step = self._market.instrument(request.symbol).step
        steps = (request.cost / self._market.touch(request.symbol, request.side) / step).to_integral_value(ROUND_DOWN)
        return replace(request, quantity=steps * step)

    def _lock(self, order: SpotOrder) -> tuple[str, Decimal]:
        instrument, request = self._market.instrument(order.symbol), order.request
        if request.side is Side.SELL:
            return instrument.base, order.remaining
        price = request.price or request.stop_price or self._market.touch(order.symbol, Side.BUY)
        return instrument.quote, order.remaining * price

    def _fillable(self, account: Account, order: SpotOrder) -> Decimal:
        """How much the market takes; a purchase at market also no more than there is money for."""
        wanted, amount = order.request.as_order, order.remaining
        if not self._market.crosses(wanted):
            return ZERO
        asset, locked = self._lock(order)
        if wanted.price is None and wanted.side is Side.BUY:
            step, money = self._market.instrument(order.symbol).step, self.free(account.spot, asset) + locked
            affordable = (money / self._market.taker_price(wanted) / step).to_integral_value(ROUND_DOWN) * step
            amount = min(amount, affordable)
        return self._market.available(order.symbol, amount)

    def _match(self, account: Account, order: SpotOrder, *, maker: bool) -> None:
        if order.waiting or not order.status.is_open:
            return
        amount = self._fillable(account, order)
        if amount <= 0:
            return
        price = order.request.price
        if not maker or price is None:
            price = self._market.taker_price(order.request.as_order)
        self._fill(account, order, amount, price, maker=maker)
        self._end_others(account, order)

    def _fill(self, account: Account, order: SpotOrder, quantity: Decimal, price: Decimal, *, maker: bool) -> None:
        instrument, side = self._market.instrument(order.symbol), order.request.side
        before = account.spot.held.get(instrument.base, ZERO)
        rate = self._config.maker_fee if maker else self._config.taker_fee
        paid = cash(quantity * price)
        received = (instrument.base, quantity) if side is Side.BUY else (instrument.quote, paid)
        fee = cash(received[1] * rate)
        self._move(account.spot, instrument.base, quantity * side.sign, traded=True)
        self._move(account.spot, instrument.quote, -paid * side.sign, traded=True)
        self._move(account.spot, received[0], -fee, traded=True)
        self._market.spend(order.symbol, quantity)
        order.filled += quantity
        order.cost += paid
        order.updated = account.spot.updated = self._now()
        order.status = OrderStatus.PARTIALLY_FILLED if order.remaining else OrderStatus.FILLED
        fill = SpotFill(
            id=self._numbers.fill(), order_id=order.id, symbol=order.symbol, side=side, quantity=quantity, price=price,
            fee=fee, fee_asset=received[0], maker=maker, at=order.updated,
        )  # fmt: skip
        account.spot.fills.append(fill)
        after = account.spot.held[instrument.base]
        figures = {"quantity": quantity, "price": price, "before": before, "after": after, "fee": fee}
        self._journal.add("fill", account.name, **{**_described(order), **figures})
        if not order.status.is_open:
            account.spot.finish(order)

    def _move(self, account: SpotAccount, asset: str, amount: Decimal, *, traded: bool = False) -> None:
        account.held[asset] = account.held.get(asset, ZERO) + amount
        account.updated = self._now()
        if traded:
            self.house[asset] = self.house.get(asset, ZERO) - amount

    def _end_others(self, account: Account, order: SpotOrder) -> None:
        for leg in account.spot.legs(order.list_id):
            if leg is not order:
                self._end(account, leg, OrderStatus.EXPIRED)

    def _end(self, account: Account, order: SpotOrder, status: OrderStatus) -> None:
        order.status = status
        order.updated = account.spot.updated = self._now()
        account.spot.finish(order)
        kind = "cancel" if status is OrderStatus.CANCELED else "expire"
        self._journal.add(kind, account.name, **_described(order))


def _described(order: SpotOrder) -> dict[str, object]:
    request = order.request
    return {
        "wallet": "spot",
        "order_id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": request.side,
        "type": request.kind,
        "quantity": request.quantity,
        "price": request.price,
        "trigger_price": request.stop_price,
        "filled": order.filled,
        "status": order.status,
        "list_id": order.list_id,
    }
