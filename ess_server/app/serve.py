"""Runs a server until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from ess_server.app.arming import Arming, EndedError
from ess_server.app.by_signal import SignalTrigger
from ess_server.app.compose import running
from ess_server.app.garbage import Garbage
from ess_server.app.preflight import check_server
from ess_server.app.reload import ConfigFile, Reloader
from ess_server.config.settings import Settings
from ess_server.core.system import EmergencyStopSystem

_log = logging.getLogger("ess.app")


async def serve(settings: Settings, *, file: ConfigFile | None = None, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is called with the port once everything answers.

    SIGHUP reads ``file`` again, and does nothing without one. SIGUSR1 stops, see ``SignalTrigger``. Raises an EssError
    with one sentence if it cannot serve.
    """
    by_signal = SignalTrigger()
    by_signal.listen()
    check_server(settings.server)
    stopping, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    # From here on it is heard; the command line held it back.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    arming = Arming(settings, stopping)
    # Told to end before it listened: that is an end like any other.
    with suppress(EndedError):
        async with running(settings, by_signal, arming.before_listening) as server, AsyncExitStack() as stack:
            if file:
                reloading = asyncio.create_task(Reloader(file, server.system).run(reload), name="reload")
                stack.callback(reloading.cancel)
            _collect(server.system, stack)
            ready(server.port)
            examining = asyncio.create_task(arming.keep_watch(server.system), name="examination")
            stack.push_async_callback(_ended, examining)
            await _until_stopped(stopping, server.vital)


def _collect(system: EmergencyStopSystem, stack: AsyncExitStack) -> None:
    """Collect garbage when nothing is at stake."""
    garbage = Garbage(system.subscribers, system.clock.uptime)
    system.controller.on_latch(garbage.latched)
    collecting = asyncio.create_task(garbage.run(), name="garbage")
    stack.callback(collecting.cancel)


async def _ended(task: "asyncio.Task[None]") -> None:
    """End a task, and what it has started."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until_stopped(stopping: asyncio.Event, vital: "tuple[asyncio.Task[None], ...]") -> None:
    """Wait for a signal. A vital task that ends takes the server down: better dead and restarted than half alive."""
    waiting = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([waiting, *vital], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        _log.critical("%s ended", task.get_name())
        await task
