"""Builds every part and connects them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ess_server.adapters.data_dir import DataDirectory
from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.log_events import LogEventBus
from ess_server.adapters.memory_store import MemoryPolicyStore
from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.adapters.tripwire_file import TripwireFile
from ess_server.app.by_signal import SignalTrigger
from ess_server.app.capacity import most_streams
from ess_server.app.health import watch_health
from ess_server.app.venues import VenueNews, build_flattener, ending
from ess_server.config import kinds, listen
from ess_server.config.settings import ServerSettings, Settings
from ess_server.core.assembly import Installation, assemble, new_id, place
from ess_server.core.broadcast import StateBroadcast
from ess_server.core.clock import SystemClock
from ess_server.core.errors import StoreError
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.events import FanOut
from ess_server.core.intake import Intake
from ess_server.core.late_orders import LateOrders
from ess_server.core.model import Account
from ess_server.core.opening import Place, Surroundings, open_controller
from ess_server.core.pace import Pace
from ess_server.core.ports import EventLog, MetricsRepository, Readings
from ess_server.core.reporter_losses import ReporterLosses
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.system import EmergencyStopSystem, SystemSettings
from ess_server.core.venue_ports import Flattener
from ess_server.core.watched import Watched
from ess_server.service.emergency_stop import EmergencyStopServicer
from ess_server.service.server import GrpcServer, ListenError, TlsFiles
from ess_server.service.telemetry import TelemetryServicer
from ess_server.service.watch import WatchMessages

MayListen = Callable[[EmergencyStopSystem], Awaitable[None]]

_log = logging.getLogger("ess.app")


def check_listen(server: ServerSettings) -> None:
    """Refuse an address that others can reach, unless it is encrypted or the person insists. Raises ListenError."""
    host = server.listen.rpartition(":")[0].strip("[]")
    if not (listen.is_loopback(host) or server.tls or server.insecure):
        raise ListenError(
            f"listen: {server.listen} can be reached from elsewhere and has no TLS; "
            "set [server.tls], listen on 127.0.0.1, or insist with --insecure"
        )


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. If one of the ``vital`` tasks ends, it must end too."""

    port: int
    server: GrpcServer
    system: EmergencyStopSystem
    readings: Readings
    vital: "tuple[asyncio.Task[None], ...]"


@dataclass(frozen=True, slots=True)
class _Storage:
    """Where things are kept: the records, the log one of them holds, the metrics and the tripwire."""

    places: tuple[Place, ...]
    log: EventLog
    metrics: MetricsRepository
    tripwire: TripwireFile | None


@asynccontextmanager
async def running(
    settings: Settings, by_signal: SignalTrigger | None = None, may_listen: MayListen | None = None
) -> AsyncIterator[Running]:
    """Build everything, restore, serve; and on leaving drain, settle and close, in that order.

    ``may_listen`` is awaited before the port opens, when all else runs; what it raises ends the start.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        storage = _open_storage(settings.server, clock, stack)
        log = LogEventBus()
        stack.callback(log.close)
        bus = FanOut(log)
        readings = Readings(storage.metrics, ReportedHealthMonitor(clock), ReportedFeedMonitor())
        accounts = tuple(Account(id=a.id, venue=a.venue) for a in settings.accounts)
        news = VenueNews()
        flattener = build_flattener(settings, clock, news, stack)
        around = Surroundings(flattener=flattener, bus=bus, clock=clock, accounts=accounts, new_id=new_id)
        controller = await open_controller(storage.places[0], storage.log, storage.places[1:], around)
        pace = Pace(settings.server.heartbeat, settings.server.lease, time.thread_time)
        system = assemble(controller, _installation(settings, storage, readings, flattener, clock=clock, pace=pace))
        intake = Intake(readings, clock, system.monitor, LateOrders(controller, settings.server.after_stop_grace))
        news.connect(controller, intake)
        watch_health(settings, intake, clock, stack)
        if settings.server.metrics:
            _measure(system, bus, stack)
        _listen_for_signals(by_signal, system, stack)
        await flattener.start()
        stack.push_async_exit(ending(flattener))
        yield await _serve(settings, system, intake, pace, stack, readings=readings, may_listen=may_listen)


def _listen_for_signals(by_signal: SignalTrigger | None, system: EmergencyStopSystem, stack: AsyncExitStack) -> None:
    if by_signal:
        by_signal.connect(system)
        stack.push_async_callback(by_signal.settle)


async def _serve(
    settings: Settings,
    system: EmergencyStopSystem,
    intake: Intake,
    pace: Pace,
    stack: AsyncExitStack,
    *,
    readings: Readings,
    may_listen: MayListen | None,
) -> Running:
    server, broadcast = _face(settings, system, intake, pace)
    await system.start()
    stack.push_async_callback(system.stop)
    heartbeat = asyncio.create_task(broadcast.run(), name="heartbeat")
    stack.callback(heartbeat.cancel)
    if may_listen:
        await may_listen(system)
    tls = settings.server.tls
    files = TlsFiles(certificate=tls.certificate, key=tls.key, client_ca=tls.client_ca) if tls else None
    port = await server.start(settings.server.listen, files)
    stack.push_async_callback(server.stop)
    return Running(port, server, system, readings, (heartbeat, system.watching))


def _face(
    settings: Settings, system: EmergencyStopSystem, intake: Intake, pace: Pace
) -> tuple[GrpcServer, StateBroadcast]:
    """Build what others speak to, and what tells them of every change."""
    messages = WatchMessages(system, new_id())
    broadcast = StateBroadcast(messages.message, pace)
    system.controller.on_change(lambda _: broadcast.publish())
    ids = frozenset(a.id for a in system.controller.accounts)
    feeds = frozenset(f.name for f in settings.feeds)
    server = GrpcServer(
        stops=EmergencyStopServicer(system, broadcast, messages),
        telemetry=TelemetryServicer(intake, ReporterLosses(system.controller), ids, feeds, system.clock),
        broadcast=broadcast,
        messages=messages,
    )
    return server, broadcast


def _installation(
    settings: Settings,
    storage: _Storage,
    readings: Readings,
    flattener: Flattener,
    *,
    clock: SystemClock,
    pace: Pace,
) -> Installation:
    server = settings.server
    subscribers = SubscriberRegistry(
        expected=server.expected_subscribers, lease=server.lease, limit=lambda: most_streams(server, pace), clock=clock
    )
    return Installation(
        flattener=flattener,
        readings=readings,
        watched=[watch(one) for one in settings.evaluators],
        subscribers=subscribers,
        log=storage.log,
        tripwire=storage.tripwire,
        tick=server.tick,
        settings=SystemSettings(
            installation=settings.installation, lease=server.lease, default_action=server.default_action
        ),
    )


def watch(settings: EvaluatorSettings) -> Watched:
    """Build the evaluator that ``settings`` describe."""
    return Watched(kinds.build(settings), settings)


def _open_storage(server: ServerSettings, clock: SystemClock, stack: AsyncExitStack) -> _Storage:
    if server.data_dir is None:
        memory = MemoryPolicyStore()
        return _Storage((place(memory, stack),), memory, MemoryMetricsRepository(clock, server.day_boundary), None)
    directory = DataDirectory.open(server.data_dir)
    stack.callback(directory.close)
    state, latch = SqlitePolicyStore(directory.state_db), LatchFile(directory.latch)
    metrics = _open_metrics(directory, server, clock, stack)
    tripwire = TripwireFile(directory.tripwire, directory.tripwire_exists)
    stack.callback(tripwire.close)
    return _Storage((place(state, stack), place(latch, stack)), state, metrics, tripwire)


def _open_metrics(
    directory: DataDirectory, server: ServerSettings, clock: SystemClock, stack: AsyncExitStack
) -> MetricsRepository:
    """Open the baselines. A file that cannot be opened keeps no server from starting: losses are then unknown."""
    try:
        metrics = SqliteMetricsRepository(directory.metrics_db, clock, server.day_boundary)
    except StoreError as error:
        _log.critical("baselines are lost until a reset with rebaseline: %s", error)
        return MemoryMetricsRepository(clock, server.day_boundary, trusted=False)
    stack.callback(metrics.close)
    return metrics


def _measure(system: EmergencyStopSystem, bus: FanOut, stack: AsyncExitStack) -> None:
    """Count events and measure the state. Imported only where it is wanted: the SDK takes 4 MB."""
    from ess_server.adapters.otel_events import OtelEventBus, meter  # noqa: PLC0415

    made, end = meter()
    stack.callback(end)
    bus.add(
        OtelEventBus(
            made,
            active=lambda: len(system.controller.state.stops),
            streams=lambda: system.subscribers.open_streams,
            proof_age=lambda: system.clock.uptime() - system.monitor.proven_uptime,
        )
    )
