"""``ess flatten --direct`` in real processes: on a venue of its own, beside, after and without a server."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.cli.exits import Exit
from ess_server.venue.paper import Fault, FaultKind, Operation, PaperConfig, PaperVenue, grew_or_flipped
from tests.cli.running import ess_on_terminal
from tests.e2e.conftest import Servers
from tests.e2e.process import END_WITHIN, PROGRAM, ROOT, START_WITHIN, environment, eventually
from tests.venue.floor import KEY, SECRET, Floor

CONFIG = """
[server]
quiet_window_ms = 300

[[accounts]]
id = "main"
venue = "paper"
exchange = "binanceusdm"
api_key_file = "key"
secret_file = "secret"
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca}" }}
"""
ENDS_WITHIN = 40.0


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    """A paper venue, and ``ess.toml`` that leads to it."""
    venue = PaperVenue(PaperConfig(tick=None))
    venue.add_account("main", key=KEY, secret=SECRET, balances={"USDT": Decimal(10**9)})
    await venue.start(cert_dir=tmp_path / "tls")
    for name, content in (("key", KEY), ("secret", SECRET)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "ess.toml").write_text(CONFIG.format(port=venue.port, ca=venue.ca_file))
    (tmp_path / "data").mkdir(mode=0o700)
    yield Floor(venue)
    await venue.stop()


class Direct:
    """One run of the command on ``tmp_path``, without a terminal."""

    def __init__(self, place: Path, child: "subprocess.Popen[str]") -> None:
        self.place = place
        self.child = child
        self.out = self.err = ""

    async def ends(self) -> int:
        """Wait for its end; the exit code."""
        self.out, self.err = await asyncio.to_thread(self.child.communicate, timeout=ENDS_WITHIN)
        return self.child.returncode

    @property
    def evidence(self) -> list[dict[str, Any]]:
        """The lines of the evidence file, as far as they are written."""
        files = list((self.place / "data" / "evidence").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def told(self, kind: str) -> bool:
        """Whether the evidence holds this event."""
        return any(line.get("event") == kind for line in self.evidence)

    async def tells(self, kind: str) -> None:
        """Wait until the evidence holds this event."""
        await eventually(lambda: self.told(kind) or self.child.poll() is not None, within=START_WITHIN)
        assert self.told(kind), f"it ended with {self.child.returncode}"

    async def venue_process(self) -> int:
        """Return the number of the process that works on the venue."""
        return int(await eventually((self.place / "data" / "venue.lock").read_text))


@asynccontextmanager
async def direct(place: Path, *arguments: str, shell: str = "") -> AsyncIterator[Direct]:
    """Run the command; what is left of it is killed. ``shell`` is said before it begins."""
    command = [*PROGRAM, "flatten", "--direct", "--config", str(place / "ess.toml"), "--data-dir", str(place / "data")]
    command += ["--yes-accounts", "main", *arguments]
    child = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
        ["/bin/sh", "-c", f'{shell} exec "$@"', "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    try:
        yield Direct(place, child)
    finally:
        child.kill()
        await asyncio.to_thread(child.communicate, timeout=END_WITHIN)


async def test_flat_though_its_session_ends_and_its_venue_process_is_killed(floor: Floor, tmp_path: Path) -> None:
    """Flat by the venue's books, nothing doubled or flipped; the evidence is complete and holds no key; no latch."""
    floor.trade_everywhere(10)
    before = floor.venue.journal.last_seq
    floor.venue.faults.add(
        Fault(kind=FaultKind.DELAY, path="/fapi/v1/order", delay=timedelta(milliseconds=200), times=None)
    )
    async with direct(tmp_path, "--json") as run:
        await run.tells("flatten.first_close")
        run.child.send_signal(signal.SIGHUP)
        os.kill(await run.venue_process(), signal.SIGHUP)
        os.kill(await run.venue_process(), signal.SIGKILL)
        code = await run.ends()

    assert code == Exit.OK, run.err
    assert floor.flat
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []
    said = json.loads(run.out)
    assert (said["flat"], said["quiet"], said["engines_stopped"]) == (True, True, False)
    assert said["accounts"][0]["shown"]["positions"] == []
    lines = run.evidence
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    kinds = [line["kind"] for line in lines]
    assert (kinds[0], kinds[-2:]) == ("begun", ["final", "ended"])
    assert run.told("venue.down")
    assert run.told("flatten.flat")
    assert any(line["kind"] == "progress" and line["status"] == "UNKNOWN" for line in lines)
    kept = "".join(file.read_text() for file in (tmp_path / "data" / "evidence").iterdir())
    assert "secret-of" not in kept
    assert "key-of" not in kept
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["evidence", "venue.lock"]
    assert "ENGINES MAY STILL TRADE" in run.err


async def test_refused_beside_a_server_and_at_work_once_that_was_killed(
    floor: Floor, servers: Servers, tmp_path: Path
) -> None:
    """Nothing is sent while a server's venue process works; after a SIGKILL it is, on a disk that is full as well."""
    server = servers(arguments=("--config", tmp_path / "ess.toml"))
    await server.start()
    floor.trade_everywhere(2)
    before = floor.venue.journal.last_seq
    await eventually(lambda: (tmp_path / "data" / "venue.lock").exists() and _written(tmp_path))
    async with direct(tmp_path) as refused:
        code = await refused.ends()
    assert code == Exit.REFUSED
    assert f"the venue process of {server.process.pid} (ess serve)" in refused.err
    assert "next: ess trigger --action flatten" in refused.err
    assert floor.venue.journal.last_seq == before
    assert refused.evidence == []

    latch = (tmp_path / "data" / "latch").read_bytes()
    await server.kill()
    async with direct(tmp_path, shell="ulimit -f 0;") as run:
        code = await run.ends()
    assert code == Exit.OK, run.err
    assert floor.flat
    assert "the evidence cannot be written" in run.err
    spilled = [json.loads(line) for line in run.err.splitlines() if line.startswith("{")]
    assert [line["kind"] for line in spilled if line["kind"] != "log"][-1] == "ended"
    assert [line["number"] for line in spilled] == list(range(1, len(spilled) + 1))
    assert "it stands above, on stderr" in run.out
    assert (tmp_path / "data" / "latch").read_bytes() == latch


async def test_interrupted_it_waits_and_says_what_is_open(floor: Floor, tmp_path: Path) -> None:
    """It never gives up by itself; after Ctrl-C nothing more is sent, and what is open stands at the end by name."""
    floor.hold("BTCUSDT", "1")
    floor.hold("ETHUSDT", "1")
    floor.rest("BTCUSDT", "1")
    floor.rest("ETHUSDT", "1")
    refusal = Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=-1001, message="no", times=None)
    floor.venue.faults.add(refusal)
    async with direct(tmp_path, "--symbol", "BTC/USDT:USDT") as run:
        await run.tells("flatten.incomplete")
        run.child.send_signal(signal.SIGINT)
        code = await run.ends()
    after = floor.venue.journal.last_seq
    await asyncio.sleep(0.3)

    assert code == Exit.INTERRUPTED
    assert "interrupted: waiting until nothing that was sent can act" in run.err
    assert "1 orders, 2 positions" in run.out
    assert "  long 1.000 BTC/USDT:USDT" in run.out
    assert [o.symbol for o in floor.account.open_orders.values()] == ["ETHUSDT"]
    assert floor.venue.journal.last_seq == after
    assert run.evidence[-1] | {"flat": False, "quiet": True} == run.evidence[-1]


async def test_on_a_terminal_the_names_are_typed(floor: Floor, tmp_path: Path) -> None:
    """A person types the names; progress is shown in place, and what was left open by CANCEL is not called flat."""
    floor.hold("BTCUSDT", "1")
    floor.rest("BTCUSDT", "1")
    done = await asyncio.to_thread(
        ess_on_terminal,
        *("flatten", "--direct", "--config", str(tmp_path / "ess.toml"), "--data-dir", str(tmp_path / "data")),
        *("--action", "cancel"),
        answers={"accounts: ": "main"},
        env={"TERM": "xterm"},
    )

    assert done.code == Exit.OK, done.out
    assert "main: CANCELLED; 0 orders, 1 positions" in done.out
    assert "\x1b[" in done.out
    assert list(floor.positions) == ["BTCUSDT BOTH"]
    assert not floor.account.open_orders


def _written(place: Path) -> bool:
    return bool((place / "data" / "venue.lock").read_text().strip())
