"""grpcurl and grpc_health_probe with nothing but reflection: read, trigger, watch, reset, probe."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import ServerProcess

TOOLS = Path(__file__).parents[2] / "build" / "bin"
SERVICE = "ess.v1.EmergencyStopService"


async def run(tool: str, *arguments: str) -> tuple[int, str, str]:
    """Run a tool to its end, at most 20 s."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(str(TOOLS / tool), *arguments, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(child.communicate(), 20)
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A new, not yet commissioned server process."""
    one = ServerProcess(tmp_path / "data")
    await one.start()
    yield one
    await one.kill()


async def call(server: ServerProcess, method: str, request: str = "{}", *options: str) -> dict[str, Any]:
    """Call a method by grpcurl and read its answer."""
    code, out, err = await run("grpcurl", "-plaintext", *options, "-d", request, server.target, f"{SERVICE}/{method}")
    assert code == 0, err
    return json.loads(out)


async def test_grpcurl_reads_resets_triggers_and_resets(server: ServerProcess) -> None:
    """The README's grpcurl commands work as they stand there, and `{}` is a complete trigger."""
    code, out, _ = await run("grpcurl", "-plaintext", server.target, "list")
    assert code == 0
    assert SERVICE in out.split()

    state = (await call(server, "GetState"))["state"]
    assert state["status"] == "STOP_STATUS_ACTIVE"
    reset = json.dumps({"revision": state["revision"], "reason": "first start", "requested_by": "ann"})
    assert (await call(server, "Reset", reset))["outcome"] == "RESET_OUTCOME_RELEASED"

    stop = (await call(server, "Trigger", '{"reason":"fat finger"}'))["stop"]
    assert (stop["durable"], stop["cause"]["reason"]) == (True, "fat finger")
    assert (await call(server, "Trigger"))["stop"]["cause_count"] == 2


async def test_grpcurl_shows_why_a_reset_is_refused(server: ServerProcess) -> None:
    """The status message alone says what is the matter and what to type next."""
    stop = (await call(server, "Trigger", "{}"))["stop"]
    reset = json.dumps({"revision": int(stop["revision"]) - 1, "reason": "x", "requested_by": "ann"})
    code, _, err = await run("grpcurl", "-plaintext", "-d", reset, server.target, f"{SERVICE}/Reset")

    assert code != 0
    assert "Aborted" in err
    assert "ess status" in err


async def test_grpcurl_watches(server: ServerProcess) -> None:
    """The stream shows full state and heartbeats to a client that knows nothing of gates."""
    arguments = ("-plaintext", "-max-time", "1", "-d", '{"subscriber_id":"me"}', server.target)
    _, out, err = await run("grpcurl", *arguments, f"{SERVICE}/WatchState")

    assert out.count('"server_instance_id"') >= 2
    assert "DeadlineExceeded" in err


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_probe_serves_and_fails_once_the_server_is_gone(server: ServerProcess, service: str) -> None:
    """A stopped installation is healthy; a dead server is not."""
    arguments = (f"-addr={server.target}", f"-service={service}", "-connect-timeout=2s")
    code, _, err = await run("grpc-health-probe", *arguments)
    assert code == 0, err

    await server.kill()
    code, _, _ = await run("grpc-health-probe", *arguments)
    assert code != 0
