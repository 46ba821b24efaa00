"""Paper venue fixtures: books on a clock of their own, a served venue, and unmodified ccxt pinned to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt_async
import pytest

from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.model import BooksConfig, LegSide, Order, OrderRequest, OrderType, Side, TimeInForce
from ess_server.venue.strict import lent
from tests.venue.paper import official as own

KEY = "paper-key"
SECRET = "paper-secret"


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def advance(self, **span: float) -> None:
        """Move on; keywords of timedelta."""
        self.time += timedelta(**span)


class Desk:
    """Books with one account, and short words for orders."""

    def __init__(self, config: BooksConfig, *, hedged: bool, cash: str) -> None:
        self.clock = HandClock()
        self.books = Books(config, self.clock)
        self.account = self.books.create_account("a", {"USDT": Decimal(cash)}, hedged=hedged)

    def order(
        self,
        side: str,
        quantity: str,
        price: str | None = None,
        *,
        leg: str = "BOTH",
        reduce: bool = False,
        tif: str = "GTC",
        client_id: str = "",
        symbol: str = "BTCUSDT",
    ) -> Order:
        """Place an order."""
        return self.books.place(
            "a",
            OrderRequest(
                symbol=symbol,
                side=Side(side),
                type=OrderType.MARKET if price is None else OrderType.LIMIT,
                quantity=Decimal(quantity),
                price=None if price is None else Decimal(price),
                tif=TimeInForce(tif),
                leg=LegSide(leg),
                reduce_only=reduce,
                client_id=client_id,
            ),
        )

    def held(self, leg: str = "BOTH", symbol: str = "BTCUSDT") -> Decimal:
        """Return the signed quantity of a leg."""
        return self.account.leg(symbol, LegSide(leg)).quantity

    def mark(self, price: str, symbol: str = "BTCUSDT") -> None:
        """Move a mark."""
        self.books.set_mark(symbol, Decimal(price))


@pytest.fixture
def desk() -> Callable[..., Desk]:
    """Make a desk; keywords of BooksConfig, ``hedged`` and ``cash``."""

    def make(*, hedged: bool = False, cash: str = "1000000", **config: Any) -> Desk:
        return Desk(BooksConfig(**config), hedged=hedged, cash=cash)

    return make


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Await a condition, five seconds at most."""

    async def wait(condition: Callable[[], object]) -> None:
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never came true")

    return wait


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened, last first."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def start_venue(stack: AsyncExitStack, tmp_path: Path) -> Callable[..., Any]:
    """Start a venue with one account; its keywords go to the config."""

    async def start(*, hedged: bool = False, **config: Any) -> PaperVenue:
        venue = PaperVenue(PaperConfig(tick=None, **config))
        venue.add_account("a", key=KEY, secret=SECRET, balances={"USDT": Decimal(1_000_000)}, hedged=hedged)
        await venue.start(cert_dir=tmp_path / "tls")
        stack.push_async_callback(venue.stop)
        return venue

    return start


@pytest.fixture
async def venue(start_venue: Callable[..., Any]) -> PaperVenue:
    """A one-way venue."""
    return await start_venue()


@pytest.fixture
async def session(stack: AsyncExitStack) -> Callable[[PaperVenue], aiohttp.ClientSession]:
    """Open a pinned session to a venue."""

    def opened(venue: PaperVenue) -> aiohttp.ClientSession:
        made = open_session(venue.ca_file, "127.0.0.1", venue.port)
        stack.push_async_callback(made.close)
        return made

    return opened


@pytest.fixture
async def exchange(
    stack: AsyncExitStack, session: Callable[[PaperVenue], aiohttp.ClientSession]
) -> Callable[..., ccxt_async.binanceusdm]:
    """Make an unmodified ccxt exchange pinned to a venue; keywords overwrite its config."""

    def make(venue: PaperVenue, kind: str = "binanceusdm", **config: Any) -> Any:
        made = getattr(ccxt_async, kind)(
            {
                "apiKey": KEY,
                "secret": SECRET,
                **lent(session(venue)),
                "enableRateLimit": False,
                "options": {"fetchOpenOrders": {"warnWithoutSymbol": False}},
                **config,
            }
        )
        stack.push_async_callback(made.close)
        return made

    return make


@pytest.fixture
def admin(session: Callable[[PaperVenue], aiohttp.ClientSession]) -> Callable[..., Any]:
    """Call the admin API: returns status and decoded body."""

    async def call(venue: PaperVenue, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        async with session(venue).request(
            method, f"https://paper.example/paper/{path}", json=body, headers=headers
        ) as reply:
            return reply.status, await reply.json()

    return call


@pytest.fixture
async def official(stack: AsyncExitStack, tmp_path: Path) -> Any:
    """The venues' own clients on an account of a served venue."""
    venue = PaperVenue(PaperConfig(tick=None))
    money = {"USDT": Decimal(1_000_000)}
    venue.add_account("official", key=own.KEY, secret=own.SECRET, passphrase=own.PASSPHRASE, balances=money, spot=money)
    await venue.start(cert_dir=tmp_path / "tls")
    stack.push_async_callback(venue.stop)
    return own.Official(venue)
