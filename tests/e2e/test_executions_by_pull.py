"""Executions, from an engine's orders on a venue to a real gate that denies: nobody reports, the venue is read."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from ess_client import DenyReason, aio
from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.venue.paper import Fault, FaultKind, Operation, PaperConfig, PaperVenue, open_session
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually

BTC = "BTC/USDT:USDT"
STOPPED_OUT, RUNAWAY = "stopped-out", "runaway"
ACTIONS = {STOPPED_OUT: "flatten", RUNAWAY: "block"}
ACCOUNT = """
[[accounts]]
id = "{name}"
venue = "binance"
exchange = "binanceusdm"
api_key_file = "{name}.key"
secret_file = "{name}.secret"
executions_poll_ms = 500
equity_poll_ms = 2000
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca_file}" }}
[[evaluators]]
kind = "execution_errors"
account = "{name}"
action = "{action}"
max_stop_losses = 3
max_repeated_orders = 10
max_orders_after_stop = 1
"""


@dataclass
class Market:
    """A paper venue, and an engine on each of its accounts that speaks through unmodified ccxt."""

    venue: PaperVenue
    engines: dict[str, Any]

    async def looked(self) -> None:
        """Wait until the server begins another look at the orders of each account."""
        for name in self.engines:
            fault = Fault(kind=FaultKind.DELAY, operation=Operation.ORDERS, path="allOrders", account=name)
            self.venue.faults.add(fault)
        await eventually(lambda: not self.venue.faults.pending(), 30)

    async def enter_and_be_stopped_out(self) -> None:
        """Buy, protect, and see the price fall through the stop."""
        engine, market = self.engines[STOPPED_OUT], self.venue.books.market
        await engine.create_order(BTC, "market", "buy", 0.05)
        stop = float(market.mark("BTCUSDT") * Decimal("0.98"))
        await engine.create_order(BTC, "STOP_MARKET", "sell", 0.05, None, {"stopPrice": stop, "reduceOnly": True})
        self.venue.books.set_mark("BTCUSDT", (market.mark("BTCUSDT") * Decimal("0.97")).quantize(Decimal(1)))

    def is_flat(self, name: str) -> bool:
        """What the books say."""
        account = self.venue.books.account(name)
        return not list(account.positions()) and not account.open_orders


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    """The venue, open, with its engines."""
    async with AsyncExitStack() as stack:
        venue = PaperVenue(PaperConfig(tick=None))
        for name in (STOPPED_OUT, RUNAWAY):
            venue.add_account(name, key=f"{name}-key", secret=f"{name}-secret", balances={"USDT": Decimal(10**6)})
        await venue.start(cert_dir=tmp_path / "tls")
        stack.push_async_callback(venue.stop)
        session = open_session(venue.ca_file, "127.0.0.1", venue.port)
        stack.push_async_callback(session.close)
        engines = {}
        for name in (STOPPED_OUT, RUNAWAY):
            options = {"fetchCurrencies": False, "fetchMargins": False}
            keys = {"apiKey": f"{name}-key", "secret": f"{name}-secret", "options": options}
            engines[name] = ccxt.binanceusdm(
                {**keys, "session": session, "enableRateLimit": False, "timeout_on_exit": 0}
            )
            stack.push_async_callback(engines[name].close)
            await engines[name].load_markets()
        yield Market(venue, engines)


@pytest.fixture
async def server(servers: Servers, tmp_path: Path, market: Market) -> ServerProcess:
    """A server that has begun to read the accounts and allows trading."""
    text = ""
    for name in market.engines:
        for part in ("key", "secret"):
            (tmp_path / f"{name}.{part}").write_text(f"{name}-{part}")
            (tmp_path / f"{name}.{part}").chmod(0o600)
        text += ACCOUNT.format(name=name, action=ACTIONS[name], port=market.venue.port, ca_file=market.venue.ca_file)
    (tmp_path / "ess.toml").write_text(text)
    made = servers(arguments=("--config", tmp_path / "ess.toml"))
    await made.start()
    await made.reset()
    await market.looked()
    return made


async def _denied(gate: aio.OrderGate, server: ServerProcess, name: str) -> pb.Stop:
    scope = f"account/{name}"
    await eventually(lambda: gate.check(scope).reason == DenyReason.STOPPED)
    (stop,) = (s for s in (await server.state()).state.stops if s.scope == scope)
    assert stop.cause.source == pb.CAUSE_SOURCE_EVALUATOR
    return stop


async def test_what_engines_do_on_the_venue_denies_at_a_real_gate(server: ServerProcess, market: Market) -> None:
    """An order sent again and again, and stops that are hit: read from the venue, judged, stopped, and closed."""
    await market.engines[STOPPED_OUT].create_order("ETH/USDT:USDT", "market", "buy", 1)
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await eventually(lambda: gate.check(f"account/{STOPPED_OUT}") and gate.check(f"account/{RUNAWAY}"))
        for _ in range(12):
            await market.engines[RUNAWAY].create_order(BTC, "market", "buy", 0.01)
        runaway = await _denied(gate, server, RUNAWAY)
        assert gate.check(f"account/{STOPPED_OUT}")
        for _ in range(3):
            await market.enter_and_be_stopped_out()
        stopped_out = await _denied(gate, server, STOPPED_OUT)

    assert "the same order (buy 0.010 BTC/USDT:USDT) " in runaway.cause.reason
    assert "3 stop losses within 60 s" in stopped_out.cause.reason
    await eventually(lambda: market.is_flat(STOPPED_OUT))
    assert not market.is_flat(RUNAWAY)
