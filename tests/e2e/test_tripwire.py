"""The file that stops trading with every port closed, and only goes by hand."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.hanging_disk import LOOK
from tests.e2e.process import HANGING_DISK, OVERRIDES, ServerProcess, clock, eventually

WITHIN = 1.0
REFUSED = 1


def check_tripped(state: pb.StopState, reason: str) -> None:
    """One global stop with the configured action, in the words of the file."""
    (stop,) = state.stops
    assert (stop.scope, stop.action, stop.cause.source) == (
        "global",
        pb.STOP_ACTION_FLATTEN,
        pb.CAUSE_SOURCE_TRIPWIRE,
    )
    assert reason in stop.cause.reason


def with_words(tripwire: Path) -> None:
    """A file that says why."""
    tripwire.write_text("fire in the server room\n")


def as_a_directory(tripwire: Path) -> None:
    """Something of that name, made in a hurry."""
    tripwire.mkdir()


def as_a_dangling_link(tripwire: Path) -> None:
    """Something that only a look without following finds."""
    tripwire.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (with_words, "fire in the server room"),
        (as_a_directory, "the tripwire file exists"),
        (as_a_dangling_link, "the tripwire file exists"),
    ],
    ids=["with words", "directory", "dangling link"],
)
async def test_a_tripwire_made_while_the_server_is_down_stops_before_the_port_answers(
    server: ServerProcess, make: Callable[[Path], None], reason: str
) -> None:
    """The very first answer of the next life is ACTIVE, whatever the thing of that name is."""
    await server.end()
    make(server.data_dir / "tripwire")

    check_tripped((await server.start()).state, reason)


async def test_the_port_does_not_answer_before_the_tripwire_was_looked_at(servers: Servers) -> None:
    """However long the disk takes to tell, the first answer is the one after the look."""
    server = servers(program=HANGING_DISK)
    await server.start()
    await server.reset()
    await server.end()
    (server.data_dir / "tripwire").touch()
    slow = server.data_dir.parent / LOOK
    slow.touch()
    starting = asyncio.create_task(server.start())
    await asyncio.sleep(2 * WITHIN)
    assert not starting.done()

    slow.unlink()

    check_tripped((await starting).state, "the tripwire file exists")


async def test_a_tripwire_stops_a_running_server_within_a_second(server: ServerProcess) -> None:
    """A watcher is told within a second of the file's making; removing it releases nothing."""
    async with server.stub() as stub:
        watching = stub.WatchState(pb.WatchStateRequest())
        assert (await watching.read()).state.status == pb.STOP_STATUS_INACTIVE
        (server.data_dir / "tripwire").touch()
        made = clock()
        async with asyncio.timeout(5):
            while (message := await watching.read()).state.status == pb.STOP_STATUS_INACTIVE:
                pass
        took = clock() - made

    check_tripped(message.state, "the tripwire file exists")
    assert took < WITHIN
    (server.data_dir / "tripwire").unlink()
    await asyncio.sleep(2 * WITHIN / 3)
    check_tripped((await server.state()).state, "the tripwire file exists")


async def test_no_reset_passes_while_the_tripwire_exists(server: ServerProcess) -> None:
    """Not with every override either; it is refused with the command to type, and once the file is gone it passes."""
    tripwire = server.data_dir / "tripwire"
    tripwire.touch()
    await eventually(lambda: is_active(server))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await server.reset()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "TRIPWIRE_PRESENT" in refused.value.details()
    overrides = [word for name in [*OVERRIDES, "TRIPWIRE_PRESENT"] for word in ("--override", name)]
    revision = str((await server.state()).state.revision)
    by_hand = await server.ess("reset", "--revision", revision, "--reason", "no", "--by", "ann", *overrides)
    assert (by_hand.code, "rm DATA_DIR/tripwire" in by_hand.err) == (REFUSED, True)
    assert await is_active(server)

    tripwire.unlink()

    assert (await server.reset()).status == pb.STOP_STATUS_INACTIVE
    await server.kill()
    assert (await server.start()).state.status == pb.STOP_STATUS_INACTIVE


async def test_trigger_falls_back_to_the_tripwire_when_the_server_is_dead(server: ServerProcess) -> None:
    """`ess trigger` on the same host says what it did, and the next start is ACTIVE for the reason that was given."""
    await server.kill()

    done = await server.ess("trigger", "--reason", "fat finger", "--by", "ann", "--data-dir", server.data_dir)

    assert (done.code, "TRIPWIRE MADE" in done.out) == (0, True)
    check_tripped((await server.start()).state, "fat finger (ess trigger by ann at ")


async def test_trigger_falls_back_to_the_tripwire_when_the_server_is_frozen(server: ServerProcess) -> None:
    """A server that accepts connections and answers nothing is as good as dead; it stops when it goes on."""
    await server.freeze()
    asked = clock()

    done = await server.ess("trigger", "--reason", "fat finger", "--data-dir", server.data_dir)

    assert (done.code, "TRIPWIRE MADE" in done.out) == (0, True)
    assert clock() - asked < 5
    server.signal(signal.SIGCONT)
    await eventually(lambda: is_active(server), WITHIN + 1)


async def is_active(server: ServerProcess) -> bool:
    """Whether the server says that trading is stopped."""
    return (await server.state()).state.status == pb.STOP_STATUS_ACTIVE
