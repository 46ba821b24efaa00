"""An older copy of both records, put back under a server whose stop an engine has seen: two that agree are no doubt.

No disk can tell. The first gate that reconnects and has seen more does, and from then on a global BLOCK stands.
"""

import asyncio
import shutil
from pathlib import Path

from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.process import ServerProcess, eventually
from tests.fault.hand import both_say_inactive

SCOPE = "account/a"
FOUND_WITHIN = 20.0
DRAWS = 2
"""One start in some thousands draws the very numbers that gates have seen; twice in a row is no accident."""


async def _lived(server: ServerProcess, folder: Path) -> None:
    """Begin, allow trading, and copy both records."""
    await server.start()
    await server.reset()
    await server.kill()
    shutil.copytree(server.data_dir, folder / "older")
    await server.start()


async def _put_back(server: ServerProcess, folder: Path) -> None:
    """Let the server end, and find the older records at its next start."""
    await server.kill()
    shutil.rmtree(server.data_dir)
    shutil.copytree(folder / "older", server.data_dir)
    assert both_say_inactive(server.data_dir), "the older records do not say that nothing is stopped"
    await server.start()


async def _found(server: ServerProcess, seen: int) -> bool:
    state = (await server.state()).state
    causes = [stop.cause.source for stop in state.stops if stop.scope == "global"]
    return causes == [pb.CAUSE_SOURCE_WITNESS] and state.revision > seen


async def _told(folder: Path, *, released: bool) -> str:
    server = ServerProcess(folder / "data")
    try:
        await _lived(server, folder)
        async with OrderGate(server.target, subscriber_id="engine") as gate:
            await eventually(lambda: gate.check(SCOPE), FOUND_WITHIN)
            await server.trigger(SCOPE)
            if released:
                await server.reset()
            seen = (await server.state()).state.revision
            await eventually(lambda: gate.state.revision >= seen, FOUND_WITHIN)
            allowed = False

            async def blocked() -> bool:
                nonlocal allowed
                allowed = allowed or (not released and bool(gate.check(SCOPE)))
                return await _found(server, seen) and not gate.check(SCOPE)

            await _put_back(server, folder)
            await eventually(blocked, FOUND_WITHIN)
            return "a gate allowed what it knew as stopped" if allowed else ""
    except AssertionError as error:
        return f"a gate had seen more, and no BLOCK came of it: {error}"
    finally:
        await server.kill()


def problem_of(folder: Path, *, released: bool) -> str:
    """Put both records back to what they were before a stop, or before a stop and its release; empty if it is found."""
    problem = ""
    for draw in range(DRAWS):
        place = folder / f"older-{released}-{draw}"
        place.mkdir()
        problem = asyncio.run(_told(place, released=released))
        if not problem:
            break
    return problem
