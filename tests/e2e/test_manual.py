"""A person stops: four ways, from the input to a real gate that denies, and never refused for what else goes on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import grpc.aio
import pytest

from ess_client import DenyReason, OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.hanging_disk import WRITE
from tests.e2e.process import HANGING_DISK, OVERRIDES, ServerProcess, eventually

ORDER = ("account/main", "symbol/X")
REASON = "fat finger on desk 4"
CONFIG = f"""
[[evaluators]]
kind = "manual"
reason = "{REASON}"
"""
HELD_BACK = 1 << (signal.SIGUSR1 - 1)

Way = Callable[[ServerProcess], Awaitable[None]]


async def by_rpc(server: ServerProcess) -> None:
    """As a program does."""
    await server.trigger(reason=REASON, action=pb.STOP_ACTION_FLATTEN)


async def by_command(server: ServerProcess) -> None:
    """As a person does."""
    assert (await server.ess("trigger", "--reason", REASON)).code == 0


async def by_tripwire(server: ServerProcess) -> None:
    """As a person does whom the server does not answer."""
    (server.data_dir / "tripwire").write_text(REASON)


async def by_signal(server: ServerProcess) -> None:
    """As a person does who has a shell, and nothing else."""
    server.signal(signal.SIGUSR1)


async def stopped_by_hand(server: ServerProcess, causes: int = 1) -> pb.Stop:
    """Return the global stop once it stands with so many causes."""

    async def look() -> pb.Stop | None:
        stops = (await server.state()).state.stops
        return next((s for s in stops if s.scope == "global" and s.cause_count == causes), None)

    return await eventually(look)


@pytest.fixture
async def server(servers: Servers, tmp_path: Path) -> ServerProcess:
    """A server that allows trading, with a manual evaluator that has words of its own."""
    (tmp_path / "ess.toml").write_text(CONFIG)
    one = servers(arguments=("--config", tmp_path / "ess.toml"))
    await one.start()
    await one.reset()
    return one


async def reset(server: ServerProcess, revision: int) -> None:
    """Ask for a reset of everything, by somebody who has looked at ``revision``; it may be refused."""
    request = pb.ResetRequest(revision=revision, reason="test", requested_by="test", overrides=OVERRIDES)
    async with server.stub() as stub:
        with suppress(grpc.aio.AioRpcError):
            await stub.Reset(request, timeout=5)


@pytest.mark.parametrize("way", [by_rpc, by_command, by_tripwire, by_signal])
async def test_person_denies_a_real_gate_and_says_why(server: ServerProcess, way: Way) -> None:
    """The gate allowed, then denies; people see the reason, who asked, and the configured action."""
    with OrderGate(server.target) as gate:
        assert await asyncio.to_thread(gate.wait_ready, 10)
        assert gate.check(*ORDER)
        await way(server)
        await eventually(lambda: not gate.check(*ORDER), within=3)
        verdict = gate.check(*ORDER)
        assert verdict.reason is DenyReason.STOPPED

    shown = await server.ess("status", "--json")
    (stop,) = json.loads(shown.out)["state"]["stops"]
    assert (stop["scope"], stop["action"]) == ("global", "STOP_ACTION_FLATTEN")
    assert stop["cause"]["source"] == f"CAUSE_SOURCE_{'TRIPWIRE' if way is by_tripwire else 'MANUAL'}"
    assert REASON in stop["cause"]["reason"]
    if way is by_signal:
        assert stop["cause"]["evaluator"] == "manual"
        assert f"SIGUSR1 from process {os.getpid()} of user {os.getuid()}" in stop["cause"]["reason"]


async def test_stop_is_taken_while_stopped_and_while_held(server: ServerProcess) -> None:
    """It joins, with a revision of its own, so that no reset covers it unseen; and it raises what was held."""
    for way in (by_signal, by_rpc):
        await way(server)
        first = await stopped_by_hand(server)
        await way(server)
        second = await stopped_by_hand(server, causes=2)
        assert (second.stop_id, second.revision > first.revision) == (first.stop_id, True)
        async with server.stub() as stub:
            request = pb.HoldFlattenRequest(revision=second.revision, reason="false trip", requested_by="test")
            assert (await stub.HoldFlatten(request, timeout=5)).state.stops[0].held
        await way(server)
        third = await stopped_by_hand(server, causes=3)
        assert (third.action, third.held) == (pb.STOP_ACTION_FLATTEN, False)
        await server.reset()


async def test_signals_and_resets_at_once_end_stopped(server: ServerProcess) -> None:
    """Whatever a reset was doing when the signal came, the signal's stop stands after both."""
    for round_number in range(6):
        revision = (await server.trigger(scope="account/main")).revision
        resetting = asyncio.create_task(reset(server, revision))
        await asyncio.sleep(0.004 * round_number)
        server.signal(signal.SIGUSR1)
        await resetting
        stop = await stopped_by_hand(server)
        assert REASON in stop.cause.reason
        await server.reset()


async def test_signal_is_latched_while_a_reset_waits_for_its_disk(servers: Servers) -> None:
    """Without any configuration: the configured action at once, and the reset that hangs changes nothing of it."""
    server = servers(program=HANGING_DISK)
    await server.start()
    await server.reset()
    await server.trigger(scope="account/main")
    hung = server.data_dir.parent / WRITE
    hung.touch()
    resetting = asyncio.create_task(server.reset("account/main"))
    await asyncio.sleep(0.2)
    server.signal(signal.SIGUSR1)
    stop = await stopped_by_hand(server)
    assert (stop.action, stop.durable) == (pb.STOP_ACTION_FLATTEN, False)
    assert stop.cause.reason == f"SIGUSR1 from process {os.getpid()} of user {os.getuid()}"
    hung.unlink()
    await asyncio.gather(resetting, return_exceptions=True)
    assert (await stopped_by_hand(server)).stop_id == stop.stop_id


async def test_signal_during_the_start_is_a_stop_before_the_port_answers(server: ServerProcess) -> None:
    """From the first moment at which the program runs: the very first answer is ACTIVE."""
    await server.end()
    starting = asyncio.create_task(server.start())
    await asyncio.sleep(0)
    await eventually(lambda: holds_back(server.process.pid))
    server.signal(signal.SIGUSR1)
    (stop,) = (await starting).state.stops
    assert REASON in stop.cause.reason


def test_signal_while_the_program_is_still_being_loaded_waits() -> None:
    """It comes before anything but the entry point was imported, and does not kill the process."""
    code = """
import os, signal, sys
from ess_server.cli import main
assert "click" not in sys.modules and "grpc" not in sys.modules

class Impatient:
    def find_spec(self, name, path, target=None):
        os.kill(os.getpid(), signal.SIGUSR1)

sys.meta_path.insert(0, Impatient())
sys.argv = ["ess", "serve", "--help"]
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=False)
    assert (done.returncode, b"SIGUSR1 stops trading" in done.stdout) == (0, True)


async def test_signal_during_the_end_is_on_disk_before_the_process_is_gone(servers: Servers) -> None:
    """It neither kills the process nor is forgotten, however long the disk takes."""
    server = servers(program=HANGING_DISK)
    await server.start()
    await server.reset()
    hung = server.data_dir.parent / WRITE
    hung.touch()
    await server.trigger(scope="account/main")
    server.signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    for _ in range(3):
        server.signal(signal.SIGUSR1)
        await asyncio.sleep(0.1)
        assert not server.has_ended()
    hung.unlink()
    assert await server.ended() == 0
    stops = (await server.start()).state.stops
    assert [s.cause.reason.split(" from ")[0] for s in stops if s.scope == "global"] == ["SIGUSR1"]
    assert [s.cause_count for s in stops if s.scope == "global"] == [3]


async def test_shadow_manual_evaluator_only_records_a_signal(servers: Servers, tmp_path: Path) -> None:
    """What is configured to do nothing does nothing, and says what it would have done."""
    (tmp_path / "ess.toml").write_text(CONFIG + 'mode = "shadow"\n')
    server = servers(arguments=("--config", tmp_path / "ess.toml"))
    await server.start()
    await server.reset()
    server.signal(signal.SIGUSR1)

    async def recorded() -> list[pb.Event]:
        async with server.stub() as stub:
            return list((await stub.ListEvents(pb.ListEventsRequest(kind="evaluator.would_trip"))).events)

    (event,) = await eventually(recorded)
    assert event.summary.startswith(f"would have stopped global (FLATTEN): {REASON} (SIGUSR1 from process ")
    assert not (await server.state()).state.stops


def holds_back(pid: int) -> bool:
    """Whether the process blocks SIGUSR1 by now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(blocked, 16) & HELD_BACK)
