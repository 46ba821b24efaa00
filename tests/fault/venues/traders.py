"""Those who trade on the accounts before the stop and go on after it: positions, orders, and the dust they leave."""

import random
from decimal import Decimal

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.model import (
    ConditionalRequest,
    Instrument,
    LegSide,
    OrderRequest,
    OrderType,
    Side,
    TriggerType,
)
from ess_server.venue.paper.refusal import Refused
from tests.fault.venues.draw import Draw

CONDITIONALS = 8
"""Conditional orders of one symbol: Bybit takes ten."""
CROWD = 130
"""Orders of a crowded account: more than a page of any exchange."""


class Traders:
    """Places orders in the books as somebody with a key of the account would; what the venue refuses is left."""

    def __init__(self, books: Books, draw: Draw, rng: random.Random) -> None:
        self._books = books
        self._draw = draw
        self._rng = rng

    def furnish(self, account: str) -> None:
        """Open positions, resting orders and conditional orders of one account."""
        for instrument in self._draw.instruments:
            if self._rng.random() < 0.25:
                continue
            if self._draw.dialect == "binanceusdm" and self._rng.random() < 0.3:
                self._books.set_isolated(account, instrument.symbol, isolated=True)
            self._hold(account, instrument)
            for _ in range(self._rng.choice((0, 1, 1, 2, 3))):
                self.rest(account, instrument, reduce_only=self._rng.random() < 0.4)
            for _ in range(self._rng.choice((0, 0, 1, 2))):
                self.protect(account, instrument)
        if self._draw.crowded:
            for number in range(CROWD):
                self.rest(account, self._draw.instruments[number % 2], small=True)

    def trade(self, account: str) -> None:
        """Do what an engine does that has not heard of the stop."""
        instrument = self._rng.choice(self._draw.instruments)
        what = self._rng.randrange(3)
        if what == 0:
            self._market(account, instrument, self._rng.choice(tuple(Side)), self._size(instrument))
        elif what == 1:
            self.rest(account, instrument)
        else:
            self.protect(account, instrument, reduces=False)

    def rest(self, account: str, instrument: Instrument, *, reduce_only: bool = False, small: bool = False) -> None:
        """Place a limit order three percent away."""
        side = self._rng.choice(tuple(Side))
        away = Decimal("0.97") if side is Side.BUY else Decimal("1.03")
        price = (self._books.market.mark(instrument.symbol) * away / instrument.tick).to_integral_value()
        quantity = self._size(instrument, 1 if small else 4)
        leg, isolated = self._leg(), self._isolated()
        if reduce_only:
            held = self._books.account(account).leg(instrument.symbol, leg, isolated=isolated).quantity
            side, quantity = (Side.SELL if held > 0 else Side.BUY), min(abs(held), quantity)
            price = (price * (Decimal("1.03") if held > 0 else Decimal("0.97"))).to_integral_value()
        wanted = OrderRequest(
            symbol=instrument.symbol,
            side=side,
            type=OrderType.LIMIT,
            quantity=quantity,
            price=price * instrument.tick,
            leg=leg,
            isolated=isolated,
            reduce_only=reduce_only and not self._draw.hedged,
        )
        self._place(account, wanted)

    def protect(self, account: str, instrument: Instrument, *, reduces: bool = True) -> None:
        """Place a conditional order two to ten percent away."""
        if len(self._books.account(account).conditionals_of(instrument.symbol)) >= CONDITIONALS:
            return
        side, leg = self._rng.choice(tuple(Side)), self._leg()
        trigger = self._rng.choice((TriggerType.STOP, TriggerType.TAKE_PROFIT, TriggerType.TRAILING))
        upwards = (side is Side.BUY) == (trigger is TriggerType.STOP)
        factor = Decimal(self._rng.randint(102, 110)) / 100
        mark = self._books.market.mark(instrument.symbol)
        price = ((mark * factor if upwards else mark / factor) / instrument.tick).to_integral_value() * instrument.tick
        if self._draw.hedged and reduces:
            side = Side.SELL if leg is LegSide.LONG else Side.BUY
        trailing = trigger is TriggerType.TRAILING
        wanted = ConditionalRequest(
            symbol=instrument.symbol,
            side=side,
            trigger=trigger,
            quantity=self._size(instrument),
            trigger_price=None if trailing else price,
            callback_percent=Decimal(2) if trailing else None,
            leg=leg,
            reduce_only=reduces and not self._draw.hedged,
        )
        try:
            self._books.place_conditional(account, wanted)
        except Refused:
            return

    def move(self) -> str:
        """Move a mark by up to four percent, so that orders fill and triggers fire; returns what was moved."""
        instrument = self._rng.choice(self._draw.instruments)
        percent = self._rng.choice((-4, -2, 2, 4))
        raw = self._books.market.mark(instrument.symbol) * (100 + percent) / 100
        price = (raw / instrument.tick).to_integral_value() * instrument.tick
        self._books.set_mark(instrument.symbol, price)
        return f"{instrument.symbol} {percent:+d} %"

    def _hold(self, account: str, instrument: Instrument) -> None:
        for leg in (LegSide.LONG, LegSide.SHORT) if self._draw.hedged else (LegSide.BOTH,):
            for isolated in (False, True) if self._draw.dialect == "okx" else (False,):
                if self._rng.random() < 0.5:
                    self._open(account, instrument, leg, isolated=isolated)

    def _open(self, account: str, instrument: Instrument, leg: LegSide, *, isolated: bool) -> None:
        side = {LegSide.LONG: Side.BUY, LegSide.SHORT: Side.SELL}.get(leg) or self._rng.choice(tuple(Side))
        for _ in range(self._rng.choice((1, 1, 1, 5))):
            self._market(account, instrument, side, self._size(instrument), leg, isolated=isolated)
        if instrument.min_quantity > instrument.step and self._rng.random() < 0.4:
            self._leave_dust(account, instrument, leg, isolated=isolated)

    def _leave_dust(self, account: str, instrument: Instrument, leg: LegSide, *, isolated: bool) -> None:
        held = self._books.account(account).leg(instrument.symbol, leg, isolated=isolated).quantity
        rest = instrument.step * self._rng.randint(1, 9)
        for _ in range(20):
            held = self._books.account(account).leg(instrument.symbol, leg, isolated=isolated).quantity
            part = min(abs(held) - rest, instrument.max_market_quantity)
            if part < instrument.min_quantity:
                return
            side = Side.SELL if held > 0 else Side.BUY
            self._market(account, instrument, side, part, leg, isolated=isolated, reduce_only=True)

    def _market(
        self,
        account: str,
        instrument: Instrument,
        side: Side,
        quantity: Decimal,
        leg: LegSide | None = None,
        *,
        isolated: bool = False,
        reduce_only: bool = False,
    ) -> None:
        leg = leg or self._leg()
        if self._draw.hedged and not reduce_only:
            side = Side.BUY if leg is LegSide.LONG else Side.SELL
        wanted = OrderRequest(
            symbol=instrument.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=quantity,
            leg=leg,
            isolated=isolated,
            reduce_only=reduce_only and not self._draw.hedged,
        )
        self._place(account, wanted)

    def _place(self, account: str, wanted: OrderRequest) -> None:
        try:
            self._books.place(account, wanted)
        except Refused:
            return

    def _leg(self) -> LegSide:
        return self._rng.choice((LegSide.LONG, LegSide.SHORT)) if self._draw.hedged else LegSide.BOTH

    def _isolated(self) -> bool:
        return self._draw.dialect == "okx" and self._rng.random() < 0.4

    def _size(self, instrument: Instrument, most: int = 6) -> Decimal:
        """Draw a quantity above the smallest order, in whole steps, that a market order may have."""
        worth = Decimal(self._rng.randint(30, 250 * most))
        mark = self._books.market.mark(instrument.symbol)
        steps = (max(worth, instrument.min_notional * 2) / mark / instrument.step).to_integral_value()
        return min(max(steps * instrument.step, instrument.min_quantity), instrument.max_market_quantity)
