"""A stderr that nobody reads: a halted terminal, a collector that hangs."""

import asyncio
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.e2e.process import PROGRAM, ROOT, clock, environment

WITHIN = 2.0
ANSWER_WITHIN = 1.0
TRIGGERS, AT_ONCE = 500, 50
PIPE_BYTES = 4_096
MOST_START_LINES = 100


class Unread:
    """A server whose stderr is read up to the line that says where it listens, and never again."""

    def __init__(self, data_dir: Path) -> None:
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer, env=environment(), cwd=ROOT,
        )  # fmt: skip
        os.close(writer)

    def target(self) -> str:
        """Return where it listens, once it does."""
        with os.fdopen(os.dup(self.reader), buffering=1) as lines:
            for _ in range(MOST_START_LINES):
                line = lines.readline()
                if "listening on " in line:
                    return line.partition("listening on ")[2].split()[0]
        raise AssertionError("it does not listen")

    def put_down(self) -> None:
        """End it by force."""
        self.process.kill()
        self.process.wait()
        os.close(self.reader)


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[Unread]:
    """Start the server."""
    server = Unread(tmp_path / "data")
    yield server
    server.put_down()


async def test_server_answers_and_ends_though_nobody_reads_its_log(unread: Unread, tmp_path: Path) -> None:
    """After more lines than the pipe holds, and errors that the event loop itself logs, it takes stops and SIGTERM."""
    latch = tmp_path / "data" / "latch"
    async with grpc.aio.insecure_channel(await asyncio.to_thread(unread.target)) as channel:
        stub = rpc.EmergencyStopServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        for batch in range(TRIGGERS // AT_ONCE):
            requests = (pb.TriggerRequest(scope=f"strategy/{n}", reason=f"{batch}") for n in range(AT_ONCE))
            await asyncio.gather(*(stub.Trigger(request, timeout=20) for request in requests))
        latch.rename(tmp_path / "away")
        for number in range(5):
            await stub.Trigger(pb.TriggerRequest(scope=f"account/{number}", reason="r"), timeout=ANSWER_WITHIN)
        (tmp_path / "away").rename(latch)
        await stub.Trigger(pb.TriggerRequest(scope="account/last", reason="r"), timeout=ANSWER_WITHIN)

    asked = clock()
    unread.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(unread.process.wait, 10)
    assert (code, clock() - asked < WITHIN) == (0, True)
