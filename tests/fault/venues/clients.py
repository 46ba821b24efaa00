"""The product's own clients, pinned to a paper venue, with an ear on when they read."""

from typing import Any

from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_usdm
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import PaperVenue, open_session
from tests.fault.venues.judge import Judge

CLIENTS: dict[str, tuple[Any, Any]] = {
    "binanceusdm": (ccxt_usdm.BinanceUsdmClient, ccxt_usdm.BUDGET),
    "okx": (ccxt_okx.OkxClient, ccxt_okx.BUDGET),
    "bybit": (ccxt_bybit.BybitClient, ccxt_bybit.BUDGET),
}
SECRET, PASSPHRASE = "secret-of-a-paper-account", "passphrase-of-a-paper-account"


def key_of(account: str) -> str:
    """Return the API key of an account."""
    return f"key-of-{account}"


def open_clients(dialect: str, accounts: tuple[str, ...], venue: PaperVenue) -> list[ExchangeClient]:
    """Return a client for each account; they share one address and its budgets, as in the venue process."""
    made, limits = CLIENTS[dialect]
    clock = SystemClock()
    shared = RequestBudget(clock.uptime, limits)
    return [
        made(
            Account(id=name, venue="paper"),
            Credentials(key_of(name), SECRET, PASSPHRASE),
            clock=clock,
            budget=RequestBudget(clock.uptime, limits) if limits.per_account else shared,
            session=open_session(venue.ca_file, "127.0.0.1", venue.port),
        )
        for name in accounts
    ]


class Overheard:
    """A client that tells the judge when its last complete reading began; otherwise the client itself."""

    def __init__(self, client: ExchangeClient, judge: Judge) -> None:
        self._client = client
        self._judge = judge

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def snapshot(self) -> VenueSnapshot:
        """Read, and note where the journal stood at the beginning."""
        began = self._judge.books.journal.last_seq
        found = await self._client.snapshot()
        self._judge.read_from = began
        return found
