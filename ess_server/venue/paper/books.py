"""The books of the paper venue: accounts, orders, conditional orders, positions, balances, fills and marks.

Standard library only, no I/O, one thread. A dialect turns an exchange's requests into these calls and what they
return into the exchange's replies; tests and the admin API call them directly. The clock is handed in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.faults import FaultScript
from ess_server.venue.paper.instruments import default_instruments
from ess_server.venue.paper.journal import Journal
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.matching import Matching
from ess_server.venue.paper.mischief import Mischief
from ess_server.venue.paper.model import (
    ZERO,
    BooksConfig,
    CashFlow,
    Conditional,
    ConditionalRequest,
    ConditionalStatus,
    Order,
    OrderRef,
    OrderRequest,
    OrderStatus,
)
from ess_server.venue.paper.numbers import Numbers
from ess_server.venue.paper.position import cash, closing
from ess_server.venue.paper.refusal import Reason, Refused
from ess_server.venue.paper.spot import SpotBooks
from ess_server.venue.paper.triggers import Triggers

MAX_LEVERAGE = 125
LIQUIDATION = "autoclose-"
"""Prefix of the client id that the venue gives to a liquidation."""


class Books:
    """Everything the venue knows. Each method that names an account raises Refused UNKNOWN_ACCOUNT for a stranger."""

    def __init__(self, config: BooksConfig, now: Callable[[], datetime], faults: FaultScript | None = None) -> None:
        if not config.instruments:
            config = replace(config, instruments=default_instruments())
        self.config = config
        self.journal = Journal(now, config.journal)
        self.market = Market(config)
        self.accounts: dict[str, Account] = {}
        self._now = now
        self._numbers = Numbers()
        self._matching = Matching(config, self.market, self.journal, self._numbers, now)
        self._triggers = Triggers(
            config=config,
            market=self.market,
            matching=self._matching,
            journal=self.journal,
            numbers=self._numbers,
            now=now,
        )
        self.spot = SpotBooks(config, self.market, self.journal, self._numbers, now)
        self._mischief = Mischief(
            faults or FaultScript(), matching=self._matching, triggers=self._triggers, journal=self.journal, now=now
        )
        self._countdowns: dict[tuple[str, str], datetime] = {}

    @property
    def house(self) -> Mapping[str, Decimal]:
        """Cash of the market itself per asset: all wallets and the house together only change by transfers."""
        return self._matching.house

    def now(self) -> datetime:
        """Return the venue's time."""
        return self._now()

    # Accounts and their settings

    def create_account(self, name: str, balances: Mapping[str, Decimal], *, hedged: bool = False) -> Account:
        """Open an account. Raises ValueError for an empty or taken name or a negative balance."""
        if not name or name in self.accounts:
            raise ValueError(f"account {name!r}: the name is empty or taken")
        if any(not amount.is_finite() or amount < 0 for amount in balances.values()):
            raise ValueError(f"account {name!r}: balances must not be negative")
        account = Account(name, {}, hedged=hedged, history=self.config.history)
        self.accounts[name] = account
        self.journal.add("account", name, hedged=hedged)
        for asset, amount in balances.items():
            self.transfer(name, asset, amount)
        return account

    def account(self, name: str) -> Account:
        """Return an account."""
        found = self.accounts.get(name)
        if found is None:
            raise Refused(Reason.UNKNOWN_ACCOUNT, name)
        return found

    def transfer(self, name: str, asset: str, amount: Decimal) -> None:
        """Deposit (above zero) or withdraw (below zero) cash; a wallet may go below zero, as after a real loss."""
        account, amount = self.account(name), cash(amount)
        account.wallets[asset] = account.wallets.get(asset, ZERO) + amount
        flow = CashFlow(id=self._numbers.cash(), kind="TRANSFER", asset=asset, amount=amount, at=self._now())
        account.cash_flows.append(flow)
        self.journal.add("transfer", name, asset=asset, amount=amount)

    def set_hedged(self, name: str, *, hedged: bool) -> None:
        """Change between one-way and hedge mode. Refused if unchanged, or while orders or positions exist."""
        account = self.account(name)
        if account.hedged == hedged:
            raise Refused(Reason.MODE_UNCHANGED)
        if account.open_orders or account.open_conditionals:
            raise Refused(Reason.MODE_HAS_ORDERS)
        if any(account.positions()):
            raise Refused(Reason.MODE_HAS_POSITIONS)
        account.hedged = hedged
        account.legs.clear()
        self.journal.add("mode", name, hedged=hedged)

    def set_leverage(self, name: str, symbol: str, leverage: int) -> None:
        """Set the leverage of a symbol, 1 to 125."""
        account = self.account(name)
        self.market.instrument(symbol)
        if not 1 <= leverage <= MAX_LEVERAGE:
            raise Refused(Reason.LEVERAGE_OUT_OF_RANGE, leverage)
        account.symbol_settings(symbol).leverage = leverage

    def set_isolated(self, name: str, symbol: str, *, isolated: bool) -> None:
        """Set the margin type of a symbol. Shown to clients; the books margin everything across the wallet."""
        account = self.account(name)
        self.market.instrument(symbol)
        settings = account.symbol_settings(symbol)
        if settings.isolated == isolated:
            raise Refused(Reason.MARGIN_TYPE_UNCHANGED)
        if account.orders_of(symbol) or account.conditionals_of(symbol):
            raise Refused(Reason.MARGIN_TYPE_HAS_ORDERS)
        if any(leg.symbol == symbol for leg in account.positions()):
            raise Refused(Reason.MARGIN_TYPE_HAS_POSITIONS)
        settings.isolated = isolated

    # Orders

    def place(self, name: str, request: OrderRequest) -> Order:
        """Place an order; market orders fill at once as far as liquidity goes. Raises Refused."""
        account = self.account(name)
        try:
            order = self._matching.place(account, request)
        except Refused as refusal:
            self._refused(name, "order", request.symbol, refusal)
            raise
        self._mischief.placed(account, order)
        return order

    def amend(
        self, name: str, symbol: str, ref: OrderRef, *, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> Order:
        """Change a resting limit order in place. Raises Refused."""
        account = self.account(name)
        order = self._open(account, symbol, ref, Reason.ORDER_NOT_FOUND)
        new_quantity = order.quantity if quantity is None else quantity
        new_price = order.price if price is None else price
        if new_price is None:
            raise Refused(Reason.ONLY_LIMIT_ORDERS)
        return self._matching.amend(account, order, new_quantity, new_price)

    def cancel(self, name: str, symbol: str, ref: OrderRef) -> Order:
        """Cancel an open order. Raises Refused CANCEL_UNKNOWN_ORDER, also for one that is done."""
        account = self.account(name)
        try:
            order = self._open(account, symbol, ref, Reason.CANCEL_UNKNOWN_ORDER)
        except Refused as refusal:
            self._refused(name, "cancel", symbol, refusal)
            raise
        self._mischief.cancel(account, order, "client")
        return order

    def cancel_all(self, name: str, symbol: str, why: str = "client") -> list[Order]:
        """Cancel every open order of a symbol; conditional orders stay. Returns what was cancelled."""
        account, orders = self._of(name, symbol)
        for order in orders:
            self._mischief.cancel(account, order, why)
        return orders

    def expire_all(self, name: str, symbol: str) -> list[Order]:
        """Let every open order of a symbol expire, as the venue may. Returns what was ended."""
        account, orders = self._of(name, symbol)
        for order in orders:
            self._matching.end(account, order, OrderStatus.EXPIRED, "venue")
        return orders

    def liquidate(self, name: str, symbol: str) -> list[Order]:
        """Close every leg of a symbol as the venue does when margin runs out: its orders expire first."""
        account = self.account(name)
        self.expire_all(name, symbol)
        legs = [leg for leg in account.positions() if leg.symbol == symbol]
        return [self._matching.place(account, closing(leg, f"{LIQUIDATION}{self._numbers.cash()}")) for leg in legs]

    def find(self, name: str, symbol: str, ref: OrderRef) -> Order:
        """Return an open or finished order. Raises Refused ORDER_NOT_FOUND."""
        order = self.account(name).find_order(ref)
        if order is None or order.symbol != symbol:
            raise Refused(Reason.ORDER_NOT_FOUND)
        return order

    def count_down(self, name: str, symbol: str, after: timedelta) -> None:
        """Cancel the symbol's orders ``after`` now unless called again; zero disarms. Positions are never touched."""
        self.account(name)
        self.market.instrument(symbol)
        if after:
            self._countdowns[name, symbol] = self._now() + after
        else:
            self._countdowns.pop((name, symbol), None)

    # Conditional orders

    def place_conditional(self, name: str, request: ConditionalRequest) -> Conditional:
        """Place a conditional order. Raises Refused."""
        account = self.account(name)
        try:
            return self._triggers.place(account, request)
        except Refused as refusal:
            self._refused(name, "conditional", request.symbol, refusal)
            raise

    def cancel_conditional(self, name: str, ref: OrderRef) -> Conditional:
        """Cancel a waiting conditional order. Raises Refused CANCEL_UNKNOWN_ORDER, also for one that is done."""
        account = self.account(name)
        item = account.find_conditional(ref)
        if item is None or item.status is not ConditionalStatus.NEW:
            refusal = Refused(Reason.CANCEL_UNKNOWN_ORDER)
            self._refused(name, "conditional_cancel", "", refusal)
            raise refusal
        self._mischief.cancel_conditional(account, item)
        return item

    def cancel_all_conditionals(self, name: str, symbol: str) -> list[Conditional]:
        """Cancel every waiting conditional order of a symbol. Returns what was cancelled."""
        account = self.account(name)
        self.market.instrument(symbol)
        items = account.conditionals_of(symbol)
        for item in items:
            self._mischief.cancel_conditional(account, item)
        return items

    def find_conditional(self, name: str, ref: OrderRef) -> Conditional:
        """Return a waiting or finished conditional order. Raises Refused ORDER_NOT_FOUND."""
        item = self.account(name).find_conditional(ref)
        if item is None:
            raise Refused(Reason.ORDER_NOT_FOUND)
        return item

    # Time and price

    def set_mark(self, symbol: str, price: Decimal, *, note: bool = True) -> None:
        """Move a mark: triggers fire first, then resting orders match. ``note`` writes it to the journal."""
        self.market.set_mark(symbol, price)
        if note:
            self.journal.add("mark", symbol=symbol, price=price)
        self._settle((symbol,))

    def tick(self) -> None:
        """Begin a new tick: refill liquidity, run out countdowns, match what was waiting for liquidity."""
        now = self._now()
        for (name, symbol), due in list(self._countdowns.items()):
            if now >= due:
                del self._countdowns[name, symbol]
                cancelled = self.cancel_all(name, symbol, "countdown")
                self.journal.add("countdown", name, symbol=symbol, cancelled=len(cancelled))
        self._mischief.tick()
        self.market.refill()
        self._settle(None)

    def _settle(self, symbols: Iterable[str] | None) -> None:
        wanted = None if symbols is None else frozenset(symbols)
        self.spot.settle(self.accounts.values(), wanted)
        for account in self.accounts.values():
            for item in list(account.open_conditionals.values()):
                if wanted is None or item.request.symbol in wanted:
                    self._triggers.watch(account, item)
            for order in list(account.open_orders.values()):
                if wanted is None or order.symbol in wanted:
                    self._matching.match(account, order, maker=True)

    def _of(self, name: str, symbol: str) -> tuple[Account, list[Order]]:
        account = self.account(name)
        self.market.instrument(symbol)
        return account, account.orders_of(symbol)

    def _open(self, account: Account, symbol: str, ref: OrderRef, reason: Reason) -> Order:
        order = account.find_order(ref)
        if order is None or order.symbol != symbol or not order.status.is_open:
            raise Refused(reason)
        return order

    def _refused(self, name: str, what: str, symbol: str, refusal: Refused) -> None:
        self.journal.add("refused", name, what=what, symbol=symbol, reason=refusal.reason.name, detail=refusal.detail)
