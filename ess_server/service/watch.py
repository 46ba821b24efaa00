"""The messages of the stream: the same bytes for every subscriber, full state in each."""

from datetime import timedelta

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.core.system import EmergencyStopSystem
from ess_server.service import convert


class WatchMessages:
    """Builds stream messages from the present state."""

    def __init__(self, system: EmergencyStopSystem, server_instance_id: str) -> None:
        self.server_instance_id = server_instance_id
        self.draining = False
        """True once the server is going down; engines then connect elsewhere."""
        self._system = system

    def state(self) -> pb.StopState:
        """Return the gate state of this moment."""
        controller = self._system.controller
        return convert.state(
            controller.state,
            durable_revision=controller.journal.durable_revision,
            warnings=self._system.monitor.warnings(),
            installation=self._system.settings.installation,
        )

    def message(self) -> bytes:
        """Return a message built now. The proof it carries is never younger than the state."""
        proven = self._system.monitor.proven_uptime
        return pb.WatchStateResponse(
            state=self.state(),
            server_instance_id=self.server_instance_id,
            proven_uptime=convert.duration(proven),
            sent_uptime=convert.duration(self._system.clock.uptime()),
            lease=convert.duration(self._system.settings.lease),
            draining=self.draining,
            gate_level=convert.GATE_LEVEL,
            event_head=convert.event_head(self._system.event_head),
        ).SerializeToString()

    def proof_age(self) -> timedelta:
        """Return how old the newest proof is."""
        return timedelta(seconds=self._system.clock.uptime() - self._system.monitor.proven_uptime)
