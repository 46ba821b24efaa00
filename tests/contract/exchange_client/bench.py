"""A client of an exchange with the hands of an engine on the same account, and the fake as one."""

from decimal import Decimal
from typing import Protocol

from ess_server.core.model import Account
from ess_server.core.venue_ports import ExchangeClient
from ess_server.testing.exchange import FakeExchangeClient, Fault

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
