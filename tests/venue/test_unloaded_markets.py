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


async def opened(stack: AsyncExitStack, folder: Path, client_of: Any, limits: Any) -> tuple[PaperVenue, Any]:
    """Return a paper venue with an account, and a client of it."""
    venue = PaperVenue(PaperConfig(tick=None))
    venue.add_account("main", key="k", secret="s", passphrase="p", balances={"USDT": Decimal(10**8)})
    await venue.start(cert_dir=folder)
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
    return venue, client


async def flattened(stack: AsyncExitStack, client: Any) -> None:
    """Flatten the account of this client."""
    flattener = LocalFlattener(
        (client,), clock=SystemClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    stack.push_async_callback(flattener.stop)
    flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=Action.FLATTEN)})
    await eventually(lambda: flattener.progress()["main"].status is FlattenStatus.FLAT, within=6)


@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_names_that_come_late_are_used_as_soon_as_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_of: Any, limits: Any
) -> None:
    """A position too large for one order is split once the list of markets can be had, without waiting for it."""
    monkeypatch.setattr(markets, "NAMES_WITHIN_S", 0.1)
    monkeypatch.setattr(markets, "RETRY_AFTER", 0.05)
    async with AsyncExitStack() as stack:
        venue, client = await opened(stack, tmp_path, client_of, limits)
        load, tried = client._exchange.load_markets, []

        async def late(**how: Any) -> Any:
            tried.append(how)
            if len(tried) < 4:
                raise RuntimeError("no markets yet")
            return await load(**how)

        client._exchange.load_markets = late
        most = venue.books.market.instrument("BTCUSDT").max_market_quantity
        for _ in range(2):
            venue.books.place(
                "main", OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=most)
            )
        await flattened(stack, client)

        assert list(venue.books.account("main").positions()) == []
    assert len(tried) == 4


@pytest.mark.parametrize("lists", [refused, hanging])
@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_the_list_of_markets_is_not_needed_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_of: Any, limits: Any, lists: Any
) -> None:
    """Orders and positions go under the exchange's own ids: a public endpoint that fails keeps no position open."""
    monkeypatch.setattr(markets, "NAMES_WITHIN_S", 0.1)
    async with AsyncExitStack() as stack:
        venue, client = await opened(stack, tmp_path, client_of, limits)
        client._exchange.load_markets = lists
        below = Decimal(int(venue.books.market.mark("BTCUSDT") * Decimal("0.98")))
        for kind, price in ((OrderType.MARKET, None), (OrderType.LIMIT, below)):
            wanted = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=kind, quantity=Decimal("3.5"), price=price)
            venue.books.place("main", wanted)
        await flattened(stack, client)

        account = venue.books.account("main")
        assert (list(account.open_orders), list(account.positions())) == ([], [])
