"""Pushed breach to latch, on an idle server and while 1,000 observations a second come in, in turns.

A real server with all five evaluators over 50 accounts and 500 symbols. The time is from the call of ``Report`` in
this process to the activation time of the stop, by the wall clock of the machine; the load comes from a process of
its own. ``python -m tests.bench detection``; each round has 10 breaches idle and 10 under load.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_client.pb import telemetry_pb2 as tel
from ess_client.pb import telemetry_pb2_grpc as telemetry_rpc
from ess_server.config.settings import AccountSettings, PaperEndpoint, Settings
from ess_server.config.show import show
from ess_server.core.model import Action
from tests.bench.figures import Row, middle, percentile
from tests.bench.installation import ACCOUNTS, COMPONENTS, FEEDS, evaluators
from tests.e2e.process import OVERRIDES, ROOT, ServerProcess

IN_A_REPORT = 20
EVERY = 0.02
"""Seconds between two reports: 1,000 observations a second."""
BREACHES = 10
ROUNDS = 15
SHORT_ROUNDS = 3
SETTLE = 0.3
"""Seconds for which load, or quiet, lasts before the first breach is pushed into it."""
APART = 0.03
"""Seconds between two breaches, so that each finds what the load alone does."""


def settings() -> Settings:
    """Accounts on a venue that cannot be reached, and evaluators that only block."""
    paper = PaperEndpoint(host="127.0.0.1", port=9, ca_file=Path("/nonexistent/ca.pem"))
    accounts = tuple(
        AccountSettings(
            id=account,
            venue="paper",
            exchange="binanceusdm",
            api_key_env="ESS_BENCH_KEY",
            secret_env="ESS_BENCH_SECRET",
            equity_poll=timedelta(hours=1),
            paper=paper,
        )
        for account in ACCOUNTS
    )
    watching = tuple(replace(one, action=Action.BLOCK, unknown_after=timedelta(days=1)) for one in evaluators())
    return Settings(accounts=accounts, evaluators=watching)


def equity(account: str, amount: int) -> tel.Observation:
    """Equity of an account."""
    return tel.Observation(equity=tel.Equity(account=account, amount=str(amount), currency="USDT"))


def quote(dice: random.Random) -> tel.Observation:
    """A book near 100."""
    feed = dice.choice(tuple(FEEDS))
    middle = Decimal(100) + Decimal(dice.randrange(-10, 10)) / 100
    bid, ask = str(middle - Decimal("0.01")), str(middle + Decimal("0.01"))
    return tel.Observation(feed=tel.Feed(feed=feed, symbol=dice.choice(FEEDS[feed]), bid=bid, ask=ask))


def placed(dice: random.Random, ident: str) -> tel.Observation:
    """A placement, each of another quantity."""
    execution = tel.Execution(
        account=dice.choice(ACCOUNTS),
        symbol="BTC/USDT:USDT",
        execution_type=tel.EXECUTION_TYPE_NEW,
        side=tel.SIDE_BUY,
        client_order_id=ident,
        quantity=str(dice.randrange(1, 10**9)),
        price="100",
    )
    return tel.Observation(observation_id=ident, execution=execution)


def reports() -> Iterator[tel.ReportRequest]:
    """Reports of 20: 12 prices, 4 placements, 2 of equity, 2 of health."""
    dice, number = random.Random(2), 0
    while True:
        number += 1
        observations = [quote(dice) for _ in range(12)]
        observations += [placed(dice, f"{os.getpid()}-{number}-{n}") for n in range(4)]
        observations += [equity(dice.choice(ACCOUNTS), 100_000 + dice.randrange(-200, 200)) for _ in range(2)]
        for component in dice.sample(COMPONENTS, 2):
            health = tel.Health(component=component, status=tel.HEALTH_STATUS_HEALTHY)
            observations.append(tel.Observation(health=health))
        assert len(observations) == IN_A_REPORT
        yield tel.ReportRequest(observations=observations)


async def load(target: str) -> None:
    """Report, on or off as the lines on stdin say, until they end; then print observations a second while on."""
    loop, lines = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    on, made = asyncio.Event(), reports()
    sent, lasted, since = 0, 0.0, 0.0

    async def push() -> None:
        nonlocal sent
        async with grpc.aio.insecure_channel(target) as channel:
            stub, due = telemetry_rpc.TelemetryServiceStub(channel), loop.time()
            while True:
                await on.wait()
                due = max(due + EVERY, loop.time() - EVERY)
                await asyncio.sleep(max(0.0, due - loop.time()))
                sent += (await stub.Report(next(made))).accepted

    pushing = asyncio.create_task(push())
    while line := await lines.readline():
        if on.is_set():
            lasted += loop.time() - since
        (on.set if line == b"on\n" else on.clear)()
        since = loop.time()
    pushing.cancel()
    print(sent / lasted)  # noqa: T201 - read by the process that started this one


async def breach(
    stops: rpc.EmergencyStopServiceStub, reports: telemetry_rpc.TelemetryServiceStub, account: str
) -> float:
    """Push a loss of half the equity; return milliseconds to the latch."""
    sent = time.time()
    await reports.Report(tel.ReportRequest(observations=[equity(account, 50_000)]))
    for _ in range(400):
        state = (await stops.GetState(pb.GetStateRequest())).state
        for stop in state.stops:
            if stop.scope == f"account/{account}":
                return (stop.activate_time.ToNanoseconds() / 1e9 - sent) * 1000
        await asyncio.sleep(0.005)
    raise RuntimeError("the breach was not latched")


async def anew(stops: rpc.EmergencyStopServiceStub, telemetry: telemetry_rpc.TelemetryServiceStub) -> None:
    """Release everything, measured from equity as it was."""
    everybody = [equity(account, 100_000) for account in ACCOUNTS]
    await telemetry.Report(tel.ReportRequest(observations=everybody))
    await asyncio.sleep(SETTLE)
    revision = (await stops.GetState(pb.GetStateRequest())).state.revision
    request = pb.ResetRequest(
        revision=revision, reason="bench", requested_by="bench", overrides=OVERRIDES, rebaseline=True
    )
    await stops.Reset(request)
    await telemetry.Report(tel.ReportRequest(observations=everybody))
    await asyncio.sleep(SETTLE)


async def measure(rounds: int, folder: Path) -> tuple[dict[str, list[float]], float]:
    """Return milliseconds to the latch, idle and under load, and the observations a second that were the load."""
    config = folder / "ess.toml"
    config.write_text(show(settings()))
    os.environ |= {"ESS_BENCH_KEY": "none", "ESS_BENCH_SECRET": "none"}
    server = ServerProcess(folder / "data", arguments=("--config", config))
    await server.start()
    command = [sys.executable, "-m", "tests.bench.observation_to_latch", "--load", server.target]
    found: dict[str, list[float]] = {"idle": [], "loaded": []}
    pipe = asyncio.subprocess.PIPE
    loading = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert loading.stdin is not None
    async with grpc.aio.insecure_channel(server.target) as channel:
        stops, telemetry = rpc.EmergencyStopServiceStub(channel), telemetry_rpc.TelemetryServiceStub(channel)
        for _ in range(rounds + 1):
            await anew(stops, telemetry)
            for name, word, accounts in (
                ("idle", b"off\n", ACCOUNTS[:BREACHES]),
                ("loaded", b"on\n", ACCOUNTS[BREACHES : 2 * BREACHES]),
            ):
                loading.stdin.write(word)
                await asyncio.sleep(SETTLE)
                for account in accounts:
                    found[name].append(await breach(stops, telemetry, account))
                    await asyncio.sleep(APART)
            loading.stdin.write(b"off\n")
    loading.stdin.close()
    printed, _ = await loading.communicate()
    await server.kill()
    return {name: taken[BREACHES:] for name, taken in found.items()}, float(printed)


@contextmanager
def loading(target: str) -> Iterator[Callable[[str], None]]:
    """Run the load against ``target``; what is yielded takes ``on`` and ``off``."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.observation_to_latch", "--load", target],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )

    def tell(word: str) -> None:
        assert child.stdin
        child.stdin.write(word + "\n")
        child.stdin.flush()

    try:
        yield tell
    finally:
        child.communicate()


def rows(*, short: bool) -> Sequence[Row]:
    """Measure both conditions."""
    with tempfile.TemporaryDirectory() as folder:
        found, rate = asyncio.run(measure(SHORT_ROUNDS if short else ROUNDS, Path(folder)))
    idle = middle(found["idle"])
    shown = [Row("observation_load", 1, rate, "/s")]
    for name, taken in found.items():
        suffix, ratios = ("", {}) if name == "idle" else ("_loaded", {"idle": middle(taken) / idle})
        shown.append(Row(f"observation_to_latch{suffix}", len(taken), middle(taken), "ms", ratios, 3, "idle"))
        shown.append(Row(f"observation_to_latch{suffix}_p99", len(taken), percentile(taken, 99), "ms"))
    return shown


def main(arguments: list[str]) -> None:
    """Be the load that the command line names."""
    asyncio.run(load(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
