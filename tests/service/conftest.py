"""A real server on a free port with real files, and stubs that speak to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import grpc.aio
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_client.pb import telemetry_pb2_grpc as telemetry_rpc
from ess_server.app import Running, running
from ess_server.config.settings import AccountSettings, PaperEndpoint, ServerSettings, Settings
from ess_server.core.evaluators import DrawdownSettings


@dataclass(frozen=True)
class Served:
    """A running server with stubs for its services."""

    running: Running
    channel: grpc.aio.Channel
    stops: rpc.EmergencyStopServiceStub
    telemetry: telemetry_rpc.TelemetryServiceStub

    async def commission(self) -> int:
        """Reset whatever stands; return the revision after it."""
        state = (await self.stops.GetState(pb.GetStateRequest())).state
        request = pb.ResetRequest(revision=state.revision, reason="commission", requested_by="test")
        return (await self.stops.Reset(request)).state.revision

    async def commission_past_gates(self) -> None:
        """Commission although expected gates were never seen."""
        state = (await self.stops.GetState(pb.GetStateRequest())).state
        request = pb.ResetRequest(
            revision=state.revision, reason="commission", requested_by="test", overrides=["UNCONFIRMED_GATES"]
        )
        await self.stops.Reset(request)


Serve = Callable[..., Awaitable[Served]]
TOP = ("accounts", "components", "evaluators", "host", "installation")
"""Settings that are not of the server."""

DRAWDOWN = DrawdownSettings(account="main", max_drawdown_percent=Decimal(10))
# Nothing listens on the discard port: the venue is unreachable, and nothing leaves this machine.
MAIN = AccountSettings(
    id="main",
    venue="paper",
    exchange="binanceusdm",
    api_key_env="ESS_TEST_KEY",
    secret_env="ESS_TEST_SECRET",
    paper=PaperEndpoint(host="127.0.0.1", port=9, ca_file=Path("/nonexistent/ca.pem")),
)


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start servers; each is stopped, and its channel closed, after the test."""
    async with AsyncExitStack() as stack:

        async def start(data_dir: Path | None = tmp_path / "data", **changes: object) -> Served:
            server = ServerSettings(listen="127.0.0.1:0", data_dir=data_dir)
            top = {k: changes.pop(k) for k in TOP if k in changes}
            settings = Settings(server=replace(server, **changes), **top)
            one = await stack.enter_async_context(running(settings))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{one.port}"))
            return Served(
                one,
                channel,
                rpc.EmergencyStopServiceStub(channel),
                telemetry_rpc.TelemetryServiceStub(channel),
            )

        yield start


@pytest.fixture
async def served(serve: Serve) -> Served:
    """One commissioned server without accounts."""
    one = await serve()
    await one.commission()
    return one


@pytest.fixture
async def watched(serve: Serve) -> Served:
    """A commissioned server that watches one account's drawdown, limit 10 %."""
    one = await serve(accounts=(MAIN,), evaluators=(DRAWDOWN,), data_dir=None)
    await one.commission()
    return one
