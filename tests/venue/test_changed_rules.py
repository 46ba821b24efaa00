"""Sizes of a market that the exchange changes after they were loaded: what is held is closed all the same."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.model import Account, Action, FlattenStatus, Work
from ess_server.testing.waiting import eventually
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_usdm
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.model import OrderRequest, OrderType, Side

QUICK = FlattenSettings(verify_gap=timedelta(milliseconds=30), quiet_window=timedelta(milliseconds=60))
CLIENTS = [
    (ccxt_usdm.BinanceUsdmClient, ccxt_usdm.BUDGET),
    (ccxt_okx.OkxClient, ccxt_okx.BUDGET),
    (ccxt_bybit.BybitClient, ccxt_bybit.BUDGET),
]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What is to be closed in the end."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_a_close_by_old_sizes_asks_for_the_new_ones(
    stack: AsyncExitStack, tmp_path: Path, client_of: Any, limits: Any
) -> None:
    """A lower maximum is learnt from the first refusal, not at the next hour."""
    venue = PaperVenue(PaperConfig(tick=None))
    venue.add_account("main", key="k", secret="s", passphrase="p", balances={"USDT": Decimal(10**8)})
    await venue.start(cert_dir=tmp_path)
    stack.push_async_callback(venue.stop)
    clock = SystemClock()
    client = client_of(
        Account(id="main", venue="v"),
        Credentials("k", "s", "p"),
        clock=clock,
        budget=RequestBudget(clock.uptime, limits),
        session=open_session(venue.ca_file, "127.0.0.1", venue.port),
    )
    stack.push_async_callback(client.aclose)
    await client.prepare()
    bought = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=Decimal("3.5"))
    venue.books.place("main", bought)
    market = venue.books.market.instruments
    market["BTCUSDT"] = replace(market["BTCUSDT"], max_market_quantity=Decimal(2), max_quantity=Decimal(2))

    flattener = LocalFlattener(
        (client,), clock=clock, settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    stack.push_async_callback(flattener.stop)
    flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=Action.FLATTEN)})
    await eventually(lambda: flattener.progress()["main"].status.is_flat, within=6)

    assert flattener.progress()["main"].status is FlattenStatus.FLAT
    assert not any(venue.books.account("main").positions())
