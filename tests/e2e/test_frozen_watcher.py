"""A server that stood still, and then goes on, takes nobody for silent whom it did not hear."""

import asyncio
import signal
import time
from pathlib import Path

from ess_client import Reporter
from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.process import ServerProcess, eventually

CONFIG = """
[[evaluators]]
kind = "data_feed"
feed = "quotes"
max_feed_silence_seconds = 3

[[evaluators]]
kind = "system_health"
components = ["router"]
max_silence_seconds = 3
"""
FROZEN = 3.3
"""Seconds; more than is allowed."""


async def reporting(reporter: Reporter) -> None:
    """Report a feed and a component, again and again."""
    while True:
        reporter.feed("quotes", "BTC", last=time.monotonic_ns())
        reporter.health("router", "healthy")
        await asyncio.sleep(0.1)


async def is_stopped(server: ServerProcess) -> bool:
    """What the server says."""
    return (await server.state()).state.status != pb.STOP_STATUS_INACTIVE


async def test_nobody_is_silent_while_the_server_is_frozen_and_somebody_is_afterwards(tmp_path: Path) -> None:
    """After SIGCONT nothing is stopped; when the engine then really falls silent, it is."""
    config = tmp_path / "ess.toml"
    config.write_text(CONFIG, encoding="utf-8")
    server = ServerProcess(tmp_path / "data", arguments=("--config", config))
    try:
        await server.start()
        with Reporter(server.target) as reporter:
            engine = asyncio.create_task(reporting(reporter))
            await asyncio.sleep(0.5)
            await server.reset()
            await server.freeze()
            await asyncio.sleep(FROZEN)
            server.signal(signal.SIGCONT)
            await asyncio.sleep(0.5)
            assert not await is_stopped(server)

            engine.cancel()
            await eventually(lambda: is_stopped(server), 6)
    finally:
        await server.kill()
