"""Processes that are measured, and those that measure them."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.process import ROOT, environment

PAGE = os.sysconf("SC_PAGE_SIZE")
ANSWER_WITHIN = 90.0


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


@dataclass
class Child:
    """A process of the benchmark that answers lines with lines of JSON."""

    process: "subprocess.Popen[str]"

    @classmethod
    def started(cls, module: str, *arguments: str) -> "Child":
        """Start a module."""
        command = [sys.executable, "-m", module, *arguments]
        pipe = subprocess.PIPE
        return cls(
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1, cwd=ROOT, env=environment())
        )

    def ask(self, line: str) -> Any:
        """Send a line, and return the first answer. Raises RuntimeError if none comes."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        return self.answer()

    def answer(self, within: float = ANSWER_WITHIN) -> Any:
        """Return the next answer. Raises RuntimeError if none comes."""
        assert self.process.stdout
        if not select.select([self.process.stdout], [], [], within)[0]:
            raise RuntimeError(f"no answer within {within:g} s: {self.process.args}")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"ended: {self.process.args}")
        return json.loads(line)

    def end(self) -> None:
        """Let it end, and wait for it."""
        self.process.communicate()


@contextmanager
def crowd(kind: str, port: int, *options: str) -> Iterator[Child]:
    """Run a crowd of lean subscribers, see ``tests.bench.crowd``.

    It keeps to one core. Left alone the system wakes it on the core of the thread that sends, in place of that thread:
    what only the same machine can do to a server. Servers use all cores, as they like.
    """
    child = Child.started("tests.bench.crowd", kind, str(port), *options)
    os.sched_setaffinity(child.process.pid, {max(os.sched_getaffinity(0))})
    try:
        yield child
    finally:
        child.process.kill()
        child.process.communicate()


@contextmanager
def standing_still(pids: Sequence[int]) -> Iterator[None]:
    """Stop these processes meanwhile, so that they take nothing from the one that is measured."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
