"""The account ``main`` of a paper venue, futures or spot, and the hands of an engine on it."""

from decimal import Decimal
from typing import Any

from ess_server.venue.paper import PaperVenue
from ess_server.venue.paper.model import ConditionalRequest, LegSide, Order, OrderRequest, OrderType, Side, TriggerType
from ess_server.venue.paper.spot_model import SpotKind, SpotOrder, SpotRequest

KEY, SECRET, PASSPHRASE = "key-of-the-account-main", "secret-of-the-account-main", "passphrase-of-the-account-main"


class Floor:
    """The account ``main`` of a paper venue, and short words for what an engine does there."""

    def __init__(self, venue: PaperVenue) -> None:
        self.venue = venue
        self.books = venue.books
        self.account = venue.books.account("main")

    def hold(self, symbol: str, quantity: str, *, leg: str = "BOTH", isolated: bool = False) -> None:
        """Add to a position; below zero sells."""
        amount = Decimal(quantity)
        side = Side.BUY if amount > 0 else Side.SELL
        self._place(symbol, side, abs(amount), leg=LegSide(leg), isolated=isolated)

    def rest(self, symbol: str, quantity: str, *, leg: str = "BOTH", reduce_only: bool = False) -> Order:
        """Place a limit order that rests three percent away; below zero sells."""
        amount = Decimal(quantity)
        side = Side.BUY if amount > 0 else Side.SELL
        tick = self.books.market.instrument(symbol).tick
        away = Decimal("0.97") if side is Side.BUY else Decimal("1.03")
        price = (self.books.market.mark(symbol) * away / tick).to_integral_value() * tick
        return self._place(symbol, side, abs(amount), price=price, leg=LegSide(leg), reduce_only=reduce_only)

    def rest_many(self, symbol: str, count: int) -> None:
        """Place so many small buys that rest."""
        for _ in range(count):
            self.rest(symbol, "0.1")

    def protect(self, symbol: str, quantity: str, *, leg: str = "BOTH", reduce_only: bool = True) -> int:
        """Place a stop order ten percent below the mark; returns its id."""
        tick = self.books.market.instrument(symbol).tick
        price = (self.books.market.mark(symbol) * Decimal("0.9") / tick).to_integral_value() * tick
        wanted = ConditionalRequest(
            symbol=symbol,
            side=Side.SELL,
            trigger=TriggerType.STOP,
            trigger_price=price,
            quantity=Decimal(quantity),
            leg=LegSide(leg),
            reduce_only=reduce_only,
        )
        return self.books.place_conditional("main", wanted).id

    def trade_everywhere(self, symbols: int) -> None:
        """On so many symbols: a position, two resting orders and a stop."""
        for symbol in list(self.books.market.instruments)[:symbols]:
            step = self.books.market.instrument(symbol).step
            quantity = str((Decimal(1000) / self.books.market.mark(symbol) // step + 1) * step)
            self.hold(symbol, quantity)
            self.rest(symbol, quantity)
            self.rest(symbol, f"-{quantity}")
            self.protect(symbol, quantity)

    @property
    def positions(self) -> dict[str, Decimal]:
        """Signed quantities by symbol and leg."""
        return {f"{leg.symbol} {leg.side.value}": leg.quantity for leg in self.account.positions()}

    @property
    def flat(self) -> bool:
        """What the books say."""
        return not (self.positions or self.account.open_orders or self.account.open_conditionals)

    def _place(self, symbol: str, side: Side, quantity: Decimal, price: Decimal | None = None, **how: Any) -> Order:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        wanted = OrderRequest(symbol=symbol, side=side, type=kind, quantity=quantity, price=price, **how)
        return self.books.place("main", wanted)


class Stall:
    """The spot wallet of an account ``main``, with ``wallet``, and short words for what an engine does there."""

    def __init__(self, venue: PaperVenue, wallet: dict[str, str]) -> None:
        self.venue = venue
        self.wallet = {asset: Decimal(amount) for asset, amount in wallet.items()}
        self.account = venue.books.account("main")
        for asset, amount in self.wallet.items():
            venue.books.spot.transfer(self.account, asset, amount)

    def rest(self, symbol: str, quantity: str, kind: str = "LIMIT") -> SpotOrder:
        """Place an order three percent away; below zero sells."""
        amount, which = Decimal(quantity), SpotKind(kind)
        mark, below = self.venue.books.market.mark(symbol), which.value.startswith("STOP_LOSS")
        price = mark * (Decimal("0.97") if below == (amount < 0) else Decimal("1.03"))
        wanted = SpotRequest(
            symbol=symbol,
            side=Side.BUY if amount > 0 else Side.SELL,
            kind=which,
            quantity=abs(amount),
            price=price if which.priced else None,
            stop_price=price if which.waits else None,
        )
        return self.venue.books.spot.place(self.account, wanted)

    def held(self, asset: str) -> Decimal:
        """What there is of an asset."""
        return self.account.spot.held.get(asset, Decimal(0))

    def sold(self, asset: str) -> Decimal:
        """What has left since the beginning."""
        return self.wallet.get(asset, Decimal(0)) - self.held(asset)
