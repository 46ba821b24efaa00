"""What a server without venues costs at rest: resident memory, and CPU with 10 watchers.

``python -m tests.bench.at_rest [WATCHERS] [SECONDS]``
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.bench.figures import report
from tests.e2e.process import ServerProcess

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def watch(target: str, name: str) -> None:
    """Read a stream for ever, on a connection of its own."""
    async with grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        async for _ in rpc.EmergencyStopServiceStub(channel).WatchState(pb.WatchStateRequest(subscriber_id=name)):
            pass


async def measure(watchers: int, seconds: float, folder: Path) -> None:
    """Start, wait for quiet, measure."""
    server = ServerProcess(folder / "data")
    await server.start()
    assert server.child is not None
    pid = server.child.pid
    tasks = [asyncio.create_task(watch(server.target, f"w{n}")) for n in range(watchers)]
    await asyncio.sleep(2)  # measuring what happens while nothing happens
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    used = (cpu_seconds(pid) - before) / seconds * 100
    report(f"server_cpu_{watchers}_watchers", 1, used, "%", limit=1)
    report("server_resident", 1, resident_mb(pid), "MB", limit=60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.kill()


def main(arguments: list[str]) -> None:
    """Measure and report."""
    watchers, seconds = (int(a) for a in (*arguments, *("10", "20")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(watchers, seconds, Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
