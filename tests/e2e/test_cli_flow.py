"""The README's first stop, typed as it stands there, on a terminal, against a real server; and a log tampered with."""

import asyncio
import json
import os
import pty
import select
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.process import ROOT, Ended, ServerProcess, clock, environment, ess, eventually

ENDS_WITHIN = 20.0
STOPPED, REFUSED = 3, 1
QUESTION, ANSWER = b"[y/N]", b"y\n"

FLOW = [
    (".venv/bin/ess status", STOPPED, ["TRADING STOPPED (ESS ACTIVE)", "this store was never commissioned"]),
    ('.venv/bin/ess reset --reason "first start" --by "$USER"', 0, ["Trading is allowed"]),
    (".venv/bin/python examples/gate.py", 0, ["order allowed"]),
    ('.venv/bin/ess trigger --reason "fat finger"', 0, ["TRADING STOPPED (ESS ACTIVE)", "fat finger"]),
    (".venv/bin/python examples/gate.py", 0, ["order denied: STOPPED", "fat finger"]),
    (".venv/bin/ess status", STOPPED, ["TRADING STOPPED (ESS ACTIVE)", "fat finger", "gates"]),
    ('.venv/bin/ess reset --reason "it was a drill" --by "$USER"', 0, ["Trading is allowed"]),
    (".venv/bin/ess events verify", 0, ["intact: ", "head "]),
]


def first_stop() -> list[str]:
    """Return the commands under that heading of the README, without the one that runs until it is ended."""
    section = (ROOT / "README.md").read_text().partition("## First stop in a minute")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    lines = [line.partition("  #")[0].strip() for line in block.splitlines()]
    assert lines[0] == "make run"
    return lines[1:]


def typed(line: str, env: dict[str, str], cwd: Path) -> Ended:
    """Run a line in a shell on a terminal, as a person does, and agree to what is asked."""
    person, terminal = pty.openpty()
    child = subprocess.Popen(
        ["/bin/sh", "-c", line], stdin=terminal, stdout=terminal, stderr=terminal, env=env, cwd=cwd, process_group=0
    )
    os.close(terminal)
    seen, answered, end = b"", False, clock() + ENDS_WITHIN
    try:
        while clock() < end:
            if select.select([person], [], [], 0.5)[0]:
                try:
                    seen += os.read(person, 4096)
                except OSError:  # what a terminal says when the last process on it has ended
                    break
            if not answered and QUESTION in seen:
                answered = os.write(person, ANSWER) > 0
        return Ended(child.wait(5), seen.decode(), "")
    finally:
        os.close(person)
        child.kill()
        child.wait()


async def test_the_first_stop_in_a_minute_goes_as_the_readme_says(servers: Servers, tmp_path: Path) -> None:
    """Every command of that section, in its order, has the exit code and says the words that a reader waits for."""
    assert first_stop() == [line for line, _, _ in FLOW]
    server = servers()
    await server.start()
    # The clone of somebody who has run `make run`, but for the port, which may be taken here.
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").mkdir()
    gate = (ROOT / "examples" / "gate.py").read_text()
    assert "127.0.0.1:50051" in gate
    (tmp_path / "examples" / "gate.py").write_text(gate.replace("127.0.0.1:50051", server.target))
    env = environment({"ESS_TARGET": server.target, "USER": "ann", "COLUMNS": "200", "PYTHONPATH": str(ROOT)})

    for line, code, words in FLOW:
        # Nobody types so fast that a gate which ended a moment ago might still allow.
        await eventually(lambda: no_gate_pending(server))
        done = await asyncio.to_thread(typed, line, env, tmp_path)
        assert (done.code, [w for w in words if w not in done.out]) == (code, []), f"{line}\n{done.out}"

    released = json.loads((await server.ess("events", "--kind", "stop.released", "--json")).out)
    assert [event["actor"]["requested_by"] for event in released["events"]] == ["ann", "ann"]


async def no_gate_pending(server: ServerProcess) -> bool:
    """Whether every gate is known to deny what was stopped last."""
    return (await server.state()).enforcement.pending == 0


def change_an_event(log: sqlite3.Connection) -> None:
    """Somebody else has asked for it."""
    log.execute("UPDATE events SET record = replace(record, 'fat finger', 'fit finger') WHERE kind = 'stop.activated'")


def remove_an_event(log: sqlite3.Connection) -> None:
    """It never happened."""
    log.execute("DELETE FROM events WHERE kind = 'stop.activated'")


def cut_the_tail(log: sqlite3.Connection) -> None:
    """Nothing happened after it, and the record says so too."""
    log.execute("DELETE FROM events WHERE sequence > (SELECT max(sequence) - 2 FROM events)")
    log.execute("UPDATE latch SET (log_sequence, log_hash) = (SELECT sequence, hash FROM events ORDER BY 1 DESC)")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data directory of a server that was commissioned, stopped, reset and ended."""
    server = ServerProcess(tmp_path_factory.mktemp("ended") / "data")

    async def live() -> None:
        try:
            await server.start()
            await server.reset()
            await server.trigger(reason="fat finger")
            await server.reset()
            assert await server.end() == 0
        finally:
            await server.kill()

    asyncio.run(live())
    return server.data_dir


async def test_a_log_that_was_left_alone_is_intact_without_a_server(ended: Path) -> None:
    """The files of a server that has ended verify offline."""
    done = await ess("events", "verify", "--data-dir", ended)

    assert (done.code, done.out.startswith("intact: ")) == (0, True)


@pytest.mark.parametrize("tamper", [change_an_event, remove_an_event, cut_the_tail])
async def test_a_log_that_was_tampered_with_is_found_out(
    ended: Path, servers: Servers, tamper: Callable[[sqlite3.Connection], None]
) -> None:
    """Offline it is not intact, exit code 1; and no server believes the latch that lies beside it."""
    server = servers()
    shutil.copytree(ended, server.data_dir)
    with closing(sqlite3.connect(server.data_dir / "state.db", isolation_level=None)) as log:
        tamper(log)

    done = await ess("events", "verify", "--data-dir", server.data_dir)
    state = (await server.start()).state

    assert (done.code, "NOT INTACT" in done.out) == (REFUSED, True)
    assert [(s.scope, s.action) for s in state.stops] == [("global", pb.STOP_ACTION_BLOCK)]
    assert "event" in state.stops[0].cause.reason
