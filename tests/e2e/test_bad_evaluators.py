"""Evaluators that raise, hang or overrun, in a real server: each is named, and the others go on as if alone."""

import asyncio
import json
import signal
from pathlib import Path

import grpc.aio
import pytest

from ess_client import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import telemetry_pb2 as tel
from ess_client.pb import telemetry_pb2_grpc as telemetry_rpc
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, clock, eventually

CODE = """
import threading, time
from ess_server.core.evaluators import EvaluatorSettings

class Bad:
    Settings = EvaluatorSettings

    def __init__(self, settings):
        self.name = settings.name

class Hangs(Bad):
    def evaluate(self, readings, now):
        threading.Event().wait()

class Overruns(Bad):
    def evaluate(self, readings, now):
        time.sleep(0.3)

class Raises(Bad):
    def evaluate(self, readings, now):
        raise KeyError("no such account")

class Babbles(Bad):
    def evaluate(self, readings, now):
        return "fine"
"""
BAD = {
    "Hangs": "hung for 2.",
    "Overruns": "unknown for ",
    "Raises": "raised KeyError",
    "Babbles": "its verdict cannot be used: ",
}
ACCOUNT = """
[[accounts]]
id = "main"
venue = "paper"
exchange = "binanceusdm"
api_key_env = "ESS_TEST_KEY"
secret_env = "ESS_TEST_SECRET"
paper = { address = "127.0.0.1:9", ca_file = "none.pem" }

[[evaluators]]
kind = "execution_errors"
account = "main"
max_failed_orders = 3
"""


def configuration(directory: Path) -> Path:
    """Write a module of bad evaluators, each with a strategy of its own to stop, before a good one of an account."""
    (directory / "bad_evaluators.py").write_text(CODE)
    table = '[[evaluators]]\nkind = "bad_evaluators:{0}"\nname = "{0}"\nscope = "strategy/{0}"\n'
    path = directory / "ess.toml"
    bad = "".join(map(table.format, BAD))
    path.write_text(
        'python_path = ["."]\n'
        + ACCOUNT
        + bad.replace('name = "Overruns"', 'name = "Overruns"\nunknown_after_seconds = 1')
    )
    return path


@pytest.fixture
async def server(servers: Servers, tmp_path: Path) -> ServerProcess:
    """A server with all of them."""
    one = servers(arguments=("--config", configuration(tmp_path)))
    await one.start()
    await one.reset("global")
    return one


async def stops(server: ServerProcess, count: int) -> dict[str, pb.Stop]:
    """Return what stands, by scope, once it is so many."""

    async def look() -> dict[str, pb.Stop]:
        found = {s.scope: s for s in (await server.state()).state.stops}
        return found if len(found) >= count else {}

    return await eventually(look)


async def test_bad_evaluators_are_named_and_the_others_go_on(server: ServerProcess) -> None:
    """Each blocks its own scope and says why; a breach of the good one, and a signal, still stop at once."""
    standing = await stops(server, len(BAD))
    for name, words in BAD.items():
        stop = standing[f"strategy/{name}"]
        assert (stop.action, stop.cause.source) == (pb.STOP_ACTION_BLOCK, pb.CAUSE_SOURCE_EVALUATOR_FAULT)
        assert stop.cause.evaluator == name
        assert stop.cause.reason.startswith(f"{name}: {words}")

    document = json.loads((await server.ess("status", "--json")).out)
    shown = {e["name"]: e for e in document["evaluators"]}
    for name in BAD:
        assert shown[name]["status"] == "EVALUATOR_STATUS_UNKNOWN"
        assert shown[name]["last_error"]
        assert shown[name]["last_error_time"]
    assert shown["execution_errors/main"]["status"] == "EVALUATOR_STATUS_CLEAR"
    assert "last_error_time" not in shown["execution_errors/main"]

    with OrderGate(server.target) as gate:
        order = ("account/main", "venue/paper", "symbol/X", "strategy/good")
        assert await asyncio.to_thread(gate.wait_ready, 10)
        await eventually(lambda: gate.check(*order))
        until = clock() + 1.5
        while clock() < until:
            assert gate.check(*order), "the bad ones have cost a lease"
            await asyncio.sleep(0.01)
        await fail_orders(server, 3)
        await eventually(lambda: not gate.check(*order), within=2)
    assert (await stops(server, 5))["account/main"].cause.evaluator == "execution_errors/main"

    server.signal(signal.SIGUSR1)
    began = clock()
    assert (await stops(server, 6))["global"].cause.reason.startswith("SIGUSR1 from ")
    assert clock() - began < 1


async def fail_orders(server: ServerProcess, count: int) -> None:
    """Report rejected orders."""
    orders = [
        tel.Observation(
            observation_id=f"x{n}",
            execution=tel.Execution(
                account="main", symbol="X", client_order_id=f"o{n}", execution_type=tel.EXECUTION_TYPE_REJECTED
            ),
        )
        for n in range(count)
    ]
    async with grpc.aio.insecure_channel(server.target) as channel:
        stub = telemetry_rpc.TelemetryServiceStub(channel)
        await stub.Report(tel.ReportRequest(observations=orders), timeout=5)
