"""The contract of ``ExchangeClient``: the fake for users' tests, and ccxt on the paper venue."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError
from ess_server.core.model import Account
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_snapshot import Position
from ess_server.testing.exchange import FakeExchangeClient, Fault
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_spot, ccxt_usdm
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.deferred import DeferredClient
from ess_server.venue.paper import Fault as PaperFault
from ess_server.venue.paper import FaultKind, Operation, PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.model import (
    ConditionalRequest,
    LegSide,
    OrderRequest,
    OrderType,
    Side,
    TriggerType,
)
from ess_server.venue.paper.spot_model import SpotKind, SpotRequest

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


class Bench(Protocol):
    """One implementation, with the hands of an engine on the same account; its symbols and position mode."""

    btc: str
    eth: str
    hedged: bool
    long_only: bool

    @property
    def client(self) -> ExchangeClient:
        """The implementation."""

    def rest(self, symbol: str, *, conditional: bool = False) -> None:
        """Place an order that rests."""

    def hold(self, symbol: str, quantity: int, *, long: bool = True) -> None:
        """Add to a position."""

    def shrink(self, symbol: str, quantity: int) -> None:
        """Take from a long position."""

    def price(self, symbol: str) -> Decimal:
        """Return the mark price; the spread is a thousandth."""

    def out_of_reach(self, symbol: str) -> None:
        """See to it that nobody trades at a limit beyond the market."""

    def break_reads(self) -> None:
        """Make one part of the next snapshot fail."""

    def books(self) -> tuple[int, dict[tuple[str, bool], Decimal]]:
        """Return the number of open orders, and positions by symbol and side."""


class FakeBench:
    """The fake."""

    btc, eth, long_only = BTC, ETH, False

    def __init__(self, *, hedged: bool) -> None:
        self.client = FakeExchangeClient(Account(id="main", venue="v"))
        self.hedged = hedged

    def rest(self, symbol: str, *, conditional: bool = False) -> None:
        """See Bench."""
        self.client.rest(symbol, conditional=conditional)

    def hold(self, symbol: str, quantity: int, *, long: bool = True) -> None:
        """See Bench."""
        self.client.hold(symbol, quantity, long=long, hedged=self.hedged)

    def shrink(self, symbol: str, quantity: int) -> None:
        """See Bench."""
        self.client.hold(symbol, -quantity, hedged=self.hedged)

    def price(self, symbol: str) -> Decimal:
        """See Bench."""
        return self.client.prices.setdefault(symbol, Decimal(60_000))

    def out_of_reach(self, symbol: str) -> None:
        """See Bench."""
        self.client.thin.add(symbol)

    def break_reads(self) -> None:
        """See Bench."""
        self.client.faults["snapshot"].append(Fault.PARTIAL)

    def books(self) -> tuple[int, dict[tuple[str, bool], Decimal]]:
        """See Bench."""
        return len(self.client.orders), {key: p.quantity for key, p in self.client.positions.items()}


class PaperBench:
    """The real client through ccxt on a paper venue."""

    btc, eth, long_only = BTC, ETH, False

    def __init__(self, venue: PaperVenue, client: ExchangeClient, *, hedged: bool) -> None:
        self.client = client
        self._venue = venue
        self.hedged = hedged

    def rest(self, symbol: str, *, conditional: bool = False) -> None:
        """See Bench."""
        leg = LegSide.LONG if self.hedged else LegSide.BOTH
        if not conditional:
            self._place(symbol, Side.BUY, Decimal(1), leg, limit=True)
            return
        trigger = Decimal(int(self._venue.books.market.mark(_id(symbol)) * Decimal("1.1")))
        wanted = ConditionalRequest(
            symbol=_id(symbol), side=Side.BUY, trigger=TriggerType.STOP, trigger_price=trigger, quantity=Decimal(1),
            leg=leg,
        )  # fmt: skip
        self._venue.books.place_conditional("main", wanted)

    def hold(self, symbol: str, quantity: int, *, long: bool = True) -> None:
        """See Bench."""
        leg = (LegSide.LONG if long else LegSide.SHORT) if self.hedged else LegSide.BOTH
        self._place(symbol, Side.BUY if long else Side.SELL, Decimal(quantity), leg)

    def shrink(self, symbol: str, quantity: int) -> None:
        """See Bench."""
        self._place(symbol, Side.SELL, Decimal(quantity), LegSide.LONG if self.hedged else LegSide.BOTH)

    def price(self, symbol: str) -> Decimal:
        """See Bench."""
        return self._venue.books.market.mark(_id(symbol))

    def out_of_reach(self, symbol: str) -> None:
        """See Bench: on the venue nobody does."""

    def break_reads(self) -> None:
        """See Bench."""
        self._venue.faults.add(PaperFault(kind=FaultKind.BODY, operation=Operation.POSITIONS))

    def books(self) -> tuple[int, dict[tuple[str, bool], Decimal]]:
        """See Bench."""
        account = self._venue.books.account("main")
        legs = {(f"{x.symbol[:-4]}/USDT:USDT", x.quantity > 0): abs(x.quantity) for x in account.positions()}
        return len(account.open_orders) + len(account.open_conditionals), legs

    def _place(self, symbol: str, side: Side, quantity: Decimal, leg: LegSide, *, limit: bool = False) -> None:
        price = Decimal(int(self._venue.books.market.mark(_id(symbol)) * Decimal("0.97"))) if limit else None
        self._venue.books.place(
            "main",
            OrderRequest(
                symbol=_id(symbol), side=side, type=OrderType.LIMIT if limit else OrderType.MARKET, quantity=quantity,
                price=price, leg=leg,
            ),
        )  # fmt: skip


class SpotBench:
    """The spot client through ccxt on a paper venue: assets instead of positions, and none that is owed."""

    btc, eth, long_only, hedged = "BTC/USDT", "ETH/USDT", True, False

    def __init__(self, venue: PaperVenue, client: ExchangeClient) -> None:
        self.client = client
        self._venue = venue
        self._account = venue.books.account("main")

    def rest(self, symbol: str, *, conditional: bool = False) -> None:
        """See Bench."""
        price = Decimal(int(self.price(symbol) * (Decimal("1.1") if conditional else Decimal("0.97"))))
        self._place(symbol, Side.BUY, Decimal(1), SpotKind.STOP_LOSS if conditional else SpotKind.LIMIT, price)

    def hold(self, symbol: str, quantity: int, *, long: bool = True) -> None:
        """See Bench."""
        assert long
        self._venue.books.spot.transfer(self._account, symbol[:3], Decimal(quantity))

    def shrink(self, symbol: str, quantity: int) -> None:
        """See Bench."""
        self._place(symbol, Side.SELL, Decimal(quantity), SpotKind.MARKET)

    def price(self, symbol: str) -> Decimal:
        """See Bench."""
        return self._venue.books.market.mark(_id(symbol))

    def out_of_reach(self, symbol: str) -> None:
        """See Bench: on the venue nobody does."""

    def break_reads(self) -> None:
        """See Bench."""
        self._venue.faults.add(PaperFault(kind=FaultKind.BODY, operation=Operation.BALANCE))

    def books(self) -> tuple[int, dict[tuple[str, bool], Decimal]]:
        """See Bench."""
        spot = self._account.spot
        held = {(f"{asset}/USDT", True): spot.held.get(asset, Decimal(0)) for asset in ("BTC", "ETH")}
        return len(spot.open), {key: amount for key, amount in held.items() if amount}

    def _place(self, symbol: str, side: Side, quantity: Decimal, kind: SpotKind, price: Decimal | None = None) -> None:
        wanted = SpotRequest(
            symbol=_id(symbol), side=side, kind=kind, quantity=quantity, price=None if kind.waits else price,
            stop_price=price if kind.waits else None,
        )  # fmt: skip
        self._venue.books.spot.place(self._account, wanted)


def _id(symbol: str) -> str:
    return symbol.split("/", maxsplit=1)[0] + "USDT"


FUTURES = ("fake", "ccxt", "deferred ccxt", "ccxt okx", "ccxt bybit")
BENCHES = (*((kind, hedged) for kind in FUTURES for hedged in (False, True)), ("ccxt spot", False))


@pytest.fixture(params=BENCHES, ids=[f"{kind}-{'hedge' if hedged else 'one-way'}" for kind, hedged in BENCHES])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Every implementation in its position modes, prepared."""
    kind, hedged = request.param
    async with AsyncExitStack() as stack:
        made: Bench
        if kind == "fake":
            made = FakeBench(hedged=hedged)
        else:
            venue = PaperVenue(PaperConfig(tick=None))
            money = {"USDT": Decimal(10**8)}
            venue.add_account("main", key="k", secret="s", passphrase="p", balances=money, hedged=hedged, spot=money)
            await venue.start(cert_dir=tmp_path)
            stack.push_async_callback(venue.stop)
            client = _ccxt(venue, kind)
            made = SpotBench(venue, client) if kind == "ccxt spot" else PaperBench(venue, client, hedged=hedged)
        stack.push_async_callback(made.client.aclose)
        await made.client.prepare()
        yield made


def _ccxt(venue: PaperVenue, kind: str) -> ExchangeClient:
    clock, account = SystemClock(), Account(id="main", venue="v")

    def session() -> aiohttp.ClientSession:
        return open_session(venue.ca_file, "127.0.0.1", venue.port)

    def connect() -> BinanceUsdmClient:
        budget = RequestBudget(clock.uptime, ccxt_usdm.BUDGET)
        return BinanceUsdmClient(account, Credentials("k", "s"), clock=clock, budget=budget, session=session())

    if kind == "ccxt spot":
        budget, connect_spot = (
            RequestBudget(clock.uptime, ccxt_spot.BUDGET),
            ccxt_spot.selling(SpotSale(sell=("BTC", "ETH"))),
        )
        return connect_spot(account, Credentials("k", "s"), clock=clock, budget=budget, session=session(), expiry=0.01)
    if kind == "ccxt okx":
        budget = RequestBudget(clock.uptime, ccxt_okx.BUDGET)
        return OkxClient(account, Credentials("k", "s", "p"), clock=clock, budget=budget, session=session())
    if kind == "ccxt bybit":
        budget = RequestBudget(clock.uptime, ccxt_bybit.BUDGET)
        return BybitClient(account, Credentials("k", "s"), clock=clock, budget=budget, session=session())
    return DeferredClient(account, connect, [str(venue.ca_file)]) if kind.startswith("deferred") else connect()


async def test_a_snapshot_shows_everything(bench: Bench) -> None:
    """Plain and conditional orders of every market are there, and every position with its side and mode."""
    bench.rest(bench.btc)
    bench.rest(bench.eth, conditional=True)
    bench.hold(bench.btc, 2)
    bench.hold(bench.eth, 3, long=bench.long_only)
    shown = await bench.client.snapshot()

    assert {(o.symbol, o.conditional, o.reduce_only) for o in shown.orders} == {
        (bench.btc, False, False),
        (bench.eth, True, False),
    }
    assert set(shown.positions) == {
        Position(symbol=bench.btc, long=True, quantity=Decimal(2), hedged=bench.hedged),
        Position(symbol=bench.eth, long=bench.long_only, quantity=Decimal(3), hedged=bench.hedged),
    }
    assert shown.time.tzinfo is not None


async def test_an_empty_account_is_shown_as_empty(bench: Bench) -> None:
    """No order and no position is a snapshot of nothing, not an error."""
    shown = await bench.client.snapshot()

    assert (shown.orders, shown.positions) == ((), ())


async def test_a_partial_reading_raises(bench: Bench) -> None:
    """A snapshot of which one part could not be read is no snapshot."""
    bench.break_reads()
    with pytest.raises(EssError):
        await bench.client.snapshot()

    assert (await bench.client.snapshot()).orders == ()


async def test_cancel_takes_the_orders_it_is_given(bench: Bench) -> None:
    """What is named goes, plain or conditional; the orders of another symbol stay."""
    bench.rest(bench.btc)
    bench.rest(bench.btc, conditional=True)
    bench.rest(bench.eth)
    shown = await bench.client.snapshot()
    await bench.client.cancel([o for o in shown.orders if o.symbol == bench.btc])

    assert [o.symbol for o in (await bench.client.snapshot()).orders] == [bench.eth]


async def test_cancelling_what_is_gone_is_a_success(bench: Bench) -> None:
    """The same cancel again raises nothing, and an empty cancel does nothing."""
    bench.rest(bench.btc)
    bench.rest(bench.btc, conditional=True)
    orders = (await bench.client.snapshot()).orders
    await bench.client.cancel(orders)
    await bench.client.cancel(orders)
    await bench.client.cancel([])

    assert bench.books() == (0, {})


async def test_close_ends_the_position_and_only_it(bench: Bench) -> None:
    """Closing a long and a short leaves neither, and no order behind."""
    bench.hold(bench.btc, 2)
    bench.hold(bench.eth, 3, long=bench.long_only)
    for number, position in enumerate((await bench.client.snapshot()).positions):
        await bench.client.close_position(position, f"ess-{number}")

    assert bench.books() == (0, {})


async def test_close_never_flips(bench: Bench) -> None:
    """A close that is larger than what is left by now closes that or is refused; it opens nothing."""
    bench.hold(bench.btc, 3)
    position = (await bench.client.snapshot()).positions[0]
    bench.shrink(bench.btc, 2)
    try:
        await bench.client.close_position(position, "ess-1")
    except EssError:
        assert bench.books() == (0, {(bench.btc, True): Decimal(1)})
    else:
        assert bench.books() == (0, {})


async def test_close_of_nothing_opens_nothing(bench: Bench) -> None:
    """A close that comes too late is refused."""
    bench.hold(bench.btc, 1)
    position = (await bench.client.snapshot()).positions[0]
    await bench.client.close_position(position, "ess-1")
    with pytest.raises(EssError):
        await bench.client.close_position(position, "ess-2")

    assert bench.books() == (0, {})


@pytest.mark.parametrize("long", [True, False])
async def test_close_beyond_its_limit_closes_nothing_and_leaves_no_order(bench: Bench, *, long: bool) -> None:
    """Where the market is worse than the limit nothing is closed, and nothing rests."""
    long = long or bench.long_only
    price = bench.price(bench.btc)
    beyond = price * (Decimal("1.01") if long else Decimal("0.99")) + Decimal("0.0123")
    bench.hold(bench.btc, 2, long=long)
    shown = (await bench.client.snapshot()).positions[0]
    assert shown.price == price
    bench.out_of_reach(bench.btc)
    with suppress(EssError):
        await bench.client.close_position(shown, "ess-1", limit=beyond)
    assert bench.books() == (0, {(bench.btc, long): Decimal(2)})


@pytest.mark.parametrize("long", [True, False])
async def test_close_with_room_for_the_spread_closes(bench: Bench, *, long: bool) -> None:
    """A limit that the market is better than closes all of it, whatever digits it has."""
    long = long or bench.long_only
    price = bench.price(bench.btc) * (Decimal("0.99") if long else Decimal("1.01")) + Decimal("0.0123")
    bench.hold(bench.btc, 2, long=long)
    await bench.client.close_position((await bench.client.snapshot()).positions[0], "ess-1", limit=price)

    assert bench.books() == (0, {})


async def test_the_witness_sees_what_is_held_and_when_nothing_is(bench: Bench) -> None:
    """It does not deny an empty account, and positions and orders that open something are no secret to it."""
    empty = await bench.client.witness()
    bench.rest(bench.eth)
    ordered = await bench.client.witness()
    bench.hold(bench.btc, 2)
    held = await bench.client.witness()

    assert (empty.positions, empty.orders) == (False, False)
    assert (ordered.positions, ordered.orders) == (False, True)
    assert (held.positions, held.orders) == (True, True)
    assert held.evidence


async def test_equity_is_a_decimal_with_its_currency(bench: Bench) -> None:
    """Equity is a finite Decimal above zero on an account with money."""
    amount, currency = await bench.client.equity()

    assert isinstance(amount, Decimal)
    assert amount > 0
    assert currency == "USDT"


async def test_prepare_and_close_may_be_repeated(bench: Bench) -> None:
    """Preparing twice and closing twice is no error."""
    await bench.client.prepare()
    await bench.client.aclose()
    await bench.client.aclose()
