"""Properties of the books under arbitrary sequences of orders, cancels, triggers and marks."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.journal import JournalEntry, grew_or_flipped
from ess_server.venue.paper.margin import asset_figures
from ess_server.venue.paper.model import (
    BooksConfig,
    ConditionalRequest,
    LegSide,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
    TriggerType,
)
from ess_server.venue.paper.refusal import Refused
from tests.exploration import explored

START = Decimal(100_000)
LIQUIDITY = st.one_of(st.none(), st.just(Decimal(20_000)))
ONE_WAY = (LegSide.BOTH,)
HEDGED = (LegSide.LONG, LegSide.SHORT)


@dataclass(frozen=True)
class Step:
    """One thing that happens. Few sizes and prices, so that orders meet each other's positions."""

    kind: str
    buy: bool
    first_leg: bool
    mostly: bool
    size: int
    percent: int

    def run(self, books: Books, legs: tuple[LegSide, ...]) -> None:
        """Do it; raises Refused if the books refuse."""
        name, symbol = ("a", "BTCUSDT") if self.mostly else ("b", "ETHUSDT")
        leg = legs[0] if self.first_leg else legs[-1]
        held = books.account(name).leg(symbol, leg).quantity
        if self.kind == "mark":
            books.set_mark(symbol, books.market.mark(symbol) * (100 + self.percent) / 100)
        elif self.kind == "tick":
            books.tick()
        elif self.kind == "sweep":
            books.cancel_all(name, symbol)
        elif self.kind == "stop":
            books.place_conditional(name, self.stop(books, symbol, leg))
        else:
            books.place(name, self.order(books, symbol, leg, held))

    def price(self, books: Books, symbol: str, percent: int) -> Decimal:
        """Return a price on the tick, that far from the mark."""
        tick = books.market.instrument(symbol).tick
        return books.market.mark(symbol) * (100 + percent) / 100 // tick * tick

    def order(self, books: Books, symbol: str, leg: LegSide, held: Decimal) -> OrderRequest:
        """Return the order of a kind: "against" ones look at the position, the others do not."""
        side = Side.BUY if (held < 0 if "against" in self.kind else self.buy) else Side.SELL
        quantity = Decimal(self.size) / 10
        limit, away = "limit" in self.kind, "resting" in self.kind
        if away:
            quantity = min(quantity, abs(held))
        percent = -side.sign * max(1, abs(self.percent)) if away else self.percent
        return OrderRequest(
            symbol=symbol,
            side=side,
            type=OrderType.LIMIT if limit or away else OrderType.MARKET,
            quantity=quantity,
            price=self.price(books, symbol, percent) if limit or away else None,
            tif=TimeInForce.IOC if "ioc" in self.kind else TimeInForce.GTC,
            leg=leg,
            reduce_only="reduce" in self.kind and leg is LegSide.BOTH,
        )

    def stop(self, books: Books, symbol: str, leg: LegSide) -> ConditionalRequest:
        """Return a stop, every second one for the whole position."""
        whole = self.size % 2 == 0
        return ConditionalRequest(
            symbol=symbol,
            side=Side.BUY if self.buy else Side.SELL,
            trigger=TriggerType.STOP,
            quantity=Decimal(0) if whole else Decimal(self.size) / 10,
            trigger_price=self.price(books, symbol, self.percent),
            close_position=whole,
            leg=leg,
        )


KINDS = (
    "market",
    "limit",
    "ioc limit",
    "reduce market",
    "reduce limit",
    "against market",
    "reduce against market",
    "reduce against resting",
    "reduce against resting",
    "stop",
    "mark",
    "mark",
    "tick",
    "sweep",
)
STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        buy=st.booleans(),
        first_leg=st.booleans(),
        mostly=st.sampled_from((True, True, True, False)),
        size=st.integers(1, 4),
        percent=st.integers(-3, 3),
    ),
    min_size=15,
    max_size=40,
)
OPENING = (
    Step(kind="market", buy=True, first_leg=True, mostly=True, size=4, percent=0),
    Step(kind="market", buy=False, first_leg=False, mostly=False, size=4, percent=0),
)


def played(steps: list[Step], liquidity: Decimal | None, legs: tuple[LegSide, ...]) -> Iterator[Books]:
    """Run the steps from an open position; yields the books after each. What the books refuse is skipped."""
    books = Books(BooksConfig(liquidity=liquidity), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    for name in ("a", "b"):
        books.create_account(name, {"USDT": START}, hedged=legs is HEDGED)
    for step in (*OPENING, *steps):
        with suppress(Refused):
            step.run(books, legs)
        yield books


def played_out(steps: list[Step], liquidity: Decimal | None) -> Books:
    """Return the one-way books after the last step."""
    *_, books = played(steps, liquidity, ONE_WAY)
    return books


def fills(books: Books) -> list[JournalEntry]:
    """Return every fill."""
    return books.journal.read(kinds=["fill"])


@explored(150)
@given(STEPS, LIQUIDITY)
def test_reducing_orders_never_grow_or_flip_in_one_way_mode(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: no fill of a reduce-only order leaves a larger position or one on the other side."""
    books = played_out(steps, liquidity)
    assert grew_or_flipped(entry for entry in fills(books) if entry.details["reduces"]) == []


@explored(80)
@given(STEPS, LIQUIDITY)
def test_hedge_legs_keep_their_side_and_are_independent(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: in hedge mode no leg ever changes sides, and each leg is the sum of the fills that name it."""
    for books in played(steps, liquidity, HEDGED):
        for account in books.accounts.values():
            for leg in account.positions():
                assert (leg.quantity > 0) == (leg.side is LegSide.LONG)
    for name, account in books.accounts.items():
        for (symbol, side, _isolated), leg in account.legs.items():
            own = [
                e.details
                for e in fills(books)
                if (e.account, e.details["symbol"], e.details["leg"]) == (name, symbol, side)
            ]
            assert sum((d["quantity"] * d["side"].sign for d in own), start=Decimal(0)) == leg.quantity


@explored(80)
@given(STEPS, LIQUIDITY, st.sampled_from((ONE_WAY, HEDGED)))
def test_all_cash_together_is_conserved(
    steps: list[Step], liquidity: Decimal | None, legs: tuple[LegSide, ...]
) -> None:
    """Property: the wallets and the house together always hold exactly what was paid in."""
    for books in played(steps, liquidity, legs):
        wallets = sum((account.wallets["USDT"] for account in books.accounts.values()), start=Decimal(0))
        assert wallets + books.house.get("USDT", Decimal(0)) == 2 * START


@explored(80)
@given(STEPS, LIQUIDITY)
def test_equity_is_what_trading_paid_and_holds(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: equity equals deposits minus what was paid for what is held, valued at the mark, minus fees."""
    books = played_out(steps, liquidity)
    for name, account in books.accounts.items():
        expected = START
        for details in (entry.details for entry in fills(books) if entry.account == name):
            signed = details["quantity"] * details["side"].sign
            expected += signed * (books.market.mark(details["symbol"]) - details["price"]) - details["fee"]
        assert abs(asset_figures(account, books.market, "USDT").equity - expected) < Decimal("1e-5")


@explored(80)
@given(STEPS, LIQUIDITY)
def test_no_order_fills_more_than_it_asked(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: an order fills at most its quantity, never worse than its limit, and ends once it is full."""
    books = played_out(steps, liquidity)
    for account in books.accounts.values():
        for order in (*account.done_orders.values(), *account.open_orders.values()):
            assert 0 <= order.filled <= order.quantity
            assert order.status.is_open == (order.id in account.open_orders)
            if order.price is not None and order.filled:
                assert (order.average <= order.price) if order.side is Side.BUY else (order.average >= order.price)
