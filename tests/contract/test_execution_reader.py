"""The contract of ``ExecutionReader``: the fake for users' tests, and ccxt on the paper venue."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.core.venue_ports import ExecutionReader
from ess_server.testing.exchange import FakeExchangeClient
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.ccxt_usdm import BUDGET, BinanceUsdmClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.model import OrderRequest, OrderType, Side

ACCOUNT = Account(id="main", venue="v")
Bench = tuple[ExecutionReader, Callable[[], object]]


def _fake() -> Bench:
    client = FakeExchangeClient(ACCOUNT)

    def order() -> None:
        fields = {"quantity": Decimal(1), "price": None, "expected_price": None, "stop_loss": False, "strategy": ""}
        report = ExecutionReport(
            account="main", id=str(len(client.calls)), symbol="BTC/USDT:USDT", execution_type=ExecutionType.NEW,
            side="buy", client_order_id="", detail="", time=datetime.now(UTC), received=0.0, **fields,  # type: ignore[arg-type]  # of several types
        )  # fmt: skip
        client.reports.append(report)

    return client, order


def _ccxt(venue: PaperVenue, client: ExecutionReader) -> Bench:
    price = Decimal(int(venue.books.market.mark("BTCUSDT") * Decimal("0.97")))
    wanted = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal(1), price=price)
    return client, lambda: venue.books.place("main", wanted)


@pytest.fixture(params=["fake", "ccxt", "ccxt okx", "ccxt bybit"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Every implementation, with the hand of an engine that places an order."""
    if request.param == "fake":
        yield _fake()
        return
    async with AsyncExitStack() as stack:
        venue = PaperVenue(PaperConfig(tick=None))
        venue.add_account("main", key="k", secret="s", passphrase="p", balances={"USDT": Decimal(10**8)})
        await venue.start(cert_dir=tmp_path)
        stack.push_async_callback(venue.stop)
        clock = SystemClock()
        session = open_session(venue.ca_file, "127.0.0.1", venue.port)
        budget = RequestBudget(clock.uptime, BUDGET)
        kinds = {"ccxt": BinanceUsdmClient, "ccxt okx": OkxClient, "ccxt bybit": BybitClient}
        made = kinds[request.param]
        client = made(ACCOUNT, Credentials("k", "s", "p"), clock=clock, budget=budget, session=session)
        stack.push_async_callback(client.aclose)
        await client.prepare()
        yield _ccxt(venue, client)


async def test_each_report_is_delivered_once_and_the_time_goes_on(bench: Bench) -> None:
    """The first look tells of nothing before it, each later one of what is new, up to a time that is not ahead."""
    reader, order = bench
    told: list[ExecutionReport] = []
    times = [await reader.executions(told.extend)]
    assert not told
    for count in (1, 1, 2):
        if len(told) < count:
            order()
        times.append(await reader.executions(told.extend))
        assert len(told) == count

    assert {(r.account, r.symbol, r.side) for r in told} == {("main", "BTC/USDT:USDT", "buy")}
    assert len({r.id for r in told}) == len(told)
    assert times == sorted(times)
    assert times[-1] <= datetime.now(UTC) + timedelta(seconds=1)
