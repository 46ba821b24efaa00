"""Real clients of futures venues on the account of a floor, and a flatten by one of them."""

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeVar

from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.model import Account, Action, Work
from ess_server.core.venue_ports import ExchangeClient
from ess_server.testing.waiting import eventually
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_usdm
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import open_session
from tests.venue.floor import KEY, PASSPHRASE, SECRET, Floor

QUICK = FlattenSettings(
    verify_gap=timedelta(milliseconds=30),
    quiet_window=timedelta(milliseconds=60),
    sweep_interval=timedelta(milliseconds=300),
)
CLIENTS = (
    (BinanceUsdmClient, ccxt_usdm.BUDGET),
    (OkxClient, ccxt_okx.BUDGET),
    (BybitClient, ccxt_bybit.BUDGET),
)
Client = TypeVar("Client", BinanceUsdmClient, OkxClient, BybitClient)


def connected(
    stack: AsyncExitStack,
    floor: Floor,
    kind: type[Client],
    limits: BudgetLimits,
    *,
    key: str = KEY,
    secret: str = SECRET,
) -> Client:
    """A client of the account of a floor, closed with the stack; it is not prepared."""
    clock = SystemClock()
    client = kind(
        Account(id="main", venue="paper"),
        Credentials(key, secret, PASSPHRASE),
        clock=clock,
        budget=RequestBudget(clock.uptime, limits),
        session=open_session(floor.venue.ca_file, "127.0.0.1", floor.venue.port),
    )
    stack.push_async_callback(client.aclose)
    return client


async def flatten(client: ExchangeClient, action: Action = Action.FLATTEN, within: float = 15) -> LocalFlattener:
    """Carry out a stop on the account ``main`` until it is said to be done."""
    flattener = LocalFlattener(
        (client,), clock=SystemClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=action)})
    await eventually(lambda: flattener.progress()["main"].status.is_done, within=within)
    await flattener.stop()
    return flattener
