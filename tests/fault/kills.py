"""SIGKILL of the server, its venue process or an engine, with triggers, resets and flattens in flight.

What was asked and answered is judged by ``tests.e2e.test_kill``, over all lives of one data directory. The engine's
account is on the paper venue, whose books nobody can talk into anything.
"""

import asyncio
import os
import random
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import grpc.aio

from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.venue.paper import PaperConfig, PaperVenue, open_session
from tests.e2e.process import ServerProcess, clock, eventually
from tests.e2e.test_freeze import LEASE, asked
from tests.e2e.test_kill import SCOPES, History, follow, reset_now_and_then, trigger_now_and_then
from tests.fault.result import Deadline, Result

ROUNDS = 300
FLAT_WITHIN = 60.0
BTC = "BTC/USDT:USDT"
MAIN = "main"
CONFIG = """
[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_file = "main.key"
secret_file = "main.secret"
equity_poll_ms = 2000
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca_file}" }}
"""
SERVER, VENUE, ENGINE = "server", "venue process", "engine"


@dataclass
class Market:
    """The paper venue, and an engine's connection to it through unmodified ccxt."""

    venue: PaperVenue
    exchange: Any

    async def trade(self) -> None:
        """Buy, and leave an order and a conditional order behind. What a stop races with may be refused."""
        price = float(self.venue.books.market.mark("BTCUSDT"))
        with suppress(ccxt.ExchangeError):
            await self.exchange.create_order(BTC, "market", "buy", 0.01)
            await self.exchange.create_order(BTC, "limit", "buy", 0.01, round(price * 0.9, 1))

    def problem(self) -> str:
        """Return what is wrong with the books: who only ever buys is never short."""
        sizes = [leg.quantity for leg in self.venue.books.account(MAIN).positions()]
        return f"the account went short: {sizes}" if any(size < 0 for size in sizes) else ""

    def is_flat(self) -> bool:
        """Whether the books hold neither positions nor orders."""
        account = self.venue.books.account(MAIN)
        return not list(account.positions()) and not account.open_orders


@asynccontextmanager
async def market(folder: Path) -> AsyncIterator[Market]:
    """Open the venue and connect to it."""
    async with AsyncExitStack() as stack:
        venue = PaperVenue(PaperConfig(tick=None))
        venue.add_account(MAIN, key="main-key", secret="main-secret", balances={"USDT": Decimal(10**7)})
        await venue.start(cert_dir=folder / "tls")
        stack.push_async_callback(venue.stop)
        session = open_session(venue.ca_file, "127.0.0.1", venue.port)
        stack.push_async_callback(session.close)
        options = {"fetchCurrencies": False, "fetchMargins": False}
        keys = {"apiKey": "main-key", "secret": "main-secret", "options": options, "session": session}
        exchange = ccxt.binanceusdm({**keys, "enableRateLimit": False, "timeout_on_exit": 0})
        stack.push_async_callback(exchange.close)
        await exchange.load_markets()
        for part in ("key", "secret"):
            (folder / f"main.{part}").write_text(f"main-{part}")
            (folder / f"main.{part}").chmod(0o600)
        (folder / "ess.toml").write_text(CONFIG.format(port=venue.port, ca_file=venue.ca_file))
        yield Market(venue, exchange)


def venue_process(server: ServerProcess) -> int:
    """Return the process id of the server's venue process, 0 while there is none."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    for pid in children.read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"ess_server.venue" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return 0


async def flatten_now_and_then(stub: rpc.EmergencyStopServiceStub, history: History, rng: random.Random) -> None:
    """Stop the account with FLATTEN until the connection breaks."""
    for _ in range(20):
        request = pb.TriggerRequest(scope="account/main", action=pb.STOP_ACTION_FLATTEN)
        answer = await stub.Trigger(request, timeout=5)
        if answer.stop.durable:
            history.acknowledged.add((answer.stop.scope, answer.stop.revision))
        await asyncio.sleep(rng.uniform(0, 0.05))


@dataclass
class Scene:
    """Everything that a round works on."""

    server: ServerProcess
    market: Market
    rng: random.Random
    result: Result
    history: History = field(default_factory=History)
    gate: OrderGate | None = None

    async def round(self, victim: str) -> None:
        """Start what is not there, work, kill ``victim`` in the middle, and judge what is left."""
        if self.server.child is None or self.server.has_ended():
            self.history.check_state((await self.server.start()).state)
        async with self.server.stub() as stub:
            tasks = [
                asyncio.create_task(work(stub, self.history, self.rng))
                for work in (trigger_now_and_then, reset_now_and_then, flatten_now_and_then)
            ]
            tasks.append(asyncio.create_task(self.market.trade()))
            try:
                await asyncio.sleep(self.rng.uniform(0, 0.25))
                await self._kill(victim)
                if victim != SERVER:
                    await asyncio.sleep(self.rng.uniform(0, 0.1))
            finally:
                await self._ended(tasks)
        if victim != SERVER:
            self.history.check_state((await self.server.state()).state)
        assert not self.market.problem(), self.market.problem()

    async def _kill(self, victim: str) -> None:
        if victim == SERVER:
            await self.server.kill()
        elif victim == VENUE:
            pid = await eventually(lambda: venue_process(self.server), 30)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            await self._kill_engine()

    async def _kill_engine(self) -> None:
        """Begin an engine, and kill it while it asks."""
        with asked("aio", self.server) as engine:
            await eventually(lambda: engine.latest, 30)

    async def _ended(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            # An answer that never comes is as good as a crash: whoever asked does not know.
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(outcome, grpc.aio.AioRpcError | asyncio.CancelledError | ccxt.NetworkError | None):
                raise outcome

    async def ending(self) -> None:
        """Stop everything for good, with an engine that asks without pause: it is denied, and the account is flat."""
        if self.server.has_ended():
            self.history.check_state((await self.server.start()).state)
        if (await self.server.state()).state.stops:
            await self._release()
        with asked("threads", self.server) as engine:
            await eventually(lambda: engine.all_say("ALLOW"), 30)
            await self.market.trade()
            stop = await self.server.trigger(action=pb.STOP_ACTION_FLATTEN)
            answered = clock()
            await eventually(lambda: engine.all_say("STOPPED"), 30)
            assert stop.durable, "the last trigger was not durable on a healthy disk"
            assert engine.last_allowed <= answered + LEASE, "an engine was allowed longer than one lease after the stop"
        await eventually(self._says_flat, FLAT_WITHIN)
        assert self.market.is_flat(), "FLAT was said, and the venue's books are not empty"

    async def _release(self) -> None:
        async def tried() -> bool:
            try:
                await self.server.reset()
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED):
                    raise
                return False
            return True

        self.history.resets.add(("global", (await self.server.state()).state.revision))
        await eventually(tried, FLAT_WITHIN)

    async def _says_flat(self) -> bool:
        accounts = (await self.server.state()).accounts
        return all(account.status == pb.FLATTEN_STATUS_FLAT for account in accounts)


async def _watched(scene: Scene, coming: list[str], end: Deadline) -> None:
    async with OrderGate(scene.server.target, subscriber_id="engine", scopes=list(SCOPES)) as gate:
        following = asyncio.create_task(follow(gate, scene.history))
        for number, victim in enumerate(coming):
            if not end:
                break
            await _judged(scene, f"round {number}, {victim} killed", scene.round(victim))
            if following.done():
                await following
        following.cancel()


async def _judged(scene: Scene, what: str, work: Any) -> None:
    problem = ""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever a round raises was not survived
        problem = f"{type(error).__name__}: {error}"
    scene.result.judge(what, problem)


async def _all(seconds: float, seed: int, result: Result, folder: Path) -> None:
    rng = random.Random(seed)
    # Each has its turn, however short the time.
    victims = [victim for _ in range(ROUNDS // 3) for victim in rng.sample((SERVER, VENUE, ENGINE), 3)]
    async with market(folder) as venue:
        server = ServerProcess(folder / "data", arguments=("--config", folder / "ess.toml"))
        scene = Scene(server, venue, rng, result)
        try:
            await server.start()
            await server.reset()
            await _watched(scene, victims, Deadline(seconds))
            await _judged(scene, "the end: a stop with FLATTEN", scene.ending())
        finally:
            await server.kill()
    seen = scene.history
    flattens = sum(1 for scope, _ in seen.acknowledged if scope == f"account/{MAIN}")
    asked_for = f"{len(seen.acknowledged)} durable triggers ({flattens} with FLATTEN), {len(seen.resets)} resets"
    result.notes.append(f"{asked_for}, {len(seen.seen_by_gate)} stops seen by a gate")
    killed = Counter(victims[: result.tried - 1])
    result.notes.append("killed: " + ", ".join(f"{victim} {killed[victim]}" for victim in (SERVER, VENUE, ENGINE)))


def run(seconds: float, seed: int) -> Result:
    """Kill at random moments, drawn by ``seed``, until time or the rounds of the full form are over."""
    result = Result()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_all(seconds, seed, result, Path(name)))
    return result
