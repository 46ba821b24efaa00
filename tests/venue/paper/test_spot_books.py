"""The spot books: what is locked, what fills, what is refused, and that nothing appears or vanishes."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.model import BooksConfig, OrderRef, OrderStatus, Side, TimeInForce
from ess_server.venue.paper.refusal import Reason, Refused
from ess_server.venue.paper.spot_model import SpotKind, SpotOrder, SpotRequest
from tests.venue.paper.conftest import HandClock


class Stall:
    """A spot wallet with 1 BTC and 100,000 USDT, and short words for orders. BTC stands at 60,000."""

    def __init__(self, **config: object) -> None:
        self.clock = HandClock()
        self.books = Books(BooksConfig(**config), self.clock)  # type: ignore[arg-type] # keywords of a dataclass
        self.account: Account = self.books.create_account("a", {})
        for asset, amount in (("BTC", "1"), ("USDT", "100000")):
            self.books.spot.transfer(self.account, asset, Decimal(amount))

    def request(
        self, side: str, kind: str, quantity: str, price: str = "", stop: str = "", **more: object
    ) -> SpotRequest:
        """Describe an order of BTCUSDT."""
        return SpotRequest(
            symbol="BTCUSDT",
            side=Side(side),
            kind=SpotKind(kind),
            quantity=Decimal(quantity),
            price=Decimal(price) if price else None,
            stop_price=Decimal(stop) if stop else None,
            **more,  # type: ignore[arg-type] # keywords of a dataclass
        )

    def order(self, side: str, kind: str, quantity: str, price: str = "", stop: str = "", **more: object) -> SpotOrder:
        """Place an order."""
        return self.books.spot.place(self.account, self.request(side, kind, quantity, price, stop, **more))

    def refuses(self, side: str, kind: str, quantity: str, price: str = "", stop: str = "", **more: object) -> str:
        """Return why an order is refused."""
        with pytest.raises(Refused) as raised:
            self.order(side, kind, quantity, price, stop, **more)
        return f"{raised.value.reason.name} {raised.value.detail}".strip()

    def free(self, asset: str) -> Decimal:
        """What is free."""
        return self.books.spot.free(self.account.spot, asset)

    def held(self, asset: str) -> Decimal:
        """What is there, free or not."""
        return self.account.spot.held[asset]

    def mark(self, price: str) -> None:
        """Move the mark."""
        self.books.set_mark("BTCUSDT", Decimal(price))


@pytest.fixture
def stall() -> Stall:
    """A spot wallet."""
    return Stall()


def test_a_market_order_pays_the_touch_and_the_fee_out_of_what_it_gets(stall: Stall) -> None:
    """Property: a sale brings its price less the fee in the quote asset, a purchase its amount less the fee."""
    stall.order("SELL", "MARKET", "0.5")

    assert stall.held("BTC") == Decimal("0.5")
    assert stall.held("USDT") == 100_000 + Decimal("0.5") * Decimal(59970) * Decimal("0.9995")
    stall.order("BUY", "MARKET", "0.1")
    assert stall.held("BTC") == Decimal("0.5") + Decimal("0.1") * Decimal("0.9995")


def test_money_buys_whole_steps(stall: Stall) -> None:
    """Property: a market order for an amount of money buys no more than that, in whole steps."""
    order = stall.order("BUY", "MARKET", "0", cost=Decimal(1000))

    assert order.request.quantity == Decimal("0.016")
    assert order.status is OrderStatus.FILLED


def test_open_orders_lock_what_they_need_and_a_cancel_frees_it(stall: Stall) -> None:
    """Property: sells lock the asset, buys their price in the quote; what is locked cannot be ordered with again."""
    sell = stall.order("SELL", "LIMIT", "0.7", "61000")
    stall.order("BUY", "LIMIT", "1", "59000")

    assert (stall.free("BTC"), stall.free("USDT")) == (Decimal("0.3"), Decimal(41_000))
    assert stall.refuses("SELL", "MARKET", "0.301") == "BALANCE_INSUFFICIENT BTC"
    assert stall.refuses("BUY", "LIMIT", "0.7", "59000") == "BALANCE_INSUFFICIENT USDT"
    stall.books.spot.cancel(stall.account, "BTCUSDT", OrderRef(id=sell.id))
    assert stall.free("BTC") == 1
    with pytest.raises(Refused, match="BALANCE_INSUFFICIENT"):
        stall.books.spot.transfer(stall.account, "BTC", Decimal("-1.1"))


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (("SELL", "MARKET", "0"), "QUANTITY_NOT_POSITIVE"),
        (("SELL", "MARKET", "0.0005"), "FILTER LOT_SIZE"),
        (("SELL", "MARKET", "0.0011"), "FILTER LOT_SIZE"),
        (("SELL", "LIMIT", "1001", "61000"), "FILTER LOT_SIZE"),
        (("SELL", "MARKET", "121"), "FILTER MARKET_LOT_SIZE"),
        (("SELL", "MARKET", "0.001"), "FILTER NOTIONAL"),
        (("SELL", "LIMIT", "0.001", "61000"), "FILTER NOTIONAL"),
        (("SELL", "LIMIT", "0.01"), "PRICE_MISSING"),
        (("SELL", "LIMIT", "0.01", "61000.05"), "FILTER PRICE_FILTER"),
        (("SELL", "LIMIT", "0.01", "50000"), "FILTER PERCENT_PRICE_BY_SIDE"),
        (("SELL", "LIMIT_MAKER", "0.01", "59000"), "WOULD_TAKE"),
        (("SELL", "STOP_LOSS", "0.01"), "TRIGGER_MISSING"),
        (("SELL", "STOP_LOSS", "0.01", "", "61000"), "WOULD_TRIGGER"),
        (("SELL", "TAKE_PROFIT", "0.01", "", "59000"), "WOULD_TRIGGER"),
        (("BUY", "STOP_LOSS", "0.01", "", "59000"), "WOULD_TRIGGER"),
    ],
)
def test_each_filter_refuses_in_its_own_name(stall: Stall, order: tuple[str, ...], why: str) -> None:
    """Property: an order outside a filter is refused by that filter's name, and nothing has changed."""
    before = dict(stall.account.spot.held)

    assert stall.refuses(*order) == why
    assert (stall.account.spot.held, stall.account.spot.open) == (before, {})


def test_a_client_id_is_taken_as_long_as_its_order_is_open(stall: Stall) -> None:
    """Property: the id of an open order is refused; that of a done one is not, and then names the newer order."""
    first = stall.order("SELL", "LIMIT", "0.1", "61000", client_id="mine")

    assert stall.refuses("SELL", "MARKET", "0.1", client_id="mine") == "DUPLICATE_CLIENT_ID mine"
    assert stall.refuses("SELL", "MARKET", "0.1", client_id="no spaces").startswith("BAD_CLIENT_ID")
    stall.books.spot.cancel(stall.account, "BTCUSDT", OrderRef(client_id="mine"))
    second = stall.order("SELL", "MARKET", "0.1", client_id="mine")
    assert first.status is OrderStatus.CANCELED
    assert stall.books.spot.find(stall.account, "BTCUSDT", OrderRef(client_id="mine")) is second


def test_stops_lock_wait_fire_and_fill(stall: Stall) -> None:
    """Property: a stop locks what it will sell, waits for the mark, then sells at market or rests as a limit."""
    stop = stall.order("SELL", "STOP_LOSS", "0.4", "", "58000")
    limit = stall.order("SELL", "STOP_LOSS_LIMIT", "0.5", "58500", "57500")

    assert stall.free("BTC") == Decimal("0.1")
    stall.mark("58000")
    assert (stop.status, limit.waiting) == (OrderStatus.FILLED, True)
    stall.mark("57000")
    assert (limit.status, limit.waiting) == (OrderStatus.NEW, False)
    stall.mark("58500")
    assert limit.status is OrderStatus.FILLED
    assert stall.held("BTC") == Decimal("0.1")


def test_what_a_tick_cannot_fill_expires_or_rests(open_stall: Callable[..., Stall]) -> None:
    """Property: market and IOC orders fill what is there and end, FOK fills whole or not, GTC rests and goes on."""
    stall = open_stall(liquidity=Decimal(12_000))
    market = stall.order("SELL", "MARKET", "0.5")

    assert (market.status, market.filled) == (OrderStatus.EXPIRED, Decimal("0.2"))
    fok = stall.order("SELL", "LIMIT", "0.3", "59000", tif=TimeInForce.FOK)
    assert (fok.status, fok.filled) == (OrderStatus.EXPIRED, Decimal(0))
    rests = stall.order("SELL", "LIMIT", "0.3", "59000")
    stall.books.tick()
    assert (rests.status, rests.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.2"))
    ioc = stall.order("SELL", "LIMIT", "0.1", "59000", tif=TimeInForce.IOC)
    assert (ioc.status, ioc.filled) == (OrderStatus.EXPIRED, Decimal(0))


def test_of_a_list_one_leg_ends_the_other(stall: Stall) -> None:
    """Property: a list locks once; the fill, trigger or cancel of one leg ends the other."""

    def pair() -> tuple[SpotOrder, SpotOrder]:
        above = stall.request("SELL", "LIMIT_MAKER", "0.3", "62000")
        below = stall.request("SELL", "STOP_LOSS_LIMIT", "0.3", "57900", "58000")
        return stall.books.spot.place_pair(stall.account, above, below)

    limit, stop = pair()
    assert stall.free("BTC") == Decimal("0.7")
    stall.books.spot.cancel(stall.account, "BTCUSDT", OrderRef(id=stop.id))
    assert (limit.status, stop.status) == (OrderStatus.CANCELED, OrderStatus.CANCELED)
    limit, stop = pair()
    stall.mark("62000")
    assert (limit.status, stop.status) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    stall.mark("60000")
    limit, stop = pair()
    stall.mark("57000")
    assert (limit.status, stop.status) == (OrderStatus.EXPIRED, OrderStatus.NEW)
    assert stall.free("BTC") == Decimal("0.4")


def test_two_orders_that_are_no_pair_are_refused(stall: Stall) -> None:
    """Property: a list needs one limit and one stop of the same size on both sides of the market, and money for one."""
    limit = stall.request("SELL", "LIMIT_MAKER", "0.3", "62000")
    for other in (
        stall.request("SELL", "LIMIT_MAKER", "0.3", "63000"),
        stall.request("SELL", "STOP_LOSS", "0.2", "", "58000"),
        stall.request("SELL", "TAKE_PROFIT", "0.3", "", "63000"),
    ):
        with pytest.raises(Refused) as raised:
            stall.books.spot.place_pair(stall.account, limit, other)
        assert raised.value.reason is Reason.BAD_PAIR
    assert stall.account.spot.open == {}


@pytest.fixture
def open_stall() -> Callable[..., Stall]:
    """Make a stall; keywords of BooksConfig."""
    return Stall


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]),
            st.sampled_from(list(SpotKind)),
            st.integers(1, 400),
            st.integers(56_000, 64_000),
            st.integers(56_000, 64_000),
        ),
        max_size=25,
    )
)
def test_nothing_appears_or_vanishes(steps: list[tuple[str, SpotKind, int, int, int]]) -> None:
    """Property: whatever is ordered and wherever the mark goes, wallet and house together stay, and nothing is owed."""
    stall = Stall(liquidity=Decimal(15_000))
    for side, kind, thousandths, price, mark in steps:
        with suppress(Refused):
            stall.order(side, kind, f"{thousandths / 1000:.3f}", str(price), str(price))
        stall.mark(str(mark))
    spot = stall.books.spot
    for asset, start in (("BTC", 1), ("USDT", 100_000)):
        assert stall.held(asset) + spot.house.get(asset, Decimal(0)) == start
        assert stall.held(asset) >= 0
    assert all(order.status.is_open for order in stall.account.spot.open.values())
