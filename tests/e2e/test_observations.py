"""Pushed observations of every kind stop a real server, and a real gate denies what they concern and nothing else."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from ess_client import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_client.pb import telemetry_pb2 as tel
from ess_client.pb import telemetry_pb2_grpc as telemetry_rpc
from tests.e2e.process import ServerProcess

SERVER = """
[server]
lease_ms = 600
heartbeat_ms = 100
tick_ms = 100
after_stop_grace_ms = 2600

[[accounts]]
id = "main"
venue = "paper"
exchange = "binanceusdm"
api_key_env = "ESS_TEST_KEY"
secret_env = "ESS_TEST_SECRET"
equity_poll_ms = 3600000
paper = { address = "127.0.0.1:9", ca_file = "/nonexistent/ca.pem" }
"""
EXECUTIONS = {
    "refused": "max_failed_orders = 3",
    "share": "max_failed_percent = 50\nmin_orders = 4",
    "stopped-out": "max_stop_losses = 2",
    "runaway": "max_repeated_orders = 5",
    "slipped": "max_slippage_percent = 3",
}
FEEDS = {
    "stale": "max_feed_silence_seconds = 0.3\nunknown_after_seconds = 3600",
    "corrupt": "unknown_after_seconds = 3600\nmax_feed_silence_seconds = 3600\nmax_symbol_silence_seconds = 3600",
}
WITHIN = 3.0


def config() -> str:
    """One evaluator for each kind of breach, each with a strategy of its own as its scope."""
    tables = [SERVER]
    for name, limits in EXECUTIONS.items():
        account = f'account = "main"\n{limits}'
        tables.append(f'[[evaluators]]\nkind = "execution_errors"\nname = "{name}"\n{account}\n{block(name)}')
    for name, limits in FEEDS.items():
        tables.append(f'[[evaluators]]\nkind = "data_feed"\nname = "{name}"\nfeed = "{name}"\n{limits}\n{block(name)}')
    tables.append(f'[[evaluators]]\nkind = "system_health"\nunknown_after_seconds = 3600\n{block("critical")}')
    tables.append(
        '[[evaluators]]\nkind = "execution_errors"\nname = "after"\naccount = "main"\nmax_orders_after_stop = 2\n'
    )
    return "\n".join(tables)


def block(strategy: str) -> str:
    """Keys that block one strategy."""
    return f'scope = "strategy/{strategy}"\naction = "block"\n'


class Installation:
    """A server process, a gate and stubs."""

    def __init__(self, server: ServerProcess, gate: OrderGate, channel: grpc.Channel) -> None:
        self.server = server
        self.gate = gate
        self.stops = rpc.EmergencyStopServiceStub(channel)
        self.telemetry = telemetry_rpc.TelemetryServiceStub(channel)
        self.pushed = 0

    def push(self, *observations: tel.Observation) -> None:
        """Report in one call, every observation with an id of its own; all of them count."""
        for observation in observations:
            self.pushed += 1
            observation.observation_id = f"o{self.pushed}"
        answer = self.telemetry.Report(tel.ReportRequest(observations=observations), timeout=5)
        assert not answer.rejections

    def stop_of(self, scope: str) -> pb.Stop | None:
        """The stop of a scope, None while there is none."""
        state = self.stops.GetState(pb.GetStateRequest(), timeout=5).state
        return next((stop for stop in state.stops if stop.scope == scope), None)


def until(look: Callable[[], object], what: str) -> None:
    """Return once ``look`` finds something, at most after 3 s."""
    end = time.monotonic() + WITHIN
    while not look():
        assert time.monotonic() < end, f"{what} within {WITHIN:g} s"
        time.sleep(0.005)  # polling, bounded


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One server for all: each breach has a scope of its own."""
    folder = tmp_path_factory.mktemp("observations")
    path: Path = folder / "ess.toml"
    path.write_text(config())
    server = ServerProcess(folder / "data", arguments=("--config", path))
    try:
        asyncio.run(server.start())
        asyncio.run(server.reset())
        with OrderGate(server.target) as gate, grpc.insecure_channel(server.target) as channel:
            assert gate.wait_ready(10)
            yield Installation(server, gate, channel)
    finally:
        asyncio.run(server.kill())


def execution(kind: int, **changes: object) -> tel.Observation:
    """An execution report."""
    report = tel.Execution(account="main", symbol="BTC/USDT:USDT", execution_type=kind, side=tel.SIDE_BUY)
    for name, value in changes.items():
        setattr(report, name, value)
    return tel.Observation(execution=report)


def orders(kind: int, count: int, **changes: object) -> list[tel.Observation]:
    """That many orders, each of another quantity unless one is given."""
    return [execution(kind, **{"quantity": str(n + 1), **changes}) for n in range(count)]


def quote(feed: str, **changes: object) -> tel.Observation:
    """An update of a feed."""
    update = tel.Feed(feed=feed, symbol="BTC", bid="99", ask="101")
    for name, value in changes.items():
        setattr(update, name, value)
    return tel.Observation(feed=update)


def health(status: int) -> tel.Observation:
    """A word on a component."""
    return tel.Observation(health=tel.Health(component="router", status=status))


NEW, TRADE = tel.EXECUTION_TYPE_NEW, tel.EXECUTION_TYPE_TRADE
FILL = {"price": "104", "expected_price": "100"}


@pytest.mark.parametrize(
    ("name", "observations"),
    [
        ("slipped", [execution(TRADE, client_order_id="s", **FILL)]),
        ("stopped-out", orders(TRADE, 2, stop_loss=True)),
        ("refused", orders(tel.EXECUTION_TYPE_REJECTED, 3)),
        ("share", orders(tel.EXECUTION_TYPE_FAILED, 3)),
        ("runaway", orders(NEW, 5, quantity="7")),
        ("stale", [quote("stale")]),
        ("corrupt", [quote("corrupt"), quote("corrupt", bid="102"), quote("corrupt", last="100")]),
        ("critical", [health(tel.HEALTH_STATUS_CRITICAL), health(tel.HEALTH_STATUS_HEALTHY)]),
    ],
)
def test_breach_that_is_pushed_closes_the_gate(
    installation: Installation, name: str, observations: list[tel.Observation]
) -> None:
    """What it concerns is denied, also where good news came in the same report; everything else goes on."""
    scope = f"strategy/{name}"
    assert installation.gate.check(scope) or name == "share", "the one before it counts for the share as well"
    installation.push(*observations)
    until(lambda: not installation.gate.check(scope), f"{scope} was not denied")
    stop = installation.stop_of(scope)

    assert stop is not None
    assert (stop.action, stop.cause.source) == (pb.STOP_ACTION_BLOCK, pb.CAUSE_SOURCE_EVALUATOR)
    assert installation.gate.check("strategy/other")


def test_order_after_the_stop_is_told_and_raises_a_stop_that_only_blocks(installation: Installation) -> None:
    """Trading past a BLOCK is an event at once, and with the second order the account is flattened."""
    asyncio.run(installation.server.trigger("account/main", pb.STOP_ACTION_BLOCK))

    def is_told() -> bool:
        installation.push(execution(NEW, client_order_id="rogue"))
        listed = installation.stops.ListEvents(pb.ListEventsRequest(kind="execution.after_stop"), timeout=5)
        return any("rogue" in event.summary for event in listed.events)

    until(is_told, "no order was late")
    before = installation.stop_of("account/main")
    assert before is not None
    assert before.action == pb.STOP_ACTION_BLOCK
    installation.push(execution(NEW, client_order_id="another"))

    def is_raised() -> bool:
        stop = installation.stop_of("account/main")
        return stop is not None and stop.action == pb.STOP_ACTION_FLATTEN

    until(is_raised, "the stop was not raised")
