"""A paper venue with one account, and the real ccxt client on it."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.venue_process import LinkTimes
from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_link import KeySource, VenueAccount, VenueSettings
from ess_server.core.venue_wire import PaperEndpoint
from ess_server.venue import ccxt_spot
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_spot import BinanceSpotClient
from ess_server.venue.ccxt_usdm import BUDGET, BinanceUsdmClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.model import (
    ConditionalRequest,
    LegSide,
    Order,
    OrderRequest,
    OrderType,
    Side,
    TriggerType,
)
from ess_server.venue.paper.spot_model import SpotKind, SpotOrder, SpotRequest
from tests.venue.office import EXPIRY, PRELUDE, QUICK, Office

KEY, SECRET = "key-of-the-account-main", "secret-of-the-account-main"


class Floor:
    """The account ``main`` of a paper venue, and short words for what an engine does there."""

    def __init__(self, venue: PaperVenue) -> None:
        self.venue = venue
        self.books = venue.books
        self.account = venue.books.account("main")

    def hold(self, symbol: str, quantity: str, *, leg: str = "BOTH") -> None:
        """Add to a position; below zero sells."""
        amount = Decimal(quantity)
        side = Side.BUY if amount > 0 else Side.SELL
        self._place(symbol, side, abs(amount), None, LegSide(leg), reduce_only=False)

    def rest(self, symbol: str, quantity: str, *, leg: str = "BOTH", reduce_only: bool = False) -> Order:
        """Place a limit order that rests three percent away; below zero sells."""
        amount = Decimal(quantity)
        side = Side.BUY if amount > 0 else Side.SELL
        tick = self.books.market.instrument(symbol).tick
        away = Decimal("0.97") if side is Side.BUY else Decimal("1.03")
        price = (self.books.market.mark(symbol) * away / tick).to_integral_value() * tick
        return self._place(symbol, side, abs(amount), price, LegSide(leg), reduce_only=reduce_only)

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

    def _place(
        self, symbol: str, side: Side, quantity: Decimal, price: Decimal | None, leg: LegSide, *, reduce_only: bool
    ) -> Order:
        wanted = OrderRequest(
            symbol=symbol,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=quantity,
            price=price,
            leg=leg,
            reduce_only=reduce_only,
        )
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


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened, last first."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def open_floor(opened: AsyncExitStack, tmp_path: Path) -> Callable[..., Awaitable[Floor]]:
    """Start a paper venue; ``hedged`` and the keywords of PaperConfig."""

    async def start(*, hedged: bool = False, **config: Any) -> Floor:
        venue = PaperVenue(PaperConfig(tick=None, **config))
        venue.add_account("main", key=KEY, secret=SECRET, balances={"USDT": Decimal(10**9)}, hedged=hedged)
        await venue.start(cert_dir=tmp_path / "tls")
        opened.push_async_callback(venue.stop)
        return Floor(venue)

    return start


@pytest.fixture
async def floor(open_floor: Callable[..., Awaitable[Floor]]) -> Floor:
    """A one-way account."""
    return await open_floor()


@pytest.fixture
def connect(opened: AsyncExitStack) -> Callable[..., BinanceUsdmClient]:
    """Make the real client for the account of a floor."""

    def made(floor: Floor, *, key: str = KEY, secret: str = SECRET) -> BinanceUsdmClient:
        clock = SystemClock()
        client = BinanceUsdmClient(
            Account(id="main", venue="paper"),
            Credentials(key, secret),
            clock=clock,
            budget=RequestBudget(clock.uptime, BUDGET),
            session=open_session(floor.venue.ca_file, "127.0.0.1", floor.venue.port),
        )
        opened.push_async_callback(client.aclose)
        return client

    return made


@pytest.fixture
async def client(floor: Floor, connect: Callable[..., BinanceUsdmClient]) -> BinanceUsdmClient:
    """The client, prepared."""
    made = connect(floor)
    await made.prepare()
    return made


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., VenueSettings]:
    """Settings of a venue process for the account ``main`` of a floor; keywords overwrite them."""

    def made(floor: Floor, *, equity: timedelta | None = None, **changes: Any) -> VenueSettings:
        for name, content in (("key", KEY), ("secret", SECRET)):
            path = tmp_path / name
            path.write_text(content)
            path.chmod(0o600)
        account = VenueAccount(
            id="main",
            venue="paper",
            exchange="binanceusdm",
            key=KeySource(file=str(tmp_path / "key")),
            secret=KeySource(file=str(tmp_path / "secret")),
            paper=PaperEndpoint(host="127.0.0.1", port=floor.venue.port, ca_file=str(floor.venue.ca_file)),
            equity_interval=equity,
        )
        return replace(VenueSettings(accounts=(account,), lock_file=str(tmp_path / "venue.lock")), **changes)

    return made


@pytest.fixture
async def hire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Start a VenueProcess over a scripted child."""
    lives = tmp_path / "lives"
    lives.mkdir()
    monkeypatch.setenv("LIVES", str(lives))
    account = VenueAccount(
        id="main", venue="paper", exchange="binanceusdm", key=KeySource(env="A"), secret=KeySource(env="B")
    )
    settings = VenueSettings(accounts=(account,), lock_file=str(tmp_path / "lock"), flatten=EXPIRY)
    async with AsyncExitStack() as stack:

        async def hired(script: str, *, times: LinkTimes = QUICK, command: tuple[str, ...] = ()) -> Office:
            office = Office(lives)
            office.open(settings, command or (sys.executable, "-c", PRELUDE + script), times)
            stack.push_async_callback(office.process.stop)
            await office.process.start()
            return office

        yield hired


@pytest.fixture
def open_stall(opened: AsyncExitStack, tmp_path: Path) -> Callable[..., Awaitable[Stall]]:
    """Start a paper venue with a spot wallet; its assets, and the keywords of PaperConfig."""

    async def start(wallet: dict[str, str] | None = None, **config: Any) -> Stall:
        venue = PaperVenue(PaperConfig(tick=None, **config))
        venue.add_account("main", key=KEY, secret=SECRET)
        await venue.start(cert_dir=tmp_path / "tls")
        opened.push_async_callback(venue.stop)
        return Stall(venue, wallet or {"BTC": "1.5", "ETH": "10", "USDT": "50000"})

    return start


@pytest.fixture
def connect_spot(opened: AsyncExitStack) -> Callable[..., BinanceSpotClient]:
    """Make the real client for a stall: what it sells and keeps; ``expiry`` is in seconds."""

    def made(
        stall: Stall, *sell: str, keep: dict[str, str] | None = None, expiry: float = 0.05, secret: str = SECRET
    ) -> BinanceSpotClient:
        clock = SystemClock()
        kept = tuple((asset, Decimal(amount)) for asset, amount in (keep or {}).items())
        client = BinanceSpotClient(
            Account(id="main", venue="paper"),
            Credentials(KEY, secret),
            clock=clock,
            budget=RequestBudget(clock.uptime, ccxt_spot.BUDGET),
            sale=SpotSale(sell=sell, keep=kept),
            session=open_session(stall.venue.ca_file, "127.0.0.1", stall.venue.port),
            expiry=expiry,
        )
        opened.push_async_callback(client.aclose)
        return client

    return made
