"""A thousand subscribers that never read, floods of connections, garbage and oversized messages.

Healthy gates measure how long after a trigger they deny, in turns without and with the attack: the median at most
doubles. No trigger is refused, and each is durable.
"""

import asyncio
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio

from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.e2e.process import OVERRIDES, ServerProcess, eventually, freeze, python
from tests.fault.attackers import KINDS
from tests.fault.result import Deadline, Result

GATES = 20
DEAF, CONNECTIONS = 1000, 4
ROUNDS, FEW_ROUNDS = 11, 5
MOST_ROUNDS = 10
MOST = 2.0
"""How many times the median may be what it is without an attack."""
TRIES = 3
"""Comparisons at most until one is within the bound: the machine may do other things as well."""
QUIET = 0.1
SETTLED = 1.0
"""Seconds in which what was sent has reached those who do not read it."""
FILLING = 40
"""Stops with long reasons, so that two messages are more than a subscriber that never reads has room for."""


class StampedGate(OrderGate):
    """Stamps the wall clock in the very step from which its checks deny."""

    denied = 0.0
    _was_open = False

    def _noticed(self) -> None:
        is_open = bool(self.check())
        if self._was_open and not is_open:
            self.denied = time.time()
        self._was_open = is_open
        super()._noticed()


@dataclass
class Scene:
    """A server and healthy gates."""

    server: ServerProcess
    stub: rpc.EmergencyStopServiceStub
    gates: list[StampedGate]
    result: Result
    compared: dict[str, list["Compared"]] = field(default_factory=dict)

    async def release(self) -> None:
        """Let trading go on."""
        revision = (await self.stub.GetState(pb.GetStateRequest(), timeout=10)).state.revision
        request = pb.ResetRequest(revision=revision, reason="drill", requested_by="drill", overrides=OVERRIDES)
        await self.stub.Reset(request, timeout=10)
        await eventually(lambda: all(gate.check() for gate in self.gates), 20)
        await asyncio.sleep(QUIET)

    async def trigger(self, what: str) -> float:
        """Stop, and return the median time until gates deny, in seconds."""
        problem, received = "", 0.0
        try:
            # Over a connection of its own, as who types it has none yet.
            async with self.server.stub() as stub:
                answer = await stub.Trigger(pb.TriggerRequest(reason=what), timeout=5)
            received = answer.stop.activate_time.ToNanoseconds() / 1e9
            problem = "" if answer.stop.durable else "the trigger was not durable"
        except grpc.aio.AioRpcError as error:
            problem = f"the trigger was refused: {error.code()} {error.details()}"
        self.result.judge(f"trigger with {what}", problem)
        await eventually(lambda: not any(gate.check() for gate in self.gates), 20)
        return statistics.median(gate.denied - received for gate in self.gates)

    async def round(self, what: str) -> float:
        """Release, and measure one trigger."""
        await self.release()
        return await self.trigger(what)


@asynccontextmanager
async def scene_of(folder: Path, result: Result) -> AsyncIterator[Scene]:
    """Start server and gates."""
    server = ServerProcess(folder / "data")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.kill)
        await server.start()
        gates = [StampedGate(server.target, subscriber_id=f"gate-{number}") for number in range(GATES)]
        for gate in gates:
            gate.start()
            stack.push_async_callback(gate.close)
        for gate in gates:
            await gate.wait_ready(20)
        yield Scene(server, await stack.enter_async_context(server.stub()), gates, result)


async def begun(module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a program and wait for its first line."""
    child = python(module, *arguments)
    assert child.stdout
    async with asyncio.timeout(60):
        if not await asyncio.to_thread(child.stdout.readline):
            raise RuntimeError(f"{module} {' '.join(arguments)} ended with {child.wait()}")
    return child


def ended(children: list["subprocess.Popen[bytes]"]) -> None:
    """End programs."""
    for child in children:
        child.kill()
        child.wait()
        assert child.stdout
        child.stdout.close()


@dataclass(frozen=True, order=True)
class Compared:
    """How many times longer it took, and the medians in seconds."""

    ratio: float
    calm: float = 0.0
    attacked: float = 0.0

    def __str__(self) -> str:
        return f"median {self.attacked * 1000:.1f} ms, without {self.calm * 1000:.1f} ms: {self.ratio:.1f} times"


def ratio(calm: list[float], attacked: list[float]) -> Compared:
    """Compare two kinds of rounds."""
    without, under = statistics.median(calm), statistics.median(attacked)
    return Compared(under / without, without, under)


async def compared(scene: Scene, kind: str, children: list["subprocess.Popen[bytes]"], end: Deadline) -> Compared:
    """Measure in turns, with the attackers standing still and at work."""
    calm: list[float] = []
    attacked: list[float] = []
    for _ in range(ROUNDS if end else FEW_ROUNDS):
        for child in children:
            await freeze(child)
        calm.append(await scene.round("nobody at work"))
        for child in children:
            child.send_signal(signal.SIGCONT)
        attacked.append(await scene.round(kind))
    return ratio(calm, attacked)


async def attacked(scene: Scene, kind: str, seed: int, end: Deadline) -> None:
    """Attack in one way, and judge; noise gets three tries."""
    host, _, port = scene.server.target.partition(":")
    children = [await begun("tests.fault.attackers", kind, host, port, str(seed))]
    try:
        found = await tried(scene, kind, children, end)
    finally:
        ended(children)
    told(scene, kind, found)


async def tried(scene: Scene, kind: str, children: list["subprocess.Popen[bytes]"], end: Deadline) -> Compared:
    """Return the best of a few comparisons."""
    best = Compared(float("inf"))
    for _ in range(TRIES):
        best = min(best, await compared(scene, kind, children, end))
        if best.ratio <= MOST:
            break
    return best


def told(scene: Scene, kind: str, found: Compared) -> None:
    """Judge and keep a comparison."""
    scene.compared.setdefault(kind, []).append(found)
    scene.result.judge(f"{kind}: healthy gates", "" if found.ratio <= MOST else str(found))


async def deaf(scene: Scene) -> Compared:
    """Let a thousand subscribers connect and never read again, fill what they have room for, and compare."""
    calm = [await scene.round("nobody deaf") for _ in range(ROUNDS)]
    each = DEAF // CONNECTIONS
    children = [await begun("tests.e2e.watchers", scene.server.target, str(each)) for _ in range(CONNECTIONS)]
    try:
        # One stands still for good, which the server finds out after 15 s; the others live and do not read.
        await freeze(children[0])
        for number in range(FILLING):
            request = pb.TriggerRequest(scope=f"account/full-{number}", reason="f" * 1000)
            await scene.stub.Trigger(request, timeout=10)
        await asyncio.sleep(SETTLED)
        return ratio(calm, [await scene.round(f"{DEAF} that never read") for _ in range(ROUNDS)])
    finally:
        ended(children)


async def deafened(scene: Scene) -> None:
    """Judge that; noise gets three tries."""
    best = Compared(float("inf"))
    for _ in range(TRIES):
        best = min(best, await deaf(scene))
        if best.ratio <= MOST:
            break
        await asyncio.sleep(SETTLED)
    told(scene, f"{DEAF} that never read", best)


async def _all(seconds: float, seed: int, result: Result, folder: Path) -> None:
    end = Deadline(seconds)
    async with scene_of(folder, result) as scene:
        await scene.round("nothing yet")
        took = 0.0
        for number in range(MOST_ROUNDS):
            if number and end.left < took:
                break
            began = time.monotonic()
            for kind in KINDS:
                await attacked(scene, kind, seed + number, end)
            await deafened(scene)
            took = time.monotonic() - began
        result.notes += [f"{kind}, worst of {len(all_)}: {max(all_)}" for kind, all_ in scene.compared.items()]


def run(seconds: float, seed: int) -> Result:
    """Attack in every way, at least once."""
    result = Result()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_all(seconds, seed, result, Path(name)))
    return result
