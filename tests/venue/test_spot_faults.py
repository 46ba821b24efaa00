"""Seeded faults while a spot account is sold: what is sold is what was to be sold, judged by the venue's own books."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.model import Action, FlattenStatus, Work
from ess_server.core.order_ids import is_closing_order
from ess_server.venue.ccxt_spot import BinanceSpotClient
from ess_server.venue.paper import Fault, FaultKind, Operation
from ess_server.venue.paper.model import BooksConfig
from tests.exploration import DEEP

RUNS = 60 if DEEP else 2
LATEST, EXPIRY = 0.8, 1.1
"""Seconds: no request reaches the books later than this, and after that nobody believes that it still may."""
KEEP = {"BTC": Decimal(3), "ETH": Decimal(30), "SOL": Decimal(300)}
"""More than is to be sold, so that the venue would take a second sale."""
LEAST = 100
"""What an order must be worth at least."""
TO_SELL = {"BTC": Decimal("1.0007"), "ETH": Decimal(10), "SOL": Decimal(100)}
WALLET = {asset: str(KEEP[asset] + TO_SELL[asset]) for asset in KEEP} | {"USDT": "50000"}
QUICK = FlattenSettings(
    call_timeout=timedelta(milliseconds=400),
    close_after=timedelta(milliseconds=300),
    verify_gap=timedelta(milliseconds=30),
    quiet_window=timedelta(milliseconds=100),
    sweep_interval=timedelta(milliseconds=100),
    backoff_max=timedelta(milliseconds=200),
)
OPERATIONS = (*[Operation.ORDER] * 3, Operation.CANCEL, Operation.ORDERS, Operation.BALANCE)
KINDS = (*[FaultKind.DELAY] * 3, FaultKind.DROP, FaultKind.HANG, FaultKind.STATUS, FaultKind.BODY, FaultKind.REJECT)
CODES = (-1000, -1001, -1003, -1006, -1007, -1008, -1015, -1021, -2010)


class Run:
    """One account that is sold while its venue misbehaves and its seller is killed."""

    def __init__(self, seed: int, stall: Any, connect: Callable[[], BinanceSpotClient]) -> None:
        self.rng = random.Random(seed)
        self.stall = stall
        self.connect = connect
        self.flattener: LocalFlattener | None = None

    async def begin(self) -> None:
        """Begin anew, as a process does that follows a killed one."""
        if self.flattener is not None:
            for task in self.flattener._tasks:
                task.cancel()
        self.flattener = LocalFlattener(
            (self.connect(),), clock=SystemClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
        )
        await self.flattener.start()
        self.flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=Action.FLATTEN)})

    def fault(self, *operations: Operation) -> Fault:
        """Draw one."""
        rng, kind = self.rng, self.rng.choice(KINDS)
        late = timedelta(seconds=rng.uniform(LATEST / 2, LATEST)) if kind is FaultKind.DELAY else timedelta()
        return Fault(
            kind=kind,
            operation=rng.choice(operations),
            times=rng.choice((1, 1, 2)),
            applied=rng.random() < 0.5,
            delay=late,
            status=rng.choice((500, 502, 504)),
            code=rng.choice(CODES),
            body=rng.choice(("", "{}", "[]", "null", "<html>")),
        )

    async def misbehave(self) -> None:
        """For a second and a half: faults, other prices, a killed seller; then the venue is well."""
        for _ in range(15):
            if self.rng.random() < 0.6:
                self.stall.venue.faults.add(self.fault(*OPERATIONS))
            if self.rng.random() < 0.1:
                await self.begin()
            self.stall.venue.books.tick()
            await asyncio.sleep(0.1)
        self.stall.venue.faults.clear()

    async def status(self) -> FlattenStatus:
        """Wait until it is flat, ten seconds at most, while the market goes on."""
        assert self.flattener is not None
        for _ in range(200):
            found = self.flattener.progress()["main"].status
            if found.is_flat:
                return found
            self.stall.venue.books.tick()
            await asyncio.sleep(0.05)
        return self.flattener.progress()["main"].status

    def sold(self, asset: str) -> Decimal:
        """What the orders of the stop have sold, by the journal."""
        fills = self.stall.venue.journal.read(kinds=("fill",))
        return sum(
            (e.details["quantity"] for e in fills if e.details["symbol"] == f"{asset}USDT" and _ours(e.details)),
            start=Decimal(0),
        )


def _ours(details: Any) -> bool:
    return is_closing_order(details["client_id"])


@pytest.mark.parametrize("seed", range(RUNS))
async def test_under_any_faults_no_more_is_sold_than_was_to_be_sold(
    seed: int, open_stall: Callable[..., Awaitable[Any]], connect_spot: Callable[..., BinanceSpotClient]
) -> None:
    """Never more at any time; all of it, but for dust, once the venue is well; and FLAT only then."""
    keep = {asset: str(amount) for asset, amount in KEEP.items()}
    stall = await open_stall(WALLET, books=BooksConfig(liquidity=Decimal(20_000 + 10_000 * (seed % 4))))
    run = Run(seed, stall, lambda: connect_spot(stall, "BTC", "ETH", "SOL", keep=keep, expiry=EXPIRY))
    for symbol, quantity, kind in (
        ("BTCUSDT", "-0.4", "LIMIT"),
        ("ETHUSDT", "-2", "STOP_LOSS"),
        ("SOLUSDT", "9", "LIMIT"),
    ):
        stall.rest(symbol, quantity, kind)
    for _ in range(5):
        stall.venue.faults.add(run.fault(Operation.ORDER))
    market = stall.venue.books.market
    await run.begin()
    await run.misbehave()
    status = await run.status()
    assert run.flattener is not None
    await run.flattener.stop()

    for asset, amount in TO_SELL.items():
        left = amount - run.sold(asset)
        assert left >= 0, f"{-left} {asset} more than was to be sold"
        sellable = left - left % market.instrument(f"{asset}USDT").step
        assert sellable * market.mark(f"{asset}USDT") < LEAST
    assert status is FlattenStatus.FLAT_WITH_DUST
    assert stall.account.spot.open == {}
