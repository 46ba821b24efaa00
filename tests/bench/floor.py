"""A paper venue in a process of its own, with accounts that hold 20 positions and 60 orders, 50 ms away.

``python -m tests.bench.floor DIRECTORY ACCOUNTS`` prints its port as JSON and serves until it is told to end.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from ess_server.venue.paper import Fault, FaultKind, PaperConfig, PaperVenue, open_session, serve
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.model import ConditionalRequest, OrderRequest, OrderType, Side, TriggerType

SYMBOLS = 20
LATENCY = timedelta(milliseconds=50)
SECRET, PASSPHRASE = "secret-of-a-bench-account", "passphrase"


@dataclass(frozen=True, slots=True)
class Floor:
    """Where a venue listens."""

    port: int
    ca_file: Path

    def session(self) -> aiohttp.ClientSession:
        """Open a session that ends there."""
        return open_session(self.ca_file, "127.0.0.1", self.port)

    async def is_flat(self, account: str) -> bool:
        """What the venue's own books say."""
        async with (
            self.session() as session,
            session.get(f"https://paper.example/paper/books?account={account}") as got,
        ):
            [shown] = (await got.json())["accounts"]
        return not (shown["positions"] or shown["orders"] or shown["conditionals"])


def key_of(account: str) -> str:
    """Return the API key of an account."""
    return f"key-of-{account}"


@contextmanager
def floor(directory: Path, accounts: int) -> Iterator[Floor]:
    """Run a venue with the accounts ``a0``, ``a1``, ... for as long as the block lasts."""
    directory.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.bench.floor", str(directory), str(accounts)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        told: Mapping[str, Any] = json.loads(child.stdout.readline())
        yield Floor(told["port"], Path(told["ca_file"]))
    finally:
        child.terminate()
        child.wait(10)


def furnish(books: Books, account: str) -> None:
    """On each of 20 symbols: a position, two resting orders and a stop."""
    for symbol in list(books.market.instruments)[:SYMBOLS]:
        instrument, mark = books.market.instrument(symbol), books.market.mark(symbol)
        quantity = (Decimal(1000) / mark // instrument.step + 1) * instrument.step
        for side, away in ((Side.BUY, None), (Side.BUY, Decimal("0.97")), (Side.SELL, Decimal("1.03"))):
            price = None if away is None else (mark * away / instrument.tick).to_integral_value() * instrument.tick
            kind = OrderType.MARKET if price is None else OrderType.LIMIT
            wanted = OrderRequest(symbol=symbol, side=side, type=kind, quantity=quantity, price=price)
            books.place(account, wanted)
        stop = (mark * Decimal("0.9") / instrument.tick).to_integral_value() * instrument.tick
        books.place_conditional(
            account,
            ConditionalRequest(
                symbol=symbol,
                side=Side.SELL,
                trigger=TriggerType.STOP,
                trigger_price=stop,
                quantity=quantity,
                reduce_only=True,
            ),
        )


def _ready(venue: PaperVenue, accounts: int) -> None:
    for number in range(accounts):
        name = f"a{number}"
        money = {"USDT": Decimal(10**9)}
        venue.add_account(name, key=key_of(name), secret=SECRET, passphrase=PASSPHRASE, balances=money)
        furnish(venue.books, name)
    venue.faults.add(Fault(kind=FaultKind.DELAY, times=None, delay=LATENCY))
    sys.stdout.write(json.dumps({"port": venue.port, "ca_file": str(venue.ca_file)}) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Serve."""
    directory, accounts = Path(arguments[0]), int(arguments[1])
    asyncio.run(serve(cert_dir=directory, config=PaperConfig(), on_ready=lambda venue: _ready(venue, accounts)))


if __name__ == "__main__":
    main(sys.argv[1:])
