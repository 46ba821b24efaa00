"""Reading executions, look after look, over the rows of a paper venue: everything once, whatever goes wrong between."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.errors import VenueUnknownError
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.dialects.binance.params import Params
from ess_server.venue.paper.dialects.binance_usdm import routes_account, routes_algo, routes_trade
from ess_server.venue.paper.model import BooksConfig, OrderRequest, OrderType, Side
from ess_server.venue.usdm_executions import ExecutionHistory, UsdmExecutions

PAGE = 5
ENDPOINTS: Mapping[str, Callable[[Any], object]] = {
    "allOrders": routes_trade.list_all,
    "userTrades": routes_trade.list_trades,
    "order": routes_trade.query,
    "allAlgoOrders": routes_algo.list_all,
}


class Desk:
    """One account on the books, and a reader of it whose requests fail on demand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.books = Books(BooksConfig(), lambda: self.time)
        self.books.create_account("main", {"USDT": Decimal(10**9)})
        self.told: list[str] = []
        self.fails_in: int | None = None
        self.lagging = ""
        self.read_to = 0
        self.begin(0)

    def begin(self, since: int) -> None:
        """Begin with a new reader, as after a restart."""
        self._executions = UsdmExecutions("main", self._ask, str, ExecutionHistory(since=since), page=PAGE)

    def account_reply(self) -> Any:
        """What the account endpoint answers."""
        return self._reply("account", {})

    def look(self, account: object = None) -> None:
        """Look once, at this reply of the account endpoint or a fresh one."""
        shown = account or self.account_reply()
        self.read_to = asyncio.run(self._executions.look(self.now, shown, self._deliver))

    @property
    def now(self) -> int:
        """The venue's time in milliseconds."""
        return int(self.time.timestamp() * 1000)

    def trade(self, symbol: str, price: Decimal | None, side: Side = Side.BUY) -> None:
        """Send an order; without a price it fills at once."""
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        quantity = self.books.market.instrument(symbol).step * 100
        request = OrderRequest(symbol=symbol, side=side, type=kind, quantity=quantity, price=price)
        self.books.place("main", request)

    def _deliver(self, reports: Any) -> None:
        found: list[ExecutionReport] = list(reports)
        self.told += [r.id for r in found if r.execution_type in (ExecutionType.NEW, ExecutionType.TRADE)]

    async def _ask(self, endpoint: str, params: Mapping[str, Any], _weight: float, /) -> object:
        if self.fails_in is not None:
            self.fails_in -= 1
            if self.fails_in < 0:
                raise VenueUnknownError("no answer")
        return [] if endpoint == self.lagging else self._reply(endpoint, params)

    def _reply(self, endpoint: str, params: Mapping[str, Any]) -> object:
        values = Params({key: str(value) for key, value in params.items()})
        handler = ENDPOINTS.get(endpoint, routes_account.account)
        # What of a request these endpoints look at.
        return handler(SimpleNamespace(books=self.books, params=values, account="main", version=3))

    @property
    def expected(self) -> set[str]:
        """Ids of all orders and fills."""
        account = self.books.account("main")
        orders = {
            f"{o.symbol}/order/{o.id}/NEW" for o in (*account.done_orders.values(), *account.open_orders.values())
        }
        return orders | {f"{f.symbol}/fill/{f.id}" for f in account.fills}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("market"), st.sampled_from(["BTCUSDT", "ETHUSDT"]), st.sampled_from(list(Side))),
        st.tuples(st.just("rest"), st.sampled_from(["BTCUSDT", "ETHUSDT"]), st.just(Side.BUY)),
        st.tuples(st.just("dip"), st.sampled_from(["BTCUSDT", "ETHUSDT"]), st.just(Side.BUY)),
        st.tuples(st.just("look"), st.integers(0, 12), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
        st.tuples(st.just("pause"), st.integers(1, 120), st.none()),
    ),
    max_size=12,
)


def _take(desk: Desk, step: tuple[Any, ...]) -> None:
    match step:
        case ("market", symbol, side):
            desk.trade(symbol, None, side)
        case ("rest", symbol, _):
            desk.trade(symbol, _below(desk, symbol, "0.98"))
        case ("dip", symbol, _):
            before = desk.books.market.mark(symbol)
            desk.books.set_mark(symbol, _below(desk, symbol, "0.97"))
            desk.books.set_mark(symbol, before)
        case ("look", fails_in, _):
            desk.fails_in = fails_in
            try:
                desk.look()
            except VenueUnknownError:
                assert desk.fails_in < 0
            desk.fails_in = None
        case ("restart", _, _):
            desk.begin(desk.read_to)
        case ("pause", seconds, _):
            desk.time += timedelta(seconds=seconds)


def _below(desk: Desk, symbol: str, factor: str) -> Decimal:
    tick = desk.books.market.instrument(symbol).tick
    return (desk.books.market.mark(symbol) * Decimal(factor) / tick).to_integral_value() * tick


@given(steps=STEPS)
def test_everything_is_told_whatever_fails_between(steps: list[tuple[Any, ...]]) -> None:
    """Each order and fill after the first look is told; twice only where a new process repeats what is known by id."""
    desk = Desk()
    desk.look()
    desk.time += timedelta(seconds=1)
    for step in steps:
        _take(desk, step)
        desk.time += timedelta(seconds=5)
    for _ in range(3):
        desk.look()

    assert set(desk.told) == desk.expected
    if ("restart", None, None) not in steps:
        assert len(desk.told) == len(set(desk.told))


@pytest.mark.parametrize("orders", [4, 5, 6, 13, 20])
def test_lists_longer_than_a_page_are_read_to_their_end(orders: int) -> None:
    """Orders and fills of one look that need several pages are all told, once."""
    desk = Desk()
    desk.look()
    for _ in range(orders):
        desk.time += timedelta(milliseconds=10)
        desk.trade("BTCUSDT", None)
    desk.look()

    assert sorted(desk.told) == sorted(desk.expected)


def test_more_than_can_be_read_is_said() -> None:
    """A flood of orders beyond all pages is an error, not a silence; the fills are all told in the end."""
    desk = Desk()
    desk.look()
    for _ in range(100):
        desk.time += timedelta(milliseconds=10)
        desk.trade("BTCUSDT", None)
    for _ in range(2):
        with pytest.raises(VenueUnknownError, match="not all of them were read"):
            desk.look()
        desk.time += timedelta(minutes=1)
    desk.look()

    fills = {ident for ident in desk.expected if "/fill/" in ident}
    assert fills <= set(desk.told)


def test_a_list_that_lags_behind_the_account_is_read_again() -> None:
    """Fills that the exchange does not list yet, though the account shows them already, are told by the next look."""
    desk = Desk()
    desk.look()
    desk.trade("BTCUSDT", None)
    desk.lagging = "userTrades"
    desk.look()
    assert not [ident for ident in desk.told if "/fill/" in ident]
    desk.lagging = ""
    desk.look()

    assert set(desk.told) == desk.expected


def test_money_that_moved_without_a_reason_makes_every_market_read() -> None:
    """Where no row of the account tells of a fill that was paid for, the fills of all its markets are read."""
    desk = Desk()
    desk.trade("BTCUSDT", _below(desk, "BTCUSDT", "0.98"))
    desk.look()
    desk.time += timedelta(minutes=1)
    desk.look()
    positions = desk.account_reply()["positions"]
    desk.books.set_mark("BTCUSDT", _below(desk, "BTCUSDT", "0.97"))
    desk.look({**desk.account_reply(), "positions": positions})

    assert set(desk.told) == desk.expected
