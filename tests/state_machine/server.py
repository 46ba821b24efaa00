"""One process: everything from the records to the stream's messages, on a loop whose time the machine owns."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.core.broadcast import StateBroadcast
from ess_server.core.controller import EmergencyStopController, Latching
from ess_server.core.model import Actor, Credential
from ess_server.core.monitor import Monitor
from ess_server.core.obstacles import Gates, TripwireStands
from ess_server.core.opening import Place, Surroundings, open_controller
from ess_server.core.pace import Pace
from ess_server.core.release import ReleaseRequest, ReleaseResult
from ess_server.core.reset import EmergencyReset
from ess_server.core.subscribers import Subscriber, SubscriberRegistry
from ess_server.core.system import EmergencyStopSystem, SystemSettings
from ess_server.service.watch import WatchMessages
from ess_server.testing import FakeClock, RecordingEventBus, fake_readings
from tests.core.rig import HEDGE, MAIN, RecordingFlattener

from .records import Record

LEASE = timedelta(seconds=1)
HEARTBEAT = timedelta(milliseconds=250)


class TripwireFlag:
    """A tripwire file as a flag: it outlives every process."""

    def __init__(self) -> None:
        self.exists = False

    async def reason(self) -> str | None:
        """See ``Tripwire.reason``."""
        return "by hand" if self.exists else None


@dataclass(slots=True)
class Surrounding:
    """What outlives a process: time, the tripwire, and where unique names come from."""

    clock: FakeClock
    tripwire: TripwireFlag
    new_id: Callable[[], str]


class Connection:
    """One stream of one gate: what was sent and not read yet, oldest first."""

    def __init__(self, server: "Server", gate: Subscriber | None) -> None:
        self.sent: list[pb.WatchStateResponse] = []
        self._server = server
        self._gate = gate
        self._subscription = server.broadcast.subscribe()
        self.sent.append(pb.WatchStateResponse.FromString(server.messages.message()))
        serving = self._subscription.served(self._send, lambda: None)
        self._task = asyncio.get_running_loop().create_task(serving)

    def close(self) -> None:
        """End the stream."""
        self._task.cancel()
        self._subscription.close()
        self._server.system.subscribers.closed(self._gate)

    async def _send(self, message: bytes) -> None:
        self.sent.append(pb.WatchStateResponse.FromString(message))


class Server:
    """A process that starts over the records in ``directory`` and serves once ``ready``."""

    def __init__(self, directory: Path, around: Surrounding) -> None:
        self.directory = directory
        self.records = Record("state.db", directory), Record("latch", directory)
        self.flattener = RecordingFlattener()
        self.controller: EmergencyStopController
        self.system: EmergencyStopSystem
        self.broadcast: StateBroadcast
        self.messages: WatchMessages
        self.resets: EmergencyReset
        self.ready = False
        self._around = around

    async def start(self) -> None:
        """Restore, commit the floor, tick once, and serve."""
        first, second = (Place(r, r.run) for r in self.records)
        around = self._around
        surroundings = Surroundings(
            flattener=self.flattener,
            bus=RecordingEventBus(),
            clock=around.clock,
            accounts=(MAIN, HEDGE),
            new_id=around.new_id,
            draw=lambda _: 0,
        )
        self.controller = await open_controller(first, self.records[0].log, [second], surroundings)
        subscribers = SubscriberRegistry(expected=(), lease=LEASE, limit=lambda: 9, clock=around.clock)
        monitor = Monitor(controller=self.controller, watched=(), readings=fake_readings(), tripwire=around.tripwire)
        self.resets = EmergencyReset(self.controller, [Gates(subscribers), TripwireStands(around.tripwire)])
        self.system = EmergencyStopSystem(
            controller=self.controller,
            resets=self.resets,
            monitor=monitor,
            subscribers=subscribers,
            flattener=self.flattener,
            log=self.records[0].log,
            clock=around.clock,
            settings=SystemSettings(lease=LEASE),
        )
        self.messages = WatchMessages(self.system, around.new_id())
        self.broadcast = StateBroadcast(self.messages.message, Pace(HEARTBEAT, LEASE, time.thread_time))
        self.controller.on_change(lambda _: self.broadcast.publish())
        await self.system.start()
        self._heartbeat = asyncio.create_task(self.broadcast.run())
        self.ready = True

    def connect(self, name: str, store_id: str, highest_revision: int) -> tuple[Connection, Latching | None] | None:
        """Open a stream as the service does; None if this start may not be shown to gates yet."""
        if not self.controller.serves_streams:
            return None
        actor = Actor(id=name, credential=Credential.NONE)
        witnessed = self.controller.witness(store_id, highest_revision, actor)
        gate = self.system.subscribers.opened(
            subscriber_id=name, session_id=name, actor=actor, scopes=(), client_version=""
        )
        return Connection(self, gate), witnessed

    async def release(self, verb: str, request: ReleaseRequest) -> ReleaseResult:
        """Reset or hold."""
        return await (self.resets.reset(request) if verb == "reset" else self.resets.hold(request))

    def close(self) -> None:
        """Let go of the files."""
        for record in self.records:
            record.close()
