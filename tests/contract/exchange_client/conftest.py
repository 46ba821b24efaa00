"""Every client of an exchange: the fake for users' tests, and ccxt on the paper venue."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_ports import ExchangeClient
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_spot, ccxt_usdm
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.deferred import DeferredClient
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from tests.contract.exchange_client.bench import Bench, FakeBench
from tests.contract.exchange_client.paper_bench import PaperBench, SpotBench

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
