"""How urgent the readings of an account are: those of a new stop never wait for what is left over."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.model import Account, Action, Work
from ess_server.core.venue_link import work_message
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.deferred import DeferredClient, VenueClient
from ess_server.venue.process import VenueServer

FLATTEN = Work(account="main", stop_id="stop-2", action=Action.FLATTEN)


@pytest.fixture
def serve() -> Callable[[VenueClient], VenueServer]:
    """A venue process that has opened one client, with a flattener that was not started."""

    def opened(client: VenueClient) -> VenueServer:
        deferred = DeferredClient(Account(id="main", venue="paper"), lambda: client, [])
        deferred._current()
        server = VenueServer()
        server._clients = {"main": deferred}
        server._flattener = LocalFlattener(
            [deferred],
            clock=SystemClock(),
            settings=FlattenSettings(),
            on_progress=lambda _: None,
            on_event=lambda *_: None,
        )
        return server

    return opened


async def test_a_later_stop_is_as_urgent_as_the_first(
    client: BinanceUsdmClient, serve: Callable[[VenueClient], VenueServer]
) -> None:
    """An account that was flat under an earlier stop is read at once, though sweeps have used up what they may."""
    server = serve(client)
    await client.snapshot()
    await client.witness()
    for _ in range(20):
        with suppress(ReadBudgetError):
            await client.snapshot()
    # So long the budget counts what it paid for beside the venue's own count, which may not hold it yet.
    await asyncio.sleep(0.5)
    with pytest.raises(ReadBudgetError):
        await client.snapshot()
    server._obey(work_message({"main": (7, FLATTEN)}))
    await client.snapshot()
    await client.witness()

    # The same work in the name of another stop, or none, makes nothing urgent.
    server._obey(work_message({"main": (7, FLATTEN)}))
    server._obey(work_message({"main": (8, None)}))
    with pytest.raises(ReadBudgetError):
        await client.snapshot()


async def test_okx_knows_a_later_stop_as_well(okx: OkxClient, serve: Callable[[VenueClient], VenueServer]) -> None:
    """What retried for long under one stop is fresh under the next."""
    server = serve(okx)
    await okx.snapshot()
    await okx.witness()
    sweeping = okx._economy.purpose
    server._obey(work_message({"main": (7, FLATTEN)}))

    assert okx._economy.purpose is not sweeping
