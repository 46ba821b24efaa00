"""A component with the real health service of gRPC, on a free port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Status = health_pb2.HealthCheckResponse


@dataclass
class Component:
    """A health server; ``service`` is empty for the component as a whole."""

    server: grpc.aio.Server
    health: health.aio.HealthServicer
    port: int

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def set(self, status: int, service: str = "") -> None:
        """Let it answer this from now on."""
        await self.health.set(service, status)


class SlowHealth(health_pb2_grpc.HealthServicer):
    """Answers when it is allowed to, and counts who waits."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.waiting = self.most = 0

    async def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext) -> Status:  # noqa: ARG002, N802 - the contract's
        """Answer SERVING, in time or not."""
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.answers.wait()
        finally:
            self.waiting -= 1
        return Status(status=Status.SERVING)


@asynccontextmanager
async def serving(
    servicer: health_pb2_grpc.HealthServicer | None = None,
    credentials: grpc.ServerCredentials | None = None,
    address: str = "127.0.0.1:0",
) -> AsyncIterator[Component]:
    """Serve health, by the real servicer unless another is given."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    real = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer or real, server)
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    await real.set("", Status.SERVING)
    try:
        yield Component(server, real, port)
    finally:
        await server.stop(None)
