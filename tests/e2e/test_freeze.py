"""Frozen servers, frozen gates: no check that begins later than one lease is answered allow, by a clock of its own."""

import asyncio
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.judging import NEVER
from tests.e2e.process import ServerProcess, clock, eventually, freeze, python

LEASE = 1.0
EACH = 2
"""Gates in each process."""
HEARTBEATS = 0.6
"""Seconds in which two or three of them pile up in front of a gate that does not read."""


@dataclass
class Gates:
    """Gates of one process, and every run of equal verdicts that they reported."""

    child: "subprocess.Popen[bytes]"
    count: int
    runs: dict[tuple[int, float], tuple[str, float]] = field(default_factory=dict)
    """Verdict and begin of the last check, by gate and begin of the first check."""
    latest: dict[int, str] = field(default_factory=dict)

    def read(self) -> None:
        """Take in what the process prints, until it ends."""
        assert self.child.stdout
        for line in self.child.stdout:
            if not line.endswith(b"\n"):
                break  # cut off when it was killed
            number, verdict, first, last = line.split()
            self.runs[int(number), float(first)] = (verdict.decode(), float(last))
            self.latest[int(number)] = verdict.decode()

    def all_say(self, *verdicts: str) -> bool:
        """Whether every gate says one of these at present, and none has ever said what no gate may."""
        never = [(verdict, times) for times, (verdict, _) in list(self.runs.items()) if verdict in NEVER]
        assert not never, f"gate and time: {never}"
        return len(self.latest) == self.count and set(self.latest.values()) <= set(verdicts)

    @property
    def last_allowed(self) -> float:
        """When the last check began that was answered allow."""
        return max(last for verdict, last in list(self.runs.values()) if verdict == "ALLOW")

    async def freeze(self) -> float:
        """SIGSTOP; return the time at which it stands still."""
        return await freeze(self.child)

    def thaw(self) -> float:
        """SIGCONT; return a time at which it still stood still."""
        now = clock()
        self.child.send_signal(signal.SIGCONT)
        return now


@contextmanager
def asked(face: str, server: ServerProcess) -> Iterator[Gates]:
    """Let gates be asked in a process of their own."""
    gates = Gates(python("tests.e2e.judging", face, server.target, str(EACH)), EACH)
    reader = threading.Thread(target=gates.read)
    reader.start()
    try:
        yield gates
    finally:
        gates.child.kill()
        gates.child.wait()
        reader.join()
        assert gates.child.stdout
        gates.child.stdout.close()


@dataclass(frozen=True)
class Scene:
    """A server and gates of either face, each kind in a process of its own."""

    server: ServerProcess
    gates: list[Gates]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start them once: every test leaves them able to go on."""
    server = ServerProcess(tmp_path_factory.mktemp("freeze") / "data")
    try:
        asyncio.run(server.start())
        with asked("threads", server) as threads, asked("aio", server) as aio:
            yield Scene(server, [threads, aio])
    finally:
        asyncio.run(server.kill())


@pytest.fixture
async def scene(started: Scene) -> Scene:
    """Return them while all gates allow, whatever a test that failed has left."""
    await back(started.server)
    for each in started.gates:
        each.thaw()
    if (await started.server.state()).state.stops:
        await started.server.reset()
    await all_say(started.gates, "ALLOW")
    return started


async def all_say(gates: list[Gates], *verdicts: str, within: float = 5.0) -> None:
    """Wait until every gate says one of these."""
    await eventually(lambda: all(each.all_say(*verdicts) for each in gates), within)


async def frozen(server: ServerProcess) -> float:
    """Freeze the server; return when."""
    return await server.freeze()


async def killed(server: ServerProcess) -> float:
    """Kill the server; return when."""
    await server.kill()
    return clock()


async def back(server: ServerProcess) -> None:
    """Undo either."""
    if server.process.poll() is None:
        server.signal(signal.SIGCONT)
    else:
        await server.start()


Lose = Callable[[ServerProcess], Awaitable[float]]


@pytest.mark.parametrize("lose", [frozen, killed])
async def test_a_server_that_stands_still_shuts_every_gate_within_one_lease(scene: Scene, lose: Lose) -> None:
    """No check that begins later than one lease after the server froze or died is allowed; the gates heal themselves.

    Healing needs nobody, because nothing was stopped: the server goes on or restarts INACTIVE.
    """
    server, gates = scene.server, scene.gates
    lost = await lose(server)
    await all_say(gates, "LEASE_EXPIRED")
    late = [each.last_allowed - lost for each in gates]
    await back(server)
    await all_say(gates, "ALLOW")

    assert max(late) <= LEASE
    assert min(late) > 0, "the gates were shut before the server was lost, so that nothing was shown"
    assert (await server.state()).state.status == pb.STOP_STATUS_INACTIVE


async def test_a_stop_that_comes_while_gates_are_frozen_is_seen_before_anything_is_allowed(scene: Scene) -> None:
    """A gate that wakes up after its lease meets heartbeats that say INACTIVE first; they are too old to open it."""
    server, gates = scene.server, scene.gates
    for each in gates:
        await each.freeze()
    await asyncio.sleep(HEARTBEATS)
    await server.trigger("account/a")
    await asyncio.sleep(LEASE)
    thawed = [each.thaw() for each in gates]
    await all_say(gates, "STOPPED")

    assert [each.last_allowed < at for each, at in zip(gates, thawed, strict=True)] == [True, True]


async def test_a_gate_that_wakes_up_early_learns_of_the_stop_within_the_lease(scene: Scene) -> None:
    """A gate that was frozen for less than its lease may go on, but not past one lease after the stop."""
    server, gates = scene.server, scene.gates
    for each in gates:
        await each.freeze()
    await server.trigger("account/a")
    stopped = clock()
    await asyncio.sleep(LEASE / 4)
    for each in gates:
        each.thaw()
    await all_say(gates, "STOPPED")

    assert max(each.last_allowed for each in gates) <= stopped + LEASE


@pytest.mark.parametrize("lose", [frozen, killed])
async def test_heartbeats_that_waited_in_a_buffer_open_nothing(scene: Scene, lose: Lose) -> None:
    """While gates are frozen the server is lost: what it had sent before proves nothing when they wake up."""
    server, gates = scene.server, scene.gates
    for each in gates:
        await each.freeze()
    await asyncio.sleep(HEARTBEATS)
    lost = await lose(server)
    await asyncio.sleep(max(0.0, lost + LEASE - clock()))
    thawed = [each.thaw() for each in gates]
    await all_say(gates, "LEASE_EXPIRED")
    await asyncio.sleep(LEASE / 2)
    assert [each.last_allowed < at for each, at in zip(gates, thawed, strict=True)] == [True, True]

    await back(server)
    await all_say(gates, "ALLOW")
