"""What was done, line by line, in a file that survives a loss of power; and elsewhere if the disk will not have it."""

import json
import os
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ess_server.core.ports import Clock

MOST_WAITING = 20_000
"""Lines that wait for a disk that hangs; further ones are spilled."""


class EvidenceFile:
    """JSON lines, each synced before the next is written, by a thread of its own.

    ``note`` never waits and never raises. What the disk does not take, and all that follows, goes to ``spill`` line
    by line, which must not wait either. Each line has a number, so that a gap shows.
    """

    def __init__(self, path: Path, clock: Clock, spill: Callable[[str], None]) -> None:
        self.path = path
        self.problem = ""
        self._clock = clock
        self._spill = spill
        self._number = 0
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._writer = threading.Thread(target=self._run, name="ess-evidence", daemon=True)
        self._writer.start()

    def note(self, kind: str, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON takes
        """Hand over one line."""
        self._number += 1
        stamp = {
            "number": self._number,
            "time": self._clock.now().isoformat(),
            "uptime": round(self._clock.uptime(), 6),
        }
        line = json.dumps({**stamp, "kind": kind, **facts}, default=str)
        with self._changed:
            full = len(self._waiting) >= MOST_WAITING
            if not full:
                self._waiting.append(line)
                self._changed.notify_all()
        if full:
            self._spill(line)

    def close(self, within: timedelta) -> bool:
        """Wait until everything is on disk; False, and the rest is spilled, if that does not come about in time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._waiting, within.total_seconds())
            left = list(self._waiting)
        if not done:
            self._fail(f"no answer within {within.total_seconds():g} s")
            for line in left:
                self._spill(line)
        return not self.problem

    def _run(self) -> None:
        file = -1
        try:
            while lines := self._next():
                if not self.problem:
                    try:
                        file = self._open() if file < 0 else file
                        _write(file, "".join(f"{line}\n" for line in lines).encode())
                    except OSError as error:
                        self._fail(error.strerror or str(error))
                if self.problem:
                    for line in lines:
                        self._spill(line)
                with self._changed:
                    for _ in lines:
                        self._waiting.popleft()
                    self._changed.notify_all()
        finally:
            if file >= 0:
                os.close(file)

    def _next(self) -> list[str]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return list(self._waiting)

    def _fail(self, why: str) -> None:
        if not self.problem:
            self.problem = why
            self._spill(f"ess: the evidence cannot be written to {self.path} ({why}); it goes on here, line by line")

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        for directory in (self.path.parent, self.path.parent.parent):
            descriptor = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return file


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
    os.fsync(file)
