"""Servers and commands in processes of their own, for tests that stop, freeze and kill them."""

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "ess_server")
HANGING_DISK = (sys.executable, "-m", "tests.e2e.hanging_disk")
OVERRIDES = ["UNCONFIRMED_GATES", "NOT_FLAT", "CONDITION_TRUE"]
START_WITHIN = 30.0
END_WITHIN = 20.0
MOST_STARTS = 20
FAST_RECONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 50),
    ("grpc.use_local_subchannel_pool", 1),
]
_LISTENING = re.compile(r"listening on \S+:(\d+) ")


def clock() -> float:
    """Seconds on a clock that neither server nor gate reads."""
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what would name another server."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ESS_")} | dict(changes or {})


async def eventually(look: Callable[[], T | Awaitable[T]], within: float = 10.0) -> T:
    """Return what ``look`` finds once that is true; at most ``within`` seconds."""
    end = clock() + within
    while True:
        found = look()
        value: T = await found if isinstance(found, Awaitable) else found
        if value:
            return value
        assert clock() < end, f"did not become true within {within:g} s"
        await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


async def ess(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command of the command line to its end, without a terminal."""
    done = await asyncio.to_thread(
        subprocess.run,
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_WITHIN,
        env=environment(env),
        cwd=ROOT,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass
class ServerProcess:
    """`ess serve` on one data directory; started again on the port that it took first."""

    data_dir: Path
    port: int = 0
    arguments: tuple[str | Path, ...] = ()
    program: tuple[str, ...] = PROGRAM
    child: "subprocess.Popen[bytes] | None" = None
    _printed: int = field(default=0, repr=False)

    @property
    def target(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What all lives of this server printed."""
        return self.data_dir.parent / f"{self.data_dir.name}.log"

    @property
    def printed(self) -> str:
        """What the present life printed so far."""
        return self.log.read_bytes()[self._printed :].decode()

    async def start(self) -> pb.GetStateResponse:
        """Start it, and return the first state that it answers."""
        for _ in range(MOST_STARTS):
            self.spawn()
            if self.port == 0:
                await eventually(lambda: _LISTENING.search(self.printed) or self.has_ended(), START_WITHIN)
                found = _LISTENING.search(self.printed)
                self.port = int(found[1]) if found else 0
            state = await self._first_state() if self.port else None
            if state:
                return state
            # Between two lives of a server anybody on the machine may hold its port for a moment.
            assert "cannot be bound" in self.printed, f"ended with {self.process.returncode}:\n{self.printed[-3000:]}"
            await asyncio.sleep(0.1)
        raise AssertionError(f"port {self.port} stayed in use")

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running process, or the last one that ran."""
        assert self.child is not None
        return self.child

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.child is not None:
            await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal that ends it, and return its exit code."""
        if not self.has_ended():
            self.signal(number)
        return await self.ended()

    async def ended(self, within: float = END_WITHIN) -> int:
        """Wait until it has ended, and return its exit code."""
        return await asyncio.to_thread(self.process.wait, within)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def freeze(self) -> float:
        """SIGSTOP; return the time at which it stands still."""
        return await freeze(self.process)

    def limit_files(self, size: int = resource.RLIM_INFINITY) -> None:
        """Let every write beyond ``size`` bytes of a file fail, as on a disk that is full or broken."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    @asynccontextmanager
    async def stub(self) -> AsyncIterator[rpc.EmergencyStopServiceStub]:
        """Connect to it."""
        async with grpc.aio.insecure_channel(self.target, options=FAST_RECONNECT) as channel:
            yield rpc.EmergencyStopServiceStub(channel)

    async def state(self) -> pb.GetStateResponse:
        """Return its present state."""
        async with self.stub() as stub:
            return await _state(stub)

    async def trigger(self, scope: str = "", action: int = pb.STOP_ACTION_BLOCK, reason: str = "test") -> pb.Stop:
        """Stop, and return the stop."""
        async with self.stub() as stub:
            request = pb.TriggerRequest(scope=scope, action=action, reason=reason)
            return (await stub.Trigger(request, timeout=5)).stop

    async def reset(self, scope: str = "") -> pb.StopState:
        """Release what stands at present, as a person who has looked at it."""
        async with self.stub() as stub:
            revision = (await _state(stub)).state.revision
            request = pb.ResetRequest(
                revision=revision, scope=scope, reason="test", requested_by="test", overrides=OVERRIDES
            )
            return (await stub.Reset(request, timeout=5)).state

    async def ess(self, *arguments: str | Path) -> Ended:
        """Run a command against it."""
        return await ess("--target", self.target, *arguments)

    def spawn(self) -> None:
        """Start the process and wait for nothing."""
        with self.log.open("ab") as output:
            self._printed = output.tell()
            self.child = subprocess.Popen(
                [*self.program, "serve", "--listen", self.target, "--data-dir", self.data_dir, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(),
                cwd=ROOT,
            )

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    async def _first_state(self) -> pb.GetStateResponse | None:
        """Return the first state that is answered; None if the process ends before."""
        async with self.stub() as stub:
            answer = asyncio.ensure_future(_state(stub))
            try:
                await eventually(lambda: answer.done() or self.has_ended(), START_WITHIN)
                return await answer if answer.done() else None
            finally:
                answer.cancel()


def python(module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a module of these tests as a program; the test reads what it prints and ends it."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(), cwd=ROOT)


async def freeze(process: "subprocess.Popen[bytes]") -> float:
    """SIGSTOP a process; return the time at which every thread of it stands still."""
    process.send_signal(signal.SIGSTOP)
    tasks = Path(f"/proc/{process.pid}/task")
    await eventually(lambda: all(_status_of(task) == "T" for task in tasks.iterdir()))
    return clock()


def _status_of(task: Path) -> str:
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


async def _state(stub: rpc.EmergencyStopServiceStub) -> pb.GetStateResponse:
    return await stub.GetState(pb.GetStateRequest(), wait_for_ready=True, timeout=START_WITHIN)
