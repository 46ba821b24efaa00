"""A venue process that begins while the exchange's list of markets cannot be had."""

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.flatten import LocalFlattener
from ess_server.core.model import Account, Action, FlattenStatus, Work
from ess_server.testing.waiting import eventually
from ess_server.venue import markets
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.model import OrderRequest, OrderType, Side
from tests.venue.test_changed_rules import CLIENTS, QUICK


async def refused(**_: object) -> None:
    """Fail."""
    raise RuntimeError("no markets")


async def hanging(**_: object) -> None:
    """Never answer."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("lists", [refused, hanging])
@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_the_list_of_markets_is_not_needed_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_of: Any, limits: Any, lists: Any
) -> None:
    """Orders and positions go under the exchange's own ids: a public endpoint that fails keeps no position open."""
    monkeypatch.setattr(markets, "NAMES_WITHIN_S", 0.1)
    async with AsyncExitStack() as stack:
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
        client._exchange.load_markets = lists
        below = Decimal(int(venue.books.market.mark("BTCUSDT") * Decimal("0.98")))
        for kind, price in ((OrderType.MARKET, None), (OrderType.LIMIT, below)):
            wanted = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=kind, quantity=Decimal("3.5"), price=price)
            venue.books.place("main", wanted)
        flattener = LocalFlattener(
            (client,), clock=clock, settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
        )
        await flattener.start()
        stack.push_async_callback(flattener.stop)
        flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=Action.FLATTEN)})
        await eventually(lambda: flattener.progress()["main"].status is FlattenStatus.FLAT, within=6)

        account = venue.books.account("main")
        assert (list(account.open_orders), list(account.positions())) == ([], [])
