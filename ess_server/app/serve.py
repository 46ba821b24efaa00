"""Runs a server until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable

from ess_server.app.compose import running
from ess_server.app.preflight import check_server
from ess_server.config.settings import Settings

_log = logging.getLogger("ess.app")


async def serve(settings: Settings, *, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is called with the port once everything answers.

    Raises an EssError with one sentence if it cannot serve.
    """
    check_server(settings.server)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running(settings) as server:
        ready(server.port)
        await _until_stopped(stopping, server.vital)


async def _until_stopped(stopping: asyncio.Event, vital: "tuple[asyncio.Task[None], ...]") -> None:
    """Wait for a signal. A vital task that ends takes the server down: better dead and restarted than half alive."""
    waiting = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([waiting, *vital], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        _log.critical("%s ended", task.get_name())
        await task
