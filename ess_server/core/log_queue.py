"""Log lines that wait for whoever reads them, so that the program does not."""

import logging
import os
import queue
import select
from datetime import timedelta
from threading import Thread

STDERR = 2
CAPACITY = 5_000
"""Lines."""
END_WITHIN = timedelta(milliseconds=200)


class LogQueue(logging.Handler):
    """Writes log records to a file descriptor from a thread of its own.

    A terminal that is halted or a collector that hangs holds up that thread alone. While ``capacity`` lines wait,
    further ones are dropped; how many were is logged at WARNING as soon as a line gets through. The descriptor is
    written to directly: a stream would be flushed when the interpreter ends, and hold up the end.
    """

    def __init__(self, fd: int = STDERR, capacity: int = CAPACITY) -> None:
        super().__init__()
        self._fd = fd
        self._waiting: queue.Queue[str] = queue.Queue(capacity)
        self._unsaid = 0
        self.dropped = 0
        Thread(target=self._run, name="ess-log-queue", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one record; never waits and never raises."""
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - logging's own answer is to print it on the stream that may block
            line = f"{record.pathname}:{record.lineno}: a log record that cannot be formatted: {type(error).__name__}"
        self.say(line)

    def say(self, line: str) -> None:
        """Hand over a line as it is; never waits."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._count_dropped(1)

    def drain(self, within: timedelta) -> bool:
        """Wait until every line has been written; False if that takes longer than ``within``."""
        done = self._waiting.all_tasks_done
        with done:
            return done.wait_for(lambda: not self._waiting.unfinished_tasks, within.total_seconds())

    def flush(self) -> None:
        """Wait for the lines as long as an end of the process may; called by ``logging.shutdown``."""
        self.drain(END_WITHIN)

    def _run(self) -> None:
        while True:
            line = self._waiting.get()
            if not self._write(line):
                self._count_dropped(1)
            elif self._unsaid:
                self._say_dropped()
            self._waiting.task_done()

    def _count_dropped(self, lines: int) -> None:
        with self._waiting.mutex:
            self._unsaid += lines
            self.dropped += lines

    def _say_dropped(self) -> None:
        with self._waiting.mutex:
            lines, self._unsaid = self._unsaid, 0
        words = "%d log lines were dropped: nobody read them"
        record = logging.LogRecord("ess.log", logging.WARNING, __file__, 0, words, (lines,), None)
        self._write(self.format(record))

    def _write(self, line: str) -> bool:
        left = f"{line}\n".encode(errors="backslashreplace")
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                select.select((), (self._fd,), ())
            except OSError:
                return False
        return True
