"""Properties of the books under arbitrary sequences of orders, cancels, triggers and marks."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
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

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START = Decimal(100_000)
QUANTITIES = st.integers(1, 900).map(lambda n: Decimal(n) / 1000)
SHIFTS = st.integers(-40, 40).map(lambda n: 1 + Decimal(n) / 1000)
Step = Callable[[Books], object]


def order_steps(legs: tuple[LegSide, ...]) -> st.SearchStrategy[Step]:
    """Place an order of any kind on either account, priced around the mark."""

    def step(
        *, name: str, symbol: str, side: Side, leg: LegSide, quantity: Decimal, shift: Decimal, **kind: bool
    ) -> Step:
        def run(books: Books) -> None:
            tick = books.market.instrument(symbol).tick
            price = (books.market.mark(symbol) * shift / tick).to_integral_value() * tick
            books.place(
                name,
                OrderRequest(
                    symbol=symbol,
                    side=side,
                    type=OrderType.LIMIT if kind["limit"] else OrderType.MARKET,
                    quantity=quantity,
                    price=price if kind["limit"] else None,
                    tif=TimeInForce.IOC if kind["ioc"] else TimeInForce.GTC,
                    leg=leg,
                    reduce_only=kind["reduce"] and leg is LegSide.BOTH,
                ),
            )

        return run

    return st.builds(
        step,
        name=st.sampled_from(("a", "b")),
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(Side),
        leg=st.sampled_from(legs),
        quantity=QUANTITIES,
        shift=SHIFTS,
        limit=st.booleans(),
        ioc=st.booleans(),
        reduce=st.booleans(),
    )


def stop_steps(legs: tuple[LegSide, ...]) -> st.SearchStrategy[Step]:
    """Place a conditional order."""

    def step(symbol: str, side: Side, leg: LegSide, shift: Decimal, whole: bool) -> Step:  # noqa: FBT001 - drawn
        def run(books: Books) -> None:
            tick = books.market.instrument(symbol).tick
            books.place_conditional(
                "a",
                ConditionalRequest(
                    symbol=symbol,
                    side=side,
                    trigger=TriggerType.STOP,
                    quantity=Decimal(0) if whole else Decimal("0.2"),
                    trigger_price=(books.market.mark(symbol) * shift / tick).to_integral_value() * tick,
                    close_position=whole,
                    leg=leg,
                ),
            )

        return run

    return st.builds(
        step, st.sampled_from(SYMBOLS), st.sampled_from(Side), st.sampled_from(legs), SHIFTS, st.booleans()
    )


def other_steps() -> st.SearchStrategy[Step]:
    """Move a mark, begin a tick, or cancel all orders of a symbol."""

    def move(symbol: str, shift: Decimal) -> Step:
        return lambda books: books.set_mark(symbol, books.market.mark(symbol) * shift)

    def sweep(symbol: str) -> Step:
        return lambda books: len(books.cancel_all("a", symbol))

    return st.one_of(
        st.builds(move, st.sampled_from(SYMBOLS), SHIFTS),
        st.builds(sweep, st.sampled_from(SYMBOLS)),
        st.just(Books.tick),
    )


def runs(*legs: LegSide) -> st.SearchStrategy[list[Step]]:
    """Sequences of steps."""
    return st.lists(st.one_of(order_steps(legs), order_steps(legs), stop_steps(legs), other_steps()), max_size=60)


LIQUIDITY = st.one_of(st.none(), st.just(Decimal(20_000)))
MODES = st.booleans()


def played(steps: list[Step], liquidity: Decimal | None, *, hedged: bool) -> Iterator[Books]:
    """Run the steps; yields the books after each one. What the books refuse is skipped."""
    books = Books(BooksConfig(liquidity=liquidity), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    for name in ("a", "b"):
        books.create_account(name, {"USDT": START}, hedged=hedged)
    for step in steps:
        with suppress(Refused):
            step(books)
        yield books


def played_out(steps: list[Step], liquidity: Decimal | None, *, hedged: bool = False) -> Books:
    """Return the books after the last step."""
    *_, books = played([lambda _books: None, *steps], liquidity, hedged=hedged)
    return books


def fills(books: Books) -> list[JournalEntry]:
    """Return every fill."""
    return books.journal.read(kinds=["fill"])


@settings(max_examples=150, deadline=None)
@given(runs(LegSide.BOTH), LIQUIDITY)
def test_reducing_orders_never_grow_or_flip_in_one_way_mode(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: no fill of a reduce-only order leaves a larger position or one on the other side."""
    books = played_out(steps, liquidity)
    assert grew_or_flipped(entry for entry in fills(books) if entry.details["reduces"]) == []


@settings(max_examples=150, deadline=None)
@given(runs(LegSide.LONG, LegSide.SHORT), LIQUIDITY)
def test_hedge_legs_keep_their_side_and_are_independent(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: in hedge mode no leg ever changes sides, and each leg is the sum of the fills that name it."""
    for books in played([lambda _books: None, *steps], liquidity, hedged=True):
        for account in books.accounts.values():
            for leg in account.positions():
                assert (leg.quantity > 0) == (leg.side is LegSide.LONG)
    for name, account in books.accounts.items():
        for (symbol, side), leg in account.legs.items():
            own = [
                e.details
                for e in fills(books)
                if (e.account, e.details["symbol"], e.details["leg"]) == (name, symbol, side)
            ]
            assert sum((d["quantity"] * d["side"].sign for d in own), start=Decimal(0)) == leg.quantity


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.tuples(runs(LegSide.BOTH), st.just(value=False)),
        st.tuples(runs(LegSide.LONG, LegSide.SHORT), st.just(value=True)),
    ),
    LIQUIDITY,
)
def test_all_cash_together_is_conserved(drawn: tuple[list[Step], bool], liquidity: Decimal | None) -> None:
    """Property: the wallets and the house together always hold exactly what was paid in."""
    steps, hedged = drawn
    for books in played(steps, liquidity, hedged=hedged):
        wallets = sum((account.wallets["USDT"] for account in books.accounts.values()), start=Decimal(0))
        assert wallets + books.house.get("USDT", Decimal(0)) == 2 * START


@settings(max_examples=150, deadline=None)
@given(runs(LegSide.BOTH), LIQUIDITY)
def test_equity_is_what_trading_paid_and_holds(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: equity equals deposits minus what was paid for what is held, valued at the mark, minus fees."""
    books = played_out(steps, liquidity)
    for name, account in books.accounts.items():
        expected = START
        for details in (entry.details for entry in fills(books) if entry.account == name):
            signed = details["quantity"] * details["side"].sign
            expected += signed * (books.market.mark(details["symbol"]) - details["price"]) - details["fee"]
        assert abs(asset_figures(account, books.market, "USDT").equity - expected) < Decimal("1e-5")


@settings(max_examples=100, deadline=None)
@given(runs(LegSide.BOTH), LIQUIDITY)
def test_no_order_fills_more_than_it_asked(steps: list[Step], liquidity: Decimal | None) -> None:
    """Property: an order fills at most its quantity, never worse than its limit, and ends once it is full."""
    books = played_out(steps, liquidity)
    for account in books.accounts.values():
        for order in (*account.done_orders.values(), *account.open_orders.values()):
            assert 0 <= order.filled <= order.quantity
            assert order.status.is_open == (order.id in account.open_orders)
            if order.price is not None and order.filled:
                assert (order.average <= order.price) if order.side is Side.BUY else (order.average >= order.price)
