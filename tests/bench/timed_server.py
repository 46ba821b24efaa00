"""``ess`` with its event loop watched: CPU time of the longest callback is written to the file ``LONGEST_CALLBACK``.

SIGUSR2 begins the watch, so that the start does not count; the file is written at every longer one.
"""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from ess_server.cli import main


class Watch:
    """The longest callback since ``begin``, in seconds of CPU, and what it was."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._longest = 0.0
        self._on = False

    def begin(self) -> None:
        """Start over."""
        self._on, self._longest = True, 0.0

    def install(self) -> None:
        """Put a stopwatch around every callback of every loop."""
        run = asyncio.events.Handle._run
        watch = self

        def timed(handle: Any) -> None:
            before = time.thread_time()
            run(handle)
            watch.take(time.thread_time() - before, handle)

        asyncio.events.Handle._run = timed  # type: ignore[method-assign]

    def take(self, seconds: float, handle: Any) -> None:
        """Take one callback."""
        if self._on and seconds > self._longest:
            self._longest = seconds
            self._file.write_text(f"{seconds * 1000:.3f} {handle!r}"[:300])


if __name__ == "__main__":
    stopwatch = Watch(Path(os.environ["LONGEST_CALLBACK"]))
    stopwatch.install()
    signal.signal(signal.SIGUSR2, lambda *_: stopwatch.begin())
    raise SystemExit(main())
