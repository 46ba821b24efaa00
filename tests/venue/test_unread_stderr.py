"""The venue process with a stderr that nobody reads."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from ess_server.core.venue_link import KeySource, VenueAccount, VenueSettings, settings_message
from ess_server.core.venue_wire import encode

ALIVE, HEARD_WITHIN, MOST_LINES = 6, 10.0, 500


def full_pipe() -> tuple[int, int]:
    """Return a pipe in which no byte finds room, its reader first."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for length in (4096, 1):
        with suppress(BlockingIOError):
            for _ in range(1 << 20):
                os.write(writer, b"x" * length)
    os.set_blocking(writer, True)
    return reader, writer


async def test_it_speaks_and_ends_though_nobody_reads_its_log(tmp_path: Path) -> None:
    """It keeps saying that it is alive after faults that it logs, and ends with its server within a second."""
    account = VenueAccount(
        id="main", venue="v", exchange="binanceusdm", key=KeySource(env="NO_KEY"), secret=KeySource(env="NO_SECRET")
    )
    reader, writer = full_pipe()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ess_server.venue",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=writer,
    )  # fmt: skip
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(encode(settings_message(VenueSettings(accounts=(account,), lock_file=str(tmp_path / "l")))))
        types: list[str] = []
        for _ in range(MOST_LINES):
            if "fault" in types and types[types.index("fault") :].count("alive") >= ALIVE:
                break
            line = await asyncio.wait_for(child.stdout.readline(), HEARD_WITHIN)
            types.append(json.loads(line)["type"])
        child.stdin.close()
        assert await asyncio.wait_for(child.wait(), 1) == 0
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        os.close(writer)
        os.close(reader)
