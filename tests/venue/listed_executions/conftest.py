"""A desk on each venue whose lists cover all markets."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.venue import ccxt_bybit, ccxt_okx
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.listed_executions import ListedHistory
from ess_server.venue.paper import open_session
from tests.venue.floor import KEY, PASSPHRASE, SECRET, Floor
from tests.venue.listed_executions.desk import Desk

KINDS: dict[str, tuple[type[OkxClient] | type[BybitClient], BudgetLimits]] = {
    "okx": (OkxClient, ccxt_okx.BUDGET),
    "bybit": (BybitClient, ccxt_bybit.BUDGET),
}


@pytest.fixture(params=[False, True], ids=["one-way", "hedge"])
def hedged(request: pytest.FixtureRequest) -> bool:
    """Both position modes, where a test asks for it."""
    return bool(request.param)


@pytest.fixture(params=["okx", "bybit"])
async def desk(
    request: pytest.FixtureRequest, opened: AsyncExitStack, open_floor: Callable[..., Awaitable[Floor]]
) -> Desk:
    """A desk on each venue, which has looked once."""
    hedged = "hedged" in request.fixturenames and bool(request.getfixturevalue("hedged"))
    kind, limits = KINDS[request.param]
    floor = await open_floor(hedged=hedged)
    clock = SystemClock()
    # These tests look more often than anybody would.
    budget = RequestBudget(clock.uptime, replace(limits, burst=10_000))

    def connect(history: ListedHistory) -> OkxClient | BybitClient:
        session = open_session(floor.venue.ca_file, "127.0.0.1", floor.venue.port)
        keys = Credentials(KEY, SECRET, PASSPHRASE)
        made = kind(Account(id="main", venue="v"), keys, clock=clock, budget=budget, session=session, history=history)
        opened.push_async_callback(made.aclose)
        return made

    found = Desk(floor, connect)
    await found.look()
    return found
