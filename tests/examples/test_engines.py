"""The examples that speak to a server: each runs as users run it, and does what it says."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.process import ROOT, ServerProcess, environment, eventually

EXAMPLES = ROOT / "examples"
APP = Path("fastapi_app.py")
RUN_WITHIN = 30.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server process that allows trading."""
    one = ServerProcess(tmp_path / "data")
    await one.start()
    await one.reset()
    yield one
    await one.kill()


async def run(name: str, server: ServerProcess) -> str:
    """Run an example to its end and return what it printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", EXAMPLES / name],
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN,
        env=environment({"ESS_TARGET": server.target}),
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def started(log: Path, *command: str | Path, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program that goes on until it is ended, with its output in ``log``."""
    with log.open("ab") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=environment(variables), cwd=ROOT)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


async def test_the_manual_workflow_stops_and_resumes_one_account(server: ServerProcess) -> None:
    """It stops, is told that nothing but a reset is needed, resets by the revision it saw, and trading is allowed."""
    told = await run("manual_workflow.py", server)
    story = ["before: Trading is allowed", "stopped: TRADING STOPPED", "on disk: True", "after: "]
    found = [told.index(step) for step in story]
    assert found == sorted(found), told
    assert "account/main BLOCK" in told
    state = await server.state()
    assert state.state.status == pb.STOP_STATUS_INACTIVE


async def test_the_orchestrator_waits_out_a_stop(server: ServerProcess, tmp_path: Path) -> None:
    """It trades, stands still while its account is stopped, and goes on by itself after the reset."""
    log = tmp_path / "orchestrator.log"
    with started(log, sys.executable, EXAMPLES / "orchestrator.py", ESS_TARGET=server.target, CYCLES="1000"):
        await eventually(lambda: "order sent" in log.read_text())
        await server.trigger("account/main", reason="quotes look wrong")
        await eventually(lambda: "waiting, STOPPED" in log.read_text())
        assert "quotes look wrong" in log.read_text()
        sent = log.read_text().count("order sent")
        await server.reset("account/main")
        await eventually(lambda: log.read_text().count("order sent") > sent)


async def test_the_risk_guard_lets_through_what_may_be_sent_and_reports(server: ServerProcess) -> None:
    """Its own limit, the venue and the gate each keep an order back; an exit passes while all is stopped."""
    told = await run("risk_guard.py", server)
    assert told.splitlines()[1].startswith("refused: 1 x 60000")
    assert "refused: this symbol is not traded here" in told
    assert told.count("sent ") == 2
    # The server has no such account, and says so instead of counting the reports.
    assert told.endswith("reported: 0 accepted, 3 rejected\n")

    await server.trigger()
    told = await run("risk_guard.py", server)
    assert told.count("denied: STOPPED") == 2
    assert "sent sell" in told
    assert "sent buy" not in told


async def test_the_event_handler_handles_each_event_once(server: ServerProcess, tmp_path: Path) -> None:
    """A stop pages somebody once, although handler and server are killed and started again."""
    log, place = tmp_path / "handler.log", tmp_path / "handled"
    command = (sys.executable, EXAMPLES / "event_handler.py", place)
    with started(log, *command, ESS_TARGET=server.target) as child:
        await server.trigger("venue/okx", reason="first")
        await eventually(lambda: "PAGE: venue/okx" in log.read_text())
        await eventually(lambda: place.exists() and int(place.read_text()) > 0)
        child.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(child.wait, 10) == 130
    with started(log, *command, ESS_TARGET=server.target):
        await server.kill()
        await eventually(lambda: "waiting for" in log.read_text())
        await server.start()
        await server.trigger("venue/kraken", reason="second")
        await eventually(lambda: "PAGE: venue/kraken" in log.read_text())
    pages = [line for line in log.read_text().splitlines() if line.startswith("PAGE")]
    assert ["first" in page or "okx" in page for page in pages].count(True) == 1
    assert len(pages) == 2


@asynccontextmanager
async def web_app(server: ServerProcess, log: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the web application as its docstring says, and wait until its gate is open."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (sys.executable, "-m", "uvicorn", "--app-dir", EXAMPLES, f"{APP.stem}:app", "--port", str(port))
    with started(log, *command, ESS_TARGET=server.target):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            async def is_open() -> bool:
                try:
                    return (await client.get("/status")).json()["gate"] == "OPEN"
                except httpx.TransportError:
                    return False

            await eventually(is_open, RUN_WITHIN)
            yield client


async def test_the_web_application_closes_its_order_routes(server: ServerProcess, tmp_path: Path) -> None:
    """Orders pass until a stop, exits always; a stale reset is a conflict in the server's words, a right one opens."""
    order = {"symbol": "BTC/USDT:USDT", "side": "buy", "quantity": 1}
    async with web_app(server, tmp_path / "web.log") as web:
        assert (await web.post("/orders", json=order)).status_code == 200
        seen = (await web.get("/status")).json()["revision"]

        stopped = (await web.post("/trigger", json={"reason": "fat finger", "by": "ann"})).json()
        assert stopped["durable"] is True
        await eventually(lambda: _is_denied(web, order))
        denied = (await web.post("/orders", json=order)).json()["detail"]
        assert denied["reason"] == "STOPPED"
        assert "fat finger" in denied["detail"]
        assert (await web.post("/orders", json=order | {"reduce_only": True})).status_code == 200

        stale = await web.post("/reset", json={"revision": seen, "reason": "mended", "by": "ann"})
        assert stale.status_code == 409
        assert "REVISION_MISMATCH" in stale.text or "revision" in stale.text
        status = (await web.get("/status")).json()
        assert status["stopped"] is True
        looked_at = {"revision": status["revision"], "reason": "mended", "by": "ann"}
        await eventually(lambda: _is_reset(web, looked_at))
        await eventually(lambda: _passes(web, order))


async def _is_denied(web: httpx.AsyncClient, order: dict[str, object]) -> bool:
    return (await web.post("/orders", json=order)).status_code == 503


async def _passes(web: httpx.AsyncClient, order: dict[str, object]) -> bool:
    return (await web.post("/orders", json=order)).status_code == 200


async def _is_reset(web: httpx.AsyncClient, looked_at: dict[str, object]) -> bool:
    # Refused until every gate has confirmed the stop, which takes a moment.
    return (await web.post("/reset", json=looked_at)).status_code == 200
