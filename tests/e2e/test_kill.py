"""kill -9 at random moments with triggers and resets in flight and a gate watching."""

import asyncio
import os
import random
from dataclasses import dataclass, field

import grpc.aio
import pytest

from ess_client import GateStatus
from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.e2e.conftest import Servers
from tests.e2e.process import OVERRIDES, ServerProcess, eventually

ROUNDS = int(os.environ.get("ESS_KILL_ROUNDS", "5"))
SEED = int(os.environ.get("ESS_SEED", "20261122"))
SCOPES = ("global", "account/a", "symbol/BTC/USDT:USDT")


def covers(released: str, scope: str) -> bool:
    """Whether a reset of one scope releases a stop of another."""
    return released in ("global", scope)


@dataclass
class History:
    """What was asked and answered, over all lives of the server."""

    acknowledged: set[tuple[str, int]] = field(default_factory=set)
    seen_by_gate: set[tuple[str, int]] = field(default_factory=set)
    resets: set[tuple[str, int]] = field(default_factory=set)
    """Scope and named revision of every reset that was accepted or never answered."""

    def is_covered(self, scope: str, revision: int) -> bool:
        """Whether a person's reset may have released this stop."""
        return any(covers(s, scope) and revision <= r for s, r in self.resets)

    def check_state(self, state: pb.StopState) -> None:
        """No acknowledged activation is lost, nothing but a reset ends one, another stop is no excuse."""
        standing = {s.scope: s.revision for s in state.stops}
        for scope, revision in self.acknowledged:
            kept = standing.get(scope, 0) >= revision
            assert kept or self.is_covered(scope, revision), (
                f"lost: {scope} at {revision}; standing {standing}, resets {self.resets}"
            )

    def check_gate(self) -> None:
        """An open gate has seen no stop that no reset covers."""
        for scope, revision in self.seen_by_gate:
            assert self.is_covered(scope, revision), f"opened over {scope} at {revision}; resets {self.resets}"


async def follow(gate: OrderGate, history: History) -> None:
    """Check the gate at every change."""
    async for state in gate.changes():
        history.seen_by_gate |= {(s.scope, s.revision) for s in state.stops}
        if state.status is GateStatus.OPEN:
            history.check_gate()


async def trigger_now_and_then(stub: rpc.EmergencyStopServiceStub, history: History, rng: random.Random) -> None:
    """Trigger until the connection breaks."""
    for _ in range(50):
        scope = rng.choice(SCOPES)
        answer = await stub.Trigger(pb.TriggerRequest(scope=scope, action=pb.STOP_ACTION_BLOCK), timeout=5)
        if answer.stop.durable:
            history.acknowledged.add((answer.stop.scope, answer.stop.revision))
        await asyncio.sleep(rng.uniform(0, 0.02))


async def reset_now_and_then(stub: rpc.EmergencyStopServiceStub, history: History, rng: random.Random) -> None:
    """Look, and reset what was looked at, until the connection breaks."""
    for _ in range(50):
        revision = (await stub.GetState(pb.GetStateRequest(), timeout=5)).state.revision
        scope = rng.choice(SCOPES)
        request = pb.ResetRequest(
            revision=revision, scope=scope, reason="test", requested_by="test", overrides=OVERRIDES
        )
        history.resets.add((scope, revision))
        try:
            await stub.Reset(request, timeout=5)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION):
                history.resets.discard((scope, revision))
            else:
                raise
        await asyncio.sleep(rng.uniform(0, 0.02))


async def one_life(server: ServerProcess, history: History, rng: random.Random, gate: OrderGate | None = None) -> None:
    """Start, check, wait for the gate, work, and be killed at a random moment."""
    state = (await server.start()).state
    history.check_state(state)
    if gate:
        await eventually(lambda: gate.state.revision >= state.revision)
    async with server.stub() as stub:
        work = [
            asyncio.create_task(trigger_now_and_then(stub, history, rng)),
            asyncio.create_task(reset_now_and_then(stub, history, rng)),
        ]
        await asyncio.sleep(rng.uniform(0, 0.25))
        await server.kill()
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if outcome is not None and not isinstance(outcome, grpc.aio.AioRpcError):
                raise outcome


@pytest.mark.timeout(60 + 5 * ROUNDS)
async def test_no_kill_loses_a_stop_or_opens_a_gate(servers: Servers) -> None:
    """Promises 1, 4, 5 and 7 over many lives of one data directory, each ended by SIGKILL at a random moment."""
    rng, history = random.Random(SEED), History()
    server = servers()
    await one_life(server, history, rng)
    async with OrderGate(server.target, subscriber_id="engine", scopes=list(SCOPES)) as gate:
        following = asyncio.create_task(follow(gate, history))
        for number in range(ROUNDS):
            # A gate that backs off would miss most lives, so that every second one waits for it.
            await one_life(server, history, rng, gate if number % 2 else None)
            if following.done():
                await following
        state = (await server.start()).state
        history.check_state(state)
        await eventually(lambda: gate.state.revision >= state.revision or following.done())
        if following.done():
            await following
        following.cancel()

    assert history.acknowledged
    assert history.resets
    assert history.seen_by_gate
