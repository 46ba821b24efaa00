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
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_spot, ccxt_usdm
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.ccxt_spot import BinanceSpotClient
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from tests.venue.clients import connected
from tests.venue.floor import KEY, PASSPHRASE, SECRET, Floor, Stall
from tests.venue.office import EXPIRY, PRELUDE, QUICK, Office


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
        money = {"USDT": Decimal(10**9)}
        venue.add_account("main", key=KEY, secret=SECRET, passphrase=PASSPHRASE, balances=money, hedged=hedged)
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
        return connected(opened, floor, BinanceUsdmClient, ccxt_usdm.BUDGET, key=key, secret=secret)

    return made


@pytest.fixture
async def client(floor: Floor, connect: Callable[..., BinanceUsdmClient]) -> BinanceUsdmClient:
    """The client, prepared."""
    made = connect(floor)
    await made.prepare()
    return made


@pytest.fixture
async def okx(opened: AsyncExitStack, floor: Floor) -> OkxClient:
    """The client of OKX, prepared."""
    made = connected(opened, floor, OkxClient, ccxt_okx.BUDGET)
    await made.prepare()
    return made


@pytest.fixture
async def bybit(opened: AsyncExitStack, floor: Floor) -> BybitClient:
    """The client of Bybit, prepared."""
    made = connected(opened, floor, BybitClient, ccxt_bybit.BUDGET)
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
