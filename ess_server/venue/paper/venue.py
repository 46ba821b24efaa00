"""The paper venue in one process: books, keys, limits, faults, and the HTTPS server in front of them."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import VenueClock
from ess_server.venue.paper.credentials import ApiKey, KeyRing
from ess_server.venue.paper.dialects.base import Dialect
from ess_server.venue.paper.dialects.binance_spot.dialect import BinanceSpot
from ess_server.venue.paper.dialects.binance_usdm.dialect import BinanceUsdm
from ess_server.venue.paper.dialects.bybit.dialect import Bybit
from ess_server.venue.paper.dialects.okx.dialect import Okx
from ess_server.venue.paper.faults import FaultScript
from ess_server.venue.paper.journal import Journal
from ess_server.venue.paper.model import BooksConfig
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import Limits, RateLimiter
from ess_server.venue.paper.server import HttpFront
from ess_server.venue.paper.streams import Streams
from ess_server.venue.paper.walk import Walk

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperConfig:
    """A paper venue. ``tick`` None leaves time to the caller (``venue.books.tick``); ``walk`` seeds a price walk.

    Those who listen to a stream are told the present quotes ``stream`` so often, whether they have changed or not.
    """

    books: BooksConfig = field(default_factory=BooksConfig)
    limits: Limits = field(default_factory=Limits)
    tick: timedelta | None = timedelta(milliseconds=200)
    walk: int | None = None
    stream: timedelta = timedelta(milliseconds=100)


class PaperVenue:
    """An exchange for tests and demos, on one TLS port.

    ``books``, ``quotes`` and ``faults`` may be used directly from the event loop that runs the venue; other processes
    use the admin API. The CA certificate that clients trust is ``ca_file``.
    """

    def __init__(self, config: PaperConfig | None = None) -> None:
        self.config = config or PaperConfig()
        self.clock = VenueClock()
        self.faults = FaultScript()
        self.books = Books(self.config.books, self.clock, self.faults)
        self.keys = KeyRing()
        self.limiter = RateLimiter(self.config.limits, self.clock)
        self.quotes = Quotes(self.books.market, self.clock)
        self.streams = Streams(self.config.stream)
        self.dialects: tuple[Dialect, ...] = (
            BinanceSpot(self.books, self.quotes, self.keys, self.limiter),
            BinanceUsdm(self.books, self.quotes, self.keys, self.limiter),
            Okx(self.books, self.quotes, self.keys, self.limiter),
            Bybit(self.books, self.quotes, self.keys, self.limiter),
        )
        self._front = HttpFront(self)
        self._ticker: asyncio.Task[None] | None = None

    @property
    def journal(self) -> Journal:
        """What happened, by the venue's clock."""
        return self.books.journal

    @property
    def port(self) -> int:
        """The port in use, 0 before ``start``."""
        return self._front.port

    @property
    def ca_file(self) -> Path:
        """Certificate that clients must trust. Raises RuntimeError before ``start``."""
        return self._front.ca_file

    def add_account(
        self,
        name: str,
        *,
        key: str,
        secret: str,
        passphrase: str = "",
        balances: Mapping[str, Decimal] | None = None,
        hedged: bool = False,
        spot: Mapping[str, Decimal] | None = None,
    ) -> Account:
        """Open an account, with 10 000 USDT for futures unless told otherwise. Raises as ``open_account``."""
        money = {"USDT": Decimal(10_000)} if balances is None else balances
        made = ApiKey(key=key, secret=secret, account=name, passphrase=passphrase)
        return self.open_account(made, money, hedged=hedged, spot=spot)

    def open_account(
        self,
        key: ApiKey,
        balances: Mapping[str, Decimal],
        *,
        hedged: bool = False,
        spot: Mapping[str, Decimal] | None = None,
    ) -> Account:
        """Open an account with a key of its own. Raises ValueError for a taken name or key, or a negative balance."""
        deposits = spot or {}
        if any(amount < 0 for amount in deposits.values()):
            raise ValueError(f"account {key.account!r}: balances must not be negative")
        self.keys.add(key)
        try:
            account = self.books.create_account(key.account, balances, hedged=hedged)
        except ValueError:
            self.keys.remove(key.key)
            raise
        for asset, amount in deposits.items():
            self.books.spot.transfer(account, asset, amount)
        return account

    def set_limits(self, **changes: int | timedelta | None) -> None:
        """Change rate limits by field name of ``Limits``; counts and bans start anew."""
        self.limiter.limits = replace(self.limiter.limits, **changes)  # type: ignore[arg-type] # checked by the caller
        self.limiter.pardon()

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, cert_dir: Path) -> None:
        """Serve. Raises OSError if the port is taken or ``cert_dir`` cannot be written."""
        await self._front.start(host, port, cert_dir)
        if self.config.tick is not None:
            self._ticker = asyncio.create_task(self._tick(self.config.tick), name="paper venue ticks")

    async def stop(self) -> None:
        """Stop serving; hung requests end. Idempotent."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
            self._ticker = None
        await self._front.stop()

    async def _tick(self, every: timedelta) -> None:
        walk = None if self.config.walk is None else Walk(self.config.walk)
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                if walk is not None:
                    walk.step(self.books)
                self.books.tick()
            except Exception:  # noqa: BLE001 - time goes on; the log says what failed
                _log.exception("paper venue tick failed")
