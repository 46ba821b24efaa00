"""A server to be measured, and what is asked of it between two measurements."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.e2e.process import OVERRIDES, ServerProcess

ANSWERS_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server without accounts, on disk, in a process of its own."""

    process: ServerProcess
    stops: rpc.EmergencyStopServiceStub

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self.process.process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.process.port

    def release(self) -> None:
        """Release everything that stands."""
        revision = self.stops.GetState(pb.GetStateRequest(), timeout=ANSWERS_WITHIN).state.revision
        request = pb.ResetRequest(revision=revision, reason="bench", requested_by="bench", overrides=OVERRIDES)
        self.stops.Reset(request, timeout=ANSWERS_WITHIN)

    def stop(self, reason: str = "") -> pb.Stop:
        """Stop everything; return the stop as it was answered."""
        request = pb.TriggerRequest(reason=reason, action=pb.STOP_ACTION_BLOCK)
        return self.stops.Trigger(request, timeout=ANSWERS_WITHIN).stop


@contextmanager
def served(folder: Path, config: str = "", name: str = "server") -> Iterator[Served]:
    """Run a server whose configuration is ``config``, and connect to it."""
    place = folder / name
    place.mkdir()
    file = place / "ess.toml"
    file.write_text(config)
    process = ServerProcess(place / "data", arguments=("--config", file))
    try:
        asyncio.run(process.start())
        with grpc.insecure_channel(process.target) as channel:
            yield Served(process, rpc.EmergencyStopServiceStub(channel))
    finally:
        asyncio.run(process.kill())
