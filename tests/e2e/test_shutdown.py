"""SIGTERM and SIGINT: quick with any watchers, never before what was latched is on disk."""

import asyncio
import random
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import grpc.aio
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.core.journal import REST_WITHIN
from tests.e2e.conftest import Servers
from tests.e2e.hanging_disk import WRITE
from tests.e2e.process import HANGING_DISK, ServerProcess, clock, eventually, freeze, python

WITHIN = 2.0
READERS, DEAF = 8, 12
ROUNDS = 3
HELD_FOR = 1.0


@dataclass
class Heard:
    """What one watcher was told, up to the end of its stream."""

    messages: list[pb.WatchStateResponse] = field(default_factory=list)
    ended: grpc.StatusCode | None = None

    @property
    def stops(self) -> set[tuple[str, int]]:
        """Every stop that it ever saw."""
        return {(s.scope, s.revision) for m in self.messages for s in m.state.stops}


async def listen(server: ServerProcess, heard: Heard) -> None:
    """Read a stream to its end."""
    async with server.stub() as stub:
        try:
            async for message in stub.WatchState(pb.WatchStateRequest(subscriber_id="reader")):
                heard.messages.append(message)
        except grpc.aio.AioRpcError as error:
            heard.ended = error.code()


@asynccontextmanager
async def listening(server: ServerProcess, count: int) -> AsyncIterator[tuple[list[Heard], asyncio.Future[list[None]]]]:
    """Let so many watchers read; the future is done when all their streams have ended."""
    heard = [Heard() for _ in range(count)]
    async with asyncio.TaskGroup() as readers:
        reading = [readers.create_task(listen(server, one)) for one in heard]
        await eventually(lambda: all(one.messages for one in heard))
        yield heard, asyncio.gather(*reading)


@asynccontextmanager
async def deaf_watchers(server: ServerProcess, count: int) -> AsyncIterator[None]:
    """Let so many watchers be connected that read nothing any more."""
    child = python("tests.e2e.watchers", server.target, str(count))
    try:
        assert child.stdout
        assert await asyncio.to_thread(child.stdout.readline) == b"watching\n"
        await freeze(child)
        yield
    finally:
        child.kill()
        await asyncio.to_thread(child.communicate)


async def fill(server: ServerProcess) -> None:
    """Latch so much that three messages overfill the window of a watcher that does not read."""
    reason = "a reason that is as long as the contract lets it be " * 20
    async with server.stub() as stub:
        for number in range(60):
            request = pb.TriggerRequest(scope=f"strategy/{number:0100}", reason=reason, action=pb.STOP_ACTION_BLOCK)
            await stub.Trigger(request, timeout=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ends_within_two_seconds_though_watchers_never_read(
    server: ServerProcess, number: signal.Signals
) -> None:
    """With 20 watchers, 12 of which hang with full windows, a signal ends the process in 2 s with exit code 0.

    Those that read are told that the server goes down and then get an error status, never OK.
    """
    async with deaf_watchers(server, DEAF), listening(server, READERS) as (heard, all_ended):
        await fill(server)
        assert len(heard[0].messages[-1].SerializeToString()) > 24 * 1024
        asked = clock()
        server.signal(number)
        code = await server.ended(10)
        took = clock() - asked
        await asyncio.wait_for(all_ended, 5)

    assert (code, took < WITHIN) == (0, True), f"exit code {code} after {took:.2f} s:\n{server.printed[-2000:]}"
    assert [one.messages[-1].draining for one in heard] == [True] * READERS
    assert {one.ended for one in heard} == {grpc.StatusCode.UNAVAILABLE}


async def test_what_was_answered_or_told_before_the_end_stands_after_it(server: ServerProcess) -> None:
    """SIGTERM among triggers in flight: latching ends first, so that no stop that anybody heard of is gone."""
    rng = random.Random(20261122)
    for round_ in range(ROUNDS):
        async with listening(server, 1) as (heard, all_ended):
            triggers = [asyncio.create_task(server.trigger(f"strategy/{round_}-{n}")) for n in range(12)]
            await asyncio.sleep(rng.uniform(0, 0.04))
            assert await server.end() == 0
            answers = await asyncio.gather(*triggers, return_exceptions=True)
            await asyncio.wait_for(all_ended, 5)
        answered = {(a.scope, a.revision) for a in answers if isinstance(a, pb.Stop)}
        refused = {a.code() for a in answers if not isinstance(a, pb.Stop)}

        standing = {(s.scope, s.revision) for s in (await server.start()).state.stops}

        assert answered | heard[0].stops <= standing
        assert "global" not in {scope for scope, _ in standing}
        assert refused <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def hang(server: ServerProcess) -> None:
    """From now on no write returns."""
    (server.data_dir.parent / WRITE).touch()


def hang_no_more(server: ServerProcess) -> None:
    """Let the writes that hang go on."""
    (server.data_dir.parent / WRITE).unlink()


def fail(server: ServerProcess) -> None:
    """From now on every write fails."""
    server.limit_files(0)


def fail_no_more(server: ServerProcess) -> None:
    """Let writes work again."""
    server.limit_files()


Act = Callable[[ServerProcess], None]


@pytest.mark.parametrize(("break_disk", "mend_disk"), [(hang, hang_no_more), (fail, fail_no_more)])
async def test_a_disk_that_does_not_take_the_stop_holds_the_exit(
    servers: Servers, break_disk: Act, mend_disk: Act
) -> None:
    """A stop that is not durable is told and answered as such, and SIGTERM waits until the disk has taken it."""
    server = servers(program=HANGING_DISK)
    await server.start()
    await server.reset()
    async with listening(server, 1) as (heard, all_ended):
        break_disk(server)
        stop = await server.trigger("account/a")
        assert not stop.durable
        assert ("account/a", stop.revision) in heard[0].stops

        server.signal(signal.SIGTERM)
        await asyncio.wait_for(all_ended, WITHIN)
        assert heard[0].messages[-1].draining
        with pytest.raises(subprocess.TimeoutExpired):
            await server.ended(HELD_FOR)

        mend_disk(server)
        assert await server.ended(5) == 0, server.printed[-2000:]

    standing = (await server.start()).state.stops
    assert [(s.scope, s.revision) for s in standing] == [("account/a", stop.revision)], standing


async def test_a_data_directory_that_is_gone_does_not_hold_the_exit(server: ServerProcess) -> None:
    """Its stop was on disk; the event that cannot be written any more is waited for, for a bounded time, and told."""
    await server.trigger("account/a")
    # Started anew in between: its second record has it too by then.
    await server.end()
    await server.start()
    await asyncio.to_thread(shutil.rmtree, server.data_dir)
    await eventually(lambda: "writing state.db failed" in server.printed)
    server.signal(signal.SIGTERM)

    assert await server.ended(REST_WITHIN.total_seconds() + WITHIN) == 0
    assert "not everything is on disk" in server.printed


async def test_a_stop_that_came_after_the_data_directory_was_gone_holds_the_exit(server: ServerProcess) -> None:
    """No record has it, so the process that knows it does not end by itself."""
    await asyncio.to_thread(shutil.rmtree, server.data_dir)
    stop = await server.trigger("account/a")
    server.signal(signal.SIGTERM)

    assert not stop.durable
    with pytest.raises(subprocess.TimeoutExpired):
        await server.ended(HELD_FOR)
