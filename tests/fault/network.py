"""Frozen servers and engines, silent, slow and half open connections, and heartbeats that waited on the way.

Gates of both faces are asked without pause in processes of their own, behind a proxy. Whatever is lost: no check that
begins later than one lease afterwards is allowed, by a clock that no gate reads; and after a stop that was made
meanwhile nothing is allowed any more, however the line comes back. At every single check, no gate allows one that began
after its own deadline, and no deadline lies more than one lease after the server's last proof (``judging.NEVER``).
"""

import asyncio
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.process import ServerProcess, clock, eventually
from tests.e2e.test_freeze import LEASE, Gates, all_say, asked
from tests.fault.proxy import Proxy, proxied
from tests.fault.result import Deadline, Result

ROUNDS = 1000
HEALED_WITHIN = 30.0
SLOW = 0.6
"""Seconds on the way, each way, of a line that is slow but still carries a lease."""
SILENT_FOR = 1.6


@dataclass
class Scene:
    """A server, a proxy before it, and gates behind that."""

    server: ServerProcess
    proxy: Proxy
    gates: list[Gates]
    rng: random.Random
    latest: float = -LEASE
    """Seconds from a loss to the last check that was allowed, of all rounds."""

    async def begin(self) -> None:
        """Bring everything back, and wait until every gate allows."""
        self.proxy.delay = 0.0
        self.proxy.resume()
        self.server.signal(signal.SIGCONT)
        for each in self.gates:
            each.thaw()
        if (await self.server.state()).state.stops:
            await self.server.reset()
        await all_say(self.gates, "ALLOW", within=HEALED_WITHIN)

    def allowed_until(self) -> float:
        """Return when the last check began that was allowed."""
        return max(each.last_allowed for each in self.gates)

    async def expired(self, lost: float, what: str) -> None:
        """Every gate denies by itself, and no check later than one lease after ``lost`` was allowed."""
        await all_say(self.gates, "LEASE_EXPIRED", within=10.0)
        self.in_time(lost, what)

    def in_time(self, lost: float, what: str) -> None:
        """No check later than one lease after ``lost`` was allowed."""
        late = self.allowed_until() - lost
        self.latest = max(self.latest, late)
        assert late <= LEASE, f"{what}: a check {late:.3f} s later was allowed"

    async def stopped(self, since: float) -> None:
        """Every gate knows of the stop, and has allowed nothing since the line came back."""
        await all_say(self.gates, "STOPPED", within=HEALED_WITHIN)
        late = self.allowed_until() - since
        assert late <= 0, f"a check {late:.3f} s after the line came back was allowed, and a stop stands"

    async def freeze_gates(self) -> None:
        """Let every engine stand still."""
        for each in self.gates:
            await each.freeze()

    def thaw_gates(self) -> float:
        """Let them go on; return a time at which they still stood still."""
        return min(each.thaw() for each in self.gates)


async def frozen_server(scene: Scene) -> None:
    """The server stands still; its connections stay open."""
    await scene.expired(await scene.server.freeze(), "the server stood still")


async def slow_line(scene: Scene) -> None:
    """Every message takes its time; then the server stands still, with heartbeats under way."""
    scene.proxy.delay = SLOW
    await asyncio.sleep(scene.rng.uniform(2, 3))
    # Gates that gave up in between have to be open for this to show anything.
    await all_say(scene.gates, "ALLOW", within=HEALED_WITHIN)
    await scene.expired(await scene.server.freeze(), "the server stood still behind a slow line")


async def silent_line(scene: Scene) -> None:
    """The line carries nothing; a stop is made; then all that waited arrives at once."""
    lost = scene.proxy.silence()
    await scene.server.trigger()
    await scene.expired(lost, "the line was silent")
    await asyncio.sleep(max(0.0, lost + SILENT_FOR - clock()))
    await scene.stopped(scene.proxy.resume())


async def silent_line_without_stop(scene: Scene) -> None:
    """The line carries nothing for more than a lease, and heals by itself: gates open without anybody's help."""
    await scene.expired(scene.proxy.silence(), "the line was silent")
    scene.proxy.resume()
    await all_say(scene.gates, "ALLOW", within=HEALED_WITHIN)


async def half_open_line(scene: Scene) -> None:
    """The server's ends of all connections are gone and gates are not told; a stop is made."""
    lost = scene.proxy.half_open()
    await scene.server.trigger()
    await all_say(scene.gates, "LEASE_EXPIRED", "STOPPED", within=10.0)
    scene.in_time(lost, "the line was half open")
    await scene.stopped(scene.proxy.resume())


async def frozen_engines(scene: Scene) -> None:
    """Engines stand still for more than a lease, and a stop is made: INACTIVE heartbeats wait before it."""
    await scene.freeze_gates()
    await asyncio.sleep(scene.rng.uniform(0.3, 0.8))
    await scene.server.trigger()
    await asyncio.sleep(LEASE)
    await scene.stopped(scene.thaw_gates())


async def stale_heartbeats(scene: Scene) -> None:
    """Engines and then the server stand still: what waits in buffers proves nothing when engines go on."""
    await scene.freeze_gates()
    await asyncio.sleep(scene.rng.uniform(0.3, 0.8))
    lost = await scene.server.freeze()
    await asyncio.sleep(max(0.0, lost + LEASE - clock()))
    since = scene.thaw_gates()
    await all_say(scene.gates, "LEASE_EXPIRED", within=10.0)
    late = scene.allowed_until() - since
    assert late <= 0, f"a check {late:.3f} s after engines went on was allowed, and the server had stood still"


FAULTS: tuple[Callable[[Scene], Awaitable[None]], ...] = (
    slow_line,
    frozen_server,
    silent_line,
    frozen_engines,
    stale_heartbeats,
    silent_line_without_stop,
    half_open_line,
)


@asynccontextmanager
async def scene_of(folder: Path, rng: random.Random) -> AsyncIterator[Scene]:
    """Start everything."""
    server = ServerProcess(folder / "data")
    try:
        await server.start()
        await server.reset()
        async with proxied(server.port) as proxy:
            with ExitStack() as stack:
                behind: Any = proxy  # of a server only its address is needed
                gates = [stack.enter_context(asked(face, behind)) for face in ("threads", "aio")]
                await eventually(lambda: all(each.all_say("ALLOW") for each in gates), HEALED_WITHIN)
                yield Scene(server, proxy, gates, rng)
    finally:
        await server.kill()


async def _all(seconds: float, seed: int, result: Result, folder: Path) -> None:
    end = Deadline(seconds)
    async with scene_of(folder, random.Random(seed)) as scene:
        for number in range(ROUNDS):
            # However short the time, each of them once.
            if not end and number >= len(FAULTS):
                break
            fault = FAULTS[number % len(FAULTS)]
            problem = ""
            try:
                await scene.begin()
                await fault(scene)
            except Exception as error:  # noqa: BLE001 - whatever a round raises was not survived
                problem = f"{type(error).__name__}: {error}"
            result.judge(f"round {number}, {fault.__name__.replace('_', ' ')}", problem)
    gates = len(scene.gates) * scene.gates[0].count
    result.notes.append(f"{gates} gates of both faces, asked without pause; the last check that was allowed began")
    result.notes.append(f"{scene.latest:.2f} s after a loss; one lease is {LEASE:g} s")
    shut = "every gate was shut before anything was lost: nothing was shown"
    result.judge("the losses", "" if scene.latest > 0 else shut)


def run(seconds: float, seed: int) -> Result:
    """Lose the server, the line and the engines in turn, until time or the rounds of the full form are over."""
    result = Result()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_all(min(seconds, 600.0), seed, result, Path(name)))
    return result
