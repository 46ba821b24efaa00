"""SIGHUP: a real process takes on what is edited into its file, all of it or nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import telemetry_pb2 as tel
from ess_client.pb import telemetry_pb2_grpc as telemetry_rpc
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually

ERRORS = """
[[accounts]]
id = "main"
venue = "paper"
exchange = "binanceusdm"
api_key_env = "ESS_TEST_KEY"
secret_env = "ESS_TEST_SECRET"
paper = { address = "127.0.0.1:9", ca_file = "none.pem" }

[[evaluators]]
kind = "execution_errors"
name = "errors"
account = "main"
max_failed_orders = 10
mode = "live"

[[evaluators]]
kind = "data_feed"
name = "quotes"
feed = "quotes"
mode = "shadow"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file with a live limit of ten failed orders, and one evaluator in shadow mode."""
    path = tmp_path / "ess.toml"
    path.write_text(ERRORS)
    return path


@pytest.fixture
async def server(servers: Servers, config: Path) -> AsyncIterator[ServerProcess]:
    """A server with that file, which allows trading."""
    one = servers(arguments=("--config", config))
    await one.start()
    await one.reset()
    return one


def edit(config: Path, *changes: tuple[str, str]) -> None:
    """Change the file from what it was first, as an editor does: by a new one in its place."""
    text = ERRORS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (config.parent / "new.toml").write_text(text)
    (config.parent / "new.toml").rename(config)


async def fail_orders(server: ServerProcess, *numbers: int) -> None:
    """Report that orders with these numbers were rejected."""
    execution = tel.EXECUTION_TYPE_REJECTED
    orders = [
        tel.Observation(
            observation_id=f"x{n}",
            execution=tel.Execution(
                account="main", symbol="BTC", client_order_id=f"c{n}", quantity="1", execution_type=execution
            ),
        )
        for n in numbers
    ]
    async with grpc.aio.insecure_channel(server.target) as channel:
        stub = telemetry_rpc.TelemetryServiceStub(channel)
        assert (await stub.Report(tel.ReportRequest(observations=orders), timeout=5)).accepted == len(orders)


async def reload(server: ServerProcess) -> pb.Event:
    """Ask for a reload, and return the event that says what became of it."""
    before = await config_events(server)
    server.signal(signal.SIGHUP)

    async def told() -> pb.Event | None:
        now = await config_events(server)
        return now[0] if len(now) > len(before) else None

    event = await eventually(told)
    assert event is not None
    return event


async def config_events(server: ServerProcess) -> list[pb.Event]:
    """Return what is logged of the configuration, newest first."""
    async with server.stub() as stub:
        answer = await stub.ListEvents(pb.ListEventsRequest(kind="config."), timeout=5)
    return list(answer.events)


async def test_a_tightened_limit_trips_and_the_rest_goes_on(server: ServerProcess, config: Path) -> None:
    """Five failures were allowed by ten; with a limit of five they are a stop, without another order and a restart.

    The event names old and new; a stop that stands, of another scope, stays through it.
    """
    await fail_orders(server, *range(5))
    standing = await server.trigger("strategy/other")
    edit(
        config,
        ("max_failed_orders = 10", "max_failed_orders = 5\naction = 'block'"),
        ('feed = "quotes"', "feed = 'prices'"),
    )
    event = await reload(server)

    async def tripped() -> list[pb.Stop]:
        return [s for s in (await server.state()).state.stops if s.scope == "account/main"]

    (stop,) = await eventually(tripped)
    assert event.kind == "config.reloaded"
    assert event.summary.split("; ") == [
        'errors: action "flatten" -> "block"',
        "errors: max_failed_orders 10 -> 5",
        'quotes: feed "quotes" -> "prices"',
    ]
    assert (stop.cause.evaluator, stop.action) == ("errors", pb.STOP_ACTION_BLOCK)
    assert "5 orders rejected or failed within 60 s reached the limit of 5" in stop.cause.reason
    assert standing.stop_id in {s.stop_id for s in (await server.state()).state.stops}


WEAKER = {
    "removed": (
        ('[[evaluators]]\nkind = "execution_errors"\nname = "errors"\naccount = "main"\nmax_failed_orders = 10\n', ""),
        ('mode = "live"', ""),
    ),
    "shadow": (('mode = "live"', 'mode = "shadow"'),),
    "limit taken away": (("max_failed_orders = 10", "max_stop_losses = 5"),),
    "listen": (("[[accounts]]", "[server]\nlisten = '127.0.0.1:1'\n[[accounts]]"),),
    "mistakes": (("max_failed_orders = 10", "max_failed_orders = 0\nmax_failed = 3"),),
    "no TOML": (("max_failed_orders = 10", "max_failed_orders ="),),
}
SAID = {
    "removed": ["evaluators: live evaluator errors is missing, and a reload removes none"],
    "shadow": ["15: evaluators.mode: a reload puts no shadow mode on the live evaluator"],
    "limit taken away": ["evaluators.max_failed_orders: a reload takes no limit away from the live evaluator"],
    "listen": ["server.listen: restart to change [server] listen"],
    "mistakes": ["14: evaluators.max_failed_orders: 0 is not 1 to 1000", "15: evaluators.max_failed: unknown key"],
    "no TOML": ["14: is not TOML"],
}


async def test_what_weakens_or_is_wrong_changes_nothing_and_says_so(server: ServerProcess, config: Path) -> None:
    """The old rules stay, with every mistake in the log, and the status says that they are older than the file.

    A good file afterwards is taken, and the status says no more of it.
    """
    for name, changes in WEAKER.items():
        edit(config, *changes)
        event = await reload(server)

        assert event.kind == "config.rejected", name
        assert all(said in event.summary for said in SAID[name]), event.summary
        state = await server.state()
        assert "the rules in force are older than their file, which was rejected at" in state.summary
        assert [e.name for e in state.evaluators] == ["errors", "quotes"]
    status = await server.ess("status")
    assert "older than their file" in status.out

    edit(config)
    assert (await reload(server)).summary == "nothing has changed"
    assert "older" not in (await server.state()).summary
    await fail_orders(server, *range(10))
    await eventually(lambda: _active(server))


async def test_asking_while_the_server_starts_ends_nothing(servers: Servers, config: Path) -> None:
    """From the first moment that the process runs code of ours, a SIGHUP waits and is not deadly."""
    server = servers(arguments=("--config", config))
    starting = asyncio.create_task(server.start())
    await eventually(lambda: server.child is not None and _blocks_hangup(server.process.pid))
    for _ in range(200):
        server.signal(signal.SIGHUP)
        if starting.done():
            break
        await asyncio.sleep(0.02)

    assert (await starting).state.store_id
    await eventually(lambda: _reloaded(server))
    assert await server.end() == 0


async def test_without_a_file_it_does_nothing(servers: Servers) -> None:
    """A terminal that goes away takes no server with it."""
    server = servers()
    await server.start()
    server.signal(signal.SIGHUP)

    assert (await server.state()).state.store_id
    assert not server.has_ended()


async def _active(server: ServerProcess) -> bool:
    return (await server.state()).state.status == pb.STOP_STATUS_ACTIVE


async def _reloaded(server: ServerProcess) -> bool:
    return [e.kind for e in await config_events(server)][:1] == ["config.reloaded"]


def _blocks_hangup(pid: int) -> bool:
    blocked = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigBlk"))
    return bool(int(blocked.split()[1], 16) & 1 << (signal.SIGHUP - 1))
