"""Lives of one installation in processes that are forked quickly and stand still before what is to be disturbed.

``python -m tests.fault.life`` reads for each life a JSON line with scene, data, told and weak, and prints its process
id. What a life was asked and answered is in the file ``told``, a line each, written before the next step: it survives.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ess_server.core import journal, opening, reset
from ess_server.core.errors import EssError
from tests.e2e.process import ROOT, environment
from tests.fault.hand import latch_by_hand
from tests.fault.installation import LATCH, NOTHING, Installed, Tell, opened

GO = signal.SIGUSR1
ANSWER_WITHIN = 0.5
"""Seconds in which a life waits for an answer; a person would not wait longer."""
REST_WITHIN = 0.1
"""Seconds for what is still to be written at the end; a disk that never works again is not waited for."""
FIRST, RESTART, TRIGGER, RESET = "first start", "restart", "trigger", "reset"
SCENES = (FIRST, RESTART, TRIGGER, RESET)
SCOPE = "account/a"
READY = "READY"


def stand_still(tell: Tell) -> None:
    """Wait until whoever started this life says go."""
    tell(READY)
    signal.sigwait({GO})


async def trigger(one: Installed, tell: Tell, scope: str) -> None:
    """Stop, and say whether it is durable."""
    revision = one.trigger(scope)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            await one.controller.journal.durable(revision)
        tell(f"DURABLE {scope} {revision}")


async def release(one: Installed, tell: Tell, scope: str) -> None:
    """Reset what stands, and say what became of it."""
    revision = one.controller.state.revision
    tell(f"RESETTING {scope} {revision}")
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await one.reset(scope, revision)
    except EssError:
        tell(f"REFUSED {scope} {revision}")
        if not one.controller.state.active:
            tell("WRONG a reset failed, and the server in which it failed is INACTIVE")
    except TimeoutError:
        return
    else:
        tell(f"RELEASED {scope} {revision}")


async def live(scene: str, data: Path, tell: Tell, weak: str) -> None:
    """One life: what is disturbed comes after ``stand_still``."""
    for stop in latch_by_hand(data / LATCH).get("stops", ()):
        tell(f"DURABLE {stop['scope']} {stop['revision']}")
    if scene in (FIRST, RESTART):
        stand_still(tell)
    async with opened(data, tell=tell, weak=weak) as one:
        if scene in (TRIGGER, RESET):
            await one.controller.settle()
            stand_still(tell)
        if scene == FIRST:
            await release(one, tell, "global")
        if scene in (FIRST, TRIGGER):
            await trigger(one, tell, SCOPE)
        if scene == RESET:
            await release(one, tell, SCOPE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_WITHIN):
                await one.controller.settle()
                return
        os._exit(0)


def born(scene: str, data: str, told: str, weak: str) -> None:
    """Live in this process and end it."""
    file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tell(line: str) -> None:
        os.write(file, f"{line}\n".encode())

    try:
        asyncio.run(live(scene, Path(data), tell, weak))
    except EssError as error:
        tell(f"ENDED {type(error).__name__}")
    except BaseException as error:  # noqa: BLE001 - whatever else ends a life is a finding
        tell(f"WRONG {type(error).__name__}: {error}".replace("\n", " "))
    os._exit(0)


def main() -> None:
    """Fork a life for each line that is read."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {GO})
    # A start that cannot write waits for its disk no longer than a test can.
    opening.FLOOR_WITHIN = reset.CATCH_UP_WITHIN = timedelta(milliseconds=300)
    journal.RETRY_FIRST = timedelta(milliseconds=10)
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            born(**json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Nursery:
    """The process that forks lives."""

    process: "subprocess.Popen[str]"

    def begin(self, scene: str, data: Path, told: Path, weak: str = NOTHING) -> int:
        """Begin a life and return its process id once it stands still."""
        told.unlink(missing_ok=True)
        assert self.process.stdin
        assert self.process.stdout
        line = {"scene": scene, "data": str(data), "told": str(told), "weak": weak}
        self.process.stdin.write(f"{json.dumps(line)}\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        wait_for(lambda: READY in lines_of(told))
        return pid


def wait_for(look: Callable[[], bool], within: float = 10.0) -> None:
    """Wait until ``look`` is true, bounded."""
    end = time.monotonic() + within
    while not look():
        if time.monotonic() > end:
            raise TimeoutError("a life does not come to where it is waited for")
        time.sleep(0.0005)


def lines_of(told: Path) -> list[str]:
    """Return what a life has told so far; a line that was cut off was not told."""
    text = told.read_text() if told.exists() else ""
    return [line.rstrip("\n") for line in text.splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Start the process that forks lives."""
    command = [sys.executable, "-m", "tests.fault.life"]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT
    )
    try:
        yield Nursery(child)
    finally:
        child.kill()
        child.communicate()


if __name__ == "__main__":
    main()
