"""Connects what looks after the health of the host and of components."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress

from ess_server.adapters.grpc_health import HealthPoller, HealthTarget, TlsFiles
from ess_server.adapters.host_psutil import HostReader
from ess_server.config.settings import ComponentSettings, Settings
from ess_server.core.host_figures import HostFigures
from ess_server.core.intake import Intake
from ess_server.core.ports import Clock

_log = logging.getLogger("ess.app")


def watch_health(settings: Settings, intake: Intake, clock: Clock, stack: AsyncExitStack) -> None:
    """Begin to read the host and to ask the components; both end with ``stack``."""
    loop = asyncio.get_running_loop()

    def report(figures: HostFigures) -> None:
        # Closed means that the server has ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(intake.host, figures)

    host, data_dir = settings.host, settings.server.data_dir
    paths = dict.fromkeys((*((data_dir,) if data_dir else ()), *host.disk_paths))
    reader = HostReader(tuple(paths), host.interval.total_seconds(), clock, report)
    reader.start()
    stack.callback(reader.close)
    for component in settings.components:
        poller = HealthPoller(_target(component), clock, intake.poll)
        task = asyncio.create_task(poller.run(), name=f"health of {component.name}")
        task.add_done_callback(_ended)
        stack.push_async_callback(_end, task)


def _target(component: ComponentSettings) -> HealthTarget:
    tls = component.tls
    return HealthTarget(
        name=component.name,
        address=component.address,
        service=component.service,
        interval=component.interval,
        timeout=component.timeout,
        max_silence=component.max_silence or None,
        tls=TlsFiles(ca=tls.ca_file, certificate=tls.certificate, key=tls.key) if tls else None,
    )


def _ended(task: "asyncio.Task[None]") -> None:
    """Name a poller that ended by itself; that its component is asked no more is for the evaluators to see."""
    if not task.cancelled():
        _log.critical("%s is asked no more", task.get_name(), exc_info=task.exception())


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
