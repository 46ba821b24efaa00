"""strace on a life: what it asks of the kernel, and how the kernel is made to answer."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.fault.installation import LATCH, STATE_DB
from tests.fault.life import GO, wait_for

ENDS_WITHIN = 20.0
MISSING = "strace is not on this machine, or may not trace here: apt-get install strace"
SIDES = ("", "-wal", "-journal", ".new", ".new-wal", ".new-journal")


def available() -> bool:
    """Whether strace is installed, and may attach to a process that it has not started."""
    if shutil.which("strace") is None:
        return False
    life = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    command = ["strace", "-qq", "-o", os.devnull, "-e", "trace=none", "-p", str(life.pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _all_traced(life.pid) or tracer.poll() is not None)
        return tracer.poll() is None
    finally:
        tracer.kill()
        tracer.wait()
        life.kill()
        life.communicate()


def paths(data: Path, name: str) -> list[str]:
    """Return every file that the record ``name`` may touch, and its directory."""
    sides = SIDES if name == STATE_DB else ("", ".new")
    return [str(data), *(str(data / f"{name}{side}") for side in sides)]


def traced(pid: int, log: Path, *options: str) -> None:
    """Let the life ``pid`` go on under strace, until it ends; a life that hangs is ended."""
    command = ["strace", "-f", "-qq", "-y", "-p", str(pid), "-o", str(log), *options]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _all_traced(pid) or tracer.poll() is not None)
        if tracer.poll() is not None:
            raise RuntimeError(f"strace ended with {tracer.returncode}")
        os.kill(pid, GO)
        tracer.wait(ENDS_WITHIN)
    finally:
        _end(pid)
        tracer.kill()
        tracer.wait()


def untraced(pid: int) -> None:
    """Let the life ``pid`` go on undisturbed, to its end."""
    os.kill(pid, GO)
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def _all_traced(pid: int) -> bool:
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)


def _end(pid: int) -> None:
    """End the life if it has not ended, and wait until nothing of it holds the files any more."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
            continue
        return


def names() -> tuple[str, str]:
    """Return the two records whose calls are disturbed, one at a time."""
    return STATE_DB, LATCH
