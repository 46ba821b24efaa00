"""A stop that gates were told and no disk ever took: what is left of it is what a gate has seen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from ess_client import GateStatus, aio
from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.hanging_disk import WRITE
from tests.e2e.process import HANGING_DISK, ServerProcess, eventually

ANYTHING = "account/a"


@dataclass(frozen=True)
class Lost:
    """What a gate saw of a stop that is on no disk: the answer to the trigger says so too."""

    store_id: str
    revision: int


async def told_but_not_kept(server: ServerProcess) -> Lost:
    """Stop while no write returns or works, and kill the server before one does."""
    async with server.stub() as stub:
        watching = stub.WatchState(pb.WatchStateRequest())
        await watching.read()
        stop = await server.trigger()
        assert not stop.durable
        while (message := await watching.read()).state.revision < stop.revision:
            pass
    assert [s.scope for s in message.state.stops] == ["global"]
    assert not message.state.stops[0].durable
    await server.kill()
    return Lost(message.state.store_id, stop.revision)


async def on_a_disk_that_fails(server: ServerProcess) -> Lost:
    """Every write ends with an error, as on a full or broken disk."""
    server.limit_files(0)
    return await told_but_not_kept(server)


async def on_a_disk_that_hangs(server: ServerProcess) -> Lost:
    """No write ends."""
    hang = server.data_dir.parent / WRITE
    hang.touch()
    lost = await told_but_not_kept(server)
    hang.unlink()
    return lost


Lose = Callable[[ServerProcess], Awaitable[Lost]]
EVERY_DISK = pytest.mark.parametrize("lose", [on_a_disk_that_fails, on_a_disk_that_hangs])


@pytest.fixture
async def server(servers: Servers) -> ServerProcess:
    """Return a server that allows trading, on a disk that can be made to hang or fail."""
    made = servers(program=HANGING_DISK)
    await made.start()
    await made.reset()
    return made


@asynccontextmanager
async def first_message(server: ServerProcess, store_id: str, highest: int) -> AsyncIterator[pb.WatchStateResponse]:
    """Connect as a gate that has seen so much."""
    async with server.stub() as stub:
        request = pb.WatchStateRequest(subscriber_id="engine", store_id=store_id, highest_revision=highest)
        yield await stub.WatchState(request).read()


def check_proven_lost(state: pb.StopState, lost: Lost) -> None:
    """BLOCK and no more, above what the gate has seen, or it would not heed it."""
    (stop,) = state.stops
    assert (stop.scope, stop.action) == ("global", pb.STOP_ACTION_BLOCK)
    assert stop.cause.source == pb.CAUSE_SOURCE_WITNESS
    assert f"has seen revision {lost.revision}, which this store never committed: a stop was lost" in stop.cause.reason
    assert state.revision >= stop.revision > lost.revision


@EVERY_DISK
async def test_the_first_gate_that_saw_it_stops_the_server_before_it_is_served(
    server: ServerProcess, lose: Lose
) -> None:
    """The disk shows nothing and the restart is INACTIVE; the very first message of that gate's stream is the BLOCK.

    It is as durable as any other stop: the next start knows it without the gate.
    """
    lost = await lose(server)
    assert (await server.start()).state.status == pb.STOP_STATUS_INACTIVE

    async with first_message(server, lost.store_id, lost.revision) as message:
        check_proven_lost(message.state, lost)

    await eventually(lambda: is_durable(server))
    await server.kill()
    check_proven_lost((await server.start()).state, lost)


async def test_work_done_since_the_restart_does_not_hide_it(server: ServerProcess) -> None:
    """Stops and resets after the restart take new numbers, so that the lost one is still not among them."""
    lost = await on_a_disk_that_fails(server)
    await server.start()
    for _ in range(3):
        await server.trigger("account/b")
        await server.reset("account/b")
    await server.kill()
    state = (await server.start()).state
    assert state.status == pb.STOP_STATUS_INACTIVE

    async with first_message(server, lost.store_id, state.revision) as message:
        assert message.state.status == pb.STOP_STATUS_INACTIVE
    async with first_message(server, "another store", lost.revision) as message:
        assert message.state.status == pb.STOP_STATUS_INACTIVE
    async with first_message(server, lost.store_id, lost.revision) as message:
        check_proven_lost(message.state, lost)


@EVERY_DISK
async def test_a_gate_that_lived_through_it_is_never_open_before_a_person_resets(
    server: ServerProcess, lose: Lose
) -> None:
    """From the stop it saw to the reset, over death and restart of the server, the engine's gate allows nothing."""
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await eventually(lambda: gate.state.status is GateStatus.OPEN)
        lost = await lose(server)
        assert gate.state.revision == lost.revision
        opened = asyncio.create_task(wait_open(gate))

        await server.start()
        await eventually(lambda: gate.state.revision > lost.revision)

        check_proven_lost((await server.state()).state, lost)
        assert not gate.check(ANYTHING)
        assert not opened.done()
        await server.reset()
        await asyncio.wait_for(opened, 5)


async def wait_open(gate: aio.OrderGate) -> None:
    """Return as soon as the gate has let anything through; asked at every change and in between."""
    while not gate.check(ANYTHING):  # noqa: ASYNC110 - a verdict is asked for, nothing announces it
        await asyncio.sleep(0.001)


async def is_durable(server: ServerProcess) -> bool:
    """Whether the stop that stands is on disk."""
    return (await server.state()).state.stops[0].durable
