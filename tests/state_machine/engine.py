"""An engine with a real gate on a clock of its own, behind a stream that may deliver late or never."""

from ess_client._gate import Gate
from ess_client._model import Proof
from ess_client._wire import proof_of, sent_uptime_of
from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.service import convert
from ess_server.testing import FakeClock

from .server import LEASE, Connection, Server

TARGET = "server"
ORDER = ("account/main", "symbol/X")
"""Scopes of the one order that every engine keeps asking for."""


class Engine:
    """A gate and its stream. ``saw`` are the ids of stops that it was shown and that no person has released."""

    def __init__(self, name: str, clock: FakeClock, *, rate: float) -> None:
        self.name = name
        self.gate = Gate([TARGET])
        self.connection: Connection | None = None
        self.saw: dict[str, str] = {}
        self.highest: dict[str, int] = {}
        self.stops_at: dict[tuple[str, int], set[str]] = {}
        self._clock = clock
        self._rate = rate
        self._proven = float("-inf")

    @property
    def now(self) -> float:
        """The engine's own clock, which runs faster or slower than the server's."""
        return 5000 + self._rate * self._clock.uptime()

    def connect(self, server: Server) -> None:
        """Open a stream, naming what was seen last. A lost stop that this proves stands for all that was lost."""
        self.gate.opened(TARGET, self.now)
        opened = server.connect(self.name, self.gate.store_id, self.gate.revision)
        if opened is None:
            self.gate.closed(TARGET)
            return
        self.connection, witnessed = opened
        if witnessed:
            standing = {s.stop_id for s in server.controller.state.stops}
            self.saw = {i: scope for i, scope in self.saw.items() if i in standing}
            self.saw[witnessed.stop.stop_id] = str(witnessed.stop.scope)

    def disconnect(self) -> None:
        """The stream is gone, with everything that was under way."""
        if self.connection:
            self.connection.close()
            self.connection = None
            self.gate.closed(TARGET)

    def read(self) -> None:
        """Take the oldest message that has arrived, however old it is by now."""
        assert self.connection
        message = self.connection.sent.pop(0)
        proof = proof_of(message)
        followed = self.gate.store_id in ("", proof.store_id)
        keep = self.gate.received(TARGET, proof, self.now)
        if followed:
            self._note(message, proof)
        if not keep:
            self.disconnect()

    def acknowledge(self, server: Server) -> None:
        """Confirm what was applied; the reply comes at once and anchors the lease anew."""
        server.system.subscribers.confirm(self.name, self.name, self.gate.revision)
        reply = pb.AcknowledgeStateResponse(
            server_instance_id=server.messages.server_instance_id,
            sent_uptime=convert.duration(self._clock.uptime()),
        )
        self.gate.acknowledged(TARGET, reply.server_instance_id, sent_uptime_of(reply), self.now)

    @property
    def allows(self) -> bool:
        """Whether the order would be sent now."""
        return self.gate.verdict(self.now, ORDER).allowed

    @property
    def proof_age(self) -> float:
        """Seconds since the newest proof that was read was true, by the engine's own clock."""
        return self._rate * (self._clock.uptime() - self._proven)

    @property
    def outlived_its_lease(self) -> bool:
        """Whether nothing that was read can still be believed."""
        return self.proof_age > LEASE.total_seconds()

    def _note(self, message: pb.WatchStateResponse, proof: Proof) -> None:
        store, revision = proof.store_id, proof.revision
        self._proven = max(self._proven, proof.proven_uptime)
        self.highest[store] = max(self.highest.get(store, 0), revision)
        self.stops_at.setdefault((store, revision), set()).update(s.scope for s in message.state.stops)
        self.saw.update({s.stop_id: s.scope for s in message.state.stops})
