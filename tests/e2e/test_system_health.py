"""Health, from a real component and the real host to a real gate that denies."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import pytest

from ess_client import DenyReason, aio
from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, clock, eventually, python

ANYTHING = "account/a"
ALLOWED_SILENCE = 1.0
COMPONENT = """
[[components]]
name = "oms"
address = "127.0.0.1:{port}"
interval_ms = 100
timeout_ms = 100
max_silence_seconds = {silence}
[[evaluators]]
kind = "system_health"
action = "block"
"""
FULL = """
[[evaluators]]
kind = "system_health"
others = false
action = "block"
mode = "{mode}"
max_disk_percent = 0.000001
max_memory_percent = 100
max_load_per_core = 1000
"""


@dataclass
class Component:
    """The component's process."""

    process: "subprocess.Popen[bytes]"
    port: int


@pytest.fixture
def component() -> Iterator[Component]:
    """A component that serves."""
    process = python("tests.e2e.health_component")
    assert process.stdout is not None
    yield Component(process, int(process.stdout.readline()))
    process.kill()
    process.communicate()


@asynccontextmanager
async def engine(server: ServerProcess) -> AsyncIterator[aio.OrderGate]:
    """A gate, once it allows."""
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await eventually(lambda: gate.check(ANYTHING))
        yield gate


def configured(servers: Servers, path: Path, text: str) -> ServerProcess:
    """A server with this configuration."""
    path.write_text(text)
    return servers(arguments=("--config", path))


async def judged(server: ServerProcess, status: int) -> pb.EvaluatorState:
    """Wait until the only evaluator says this, and return what people see of it."""

    async def look() -> pb.EvaluatorState | None:
        (evaluator,) = (await server.state()).evaluators
        return evaluator if evaluator.status == status else None

    found = await eventually(look)
    assert found is not None
    return found


async def released(server: ServerProcess) -> bool:
    """Reset without passing over the condition; False if it still stands."""
    async with server.stub() as stub:
        request = pb.ResetRequest(
            revision=(await server.state()).state.revision,
            reason="mended",
            requested_by="test",
            overrides=["UNCONFIRMED_GATES"],
        )
        try:
            await stub.Reset(request, timeout=5)
        except grpc.aio.AioRpcError as refused:
            if "CONDITION_TRUE" not in (refused.details() or ""):
                raise
            return False
        return True


async def denied(gate: aio.OrderGate) -> None:
    """Wait until the gate denies because of a stop."""
    await eventually(lambda: gate.check(ANYTHING).reason == DenyReason.STOPPED)


async def test_component_that_is_not_serving_or_killed_denies_at_a_real_gate(
    servers: Servers, tmp_path: Path, component: Component
) -> None:
    """NOT_SERVING denies at once, a kill after the silence that it was allowed, each with the component's name."""
    text = COMPONENT.format(port=component.port, silence=ALLOWED_SILENCE)
    server = configured(servers, tmp_path / "ess.toml", text)
    await server.start()
    await server.reset()
    async with engine(server) as gate:
        component.process.send_signal(signal.SIGUSR1)
        await denied(gate)
        (critical,) = (await server.state()).state.stops
        component.process.send_signal(signal.SIGUSR2)
        await eventually(lambda: released(server))
        await eventually(lambda: gate.check(ANYTHING))
        component.process.kill()
        killed = clock()
        await denied(gate)
        took = clock() - killed
        (silent,) = (await server.state()).state.stops

    assert critical.cause.reason == (
        f"system_health: component oms is CRITICAL (127.0.0.1:{component.port} says NOT_SERVING)"
    )
    assert "component oms has not answered (127.0.0.1:" in silent.cause.reason
    assert silent.cause.reason.endswith("which reached the limit of 1 s")
    assert (critical.cause.source, silent.cause.source) == (pb.CAUSE_SOURCE_EVALUATOR, pb.CAUSE_SOURCE_EVALUATOR)
    assert ALLOWED_SILENCE - 0.3 < took < ALLOWED_SILENCE + 2


async def test_disk_past_its_limit_denies_when_live_and_is_only_told_in_shadow(
    servers: Servers, tmp_path: Path
) -> None:
    """The real disk is past a tiny limit: in shadow the log says what would have been done, live a gate denies."""
    path = tmp_path / "ess.toml"
    server = configured(servers, path, FULL.format(mode="shadow"))
    await server.start()
    await server.reset()
    async with engine(server) as gate:
        shadow = await judged(server, pb.EVALUATOR_STATUS_TRIP)
        assert gate.check(ANYTHING)
        told = await server.ess("events", "list", "--json")
        await server.end()
        path.write_text(FULL.format(mode="live"))
        await server.start()
        await denied(gate)
        (stop,) = (await server.state()).state.stops

    assert f"the disk of {server.data_dir} is " in shadow.detail
    assert "evaluator.would_trip" in told.out
    assert (stop.cause.evaluator, stop.action) == ("system_health", pb.STOP_ACTION_BLOCK)
    assert f"the disk of {server.data_dir} is " in stop.cause.reason
    assert stop.cause.reason.endswith("which reached the limit of 0.000001 %")
