"""A server in a process of its own, for tests that kill it."""

import asyncio
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc

START_WITHIN = 30.0
FAST_RECONNECT = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 50)]


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ServerProcess:
    """`ess serve` on one data directory and port; started again on the same ones after a kill."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    arguments: tuple[str, ...] = ()
    child: asyncio.subprocess.Process | None = None

    @property
    def target(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> pb.GetStateResponse:
        """Start it, and return the first state that it answers."""
        log = self.data_dir.parent / "server.log"
        with log.open("ab") as errors:
            self.child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ess_server", "serve", "--listen", self.target),
                *("--data-dir", str(self.data_dir), *self.arguments),
                stdout=errors,
                stderr=errors,
            )
        async with grpc.aio.insecure_channel(self.target, options=FAST_RECONNECT) as channel:
            stub = rpc.EmergencyStopServiceStub(channel)
            answer = asyncio.ensure_future(_state(stub))
            ended = asyncio.ensure_future(self.child.wait())
            await asyncio.wait([answer, ended], return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                answer.cancel()
                raise AssertionError(f"the server ended with {self.child.returncode}:\n{log.read_text()[-3000:]}")
            ended.cancel()
            return await answer

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.child is not None
        if self.child.returncode is None:
            self.child.kill()
        await self.child.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.child is not None
        self.child.send_signal(number)


async def _state(stub: rpc.EmergencyStopServiceStub) -> pb.GetStateResponse:
    return await stub.GetState(pb.GetStateRequest(), wait_for_ready=True, timeout=START_WITHIN)
