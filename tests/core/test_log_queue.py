"""Log lines never hold up whoever logs, whatever becomes of the stream."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import pytest

from ess_server.core.log_queue import LogQueue
from ess_server.testing.waiting import eventually

SOON, AT_ONCE = timedelta(seconds=10), timedelta(milliseconds=50)
CAPACITY = 10


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def fill(writer: int) -> int:
    """Write until no byte finds room; return how many did."""
    os.set_blocking(writer, False)
    size = 0
    for length in (4096, 1):
        with suppress(BlockingIOError):
            while size < 1 << 24:
                size += os.write(writer, b"x" * length)
    os.set_blocking(writer, True)
    return size


def read(reader: int, size: int) -> bytes:
    """Read so many bytes."""
    read = b""
    while len(read) < size and (chunk := os.read(reader, size - len(read))):
        read += chunk
    return read


def logger_to(handler: LogQueue) -> logging.Logger:
    """Return a logger that nothing else listens to."""
    logger = logging.Logger("of-this-test", logging.INFO)  # noqa: LOG001 - registered nowhere, gone after the test
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    return logger


def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    """Records and plain lines come out as they went in, whatever characters they hold."""
    handler = LogQueue(pipe[1])
    logger = logger_to(handler)
    logger.info("first %s", "\udcff")
    handler.say("second ä")
    logger.error("third")

    assert handler.drain(SOON)
    assert os.read(pipe[0], 4096) == "INFO first \\udcff\nsecond ä\nERROR third\n".encode()
    assert handler.dropped == 0


@pytest.mark.parametrize("blocking", [True, False])
def test_stream_that_nobody_reads_holds_up_nobody(pipe: tuple[int, int], *, blocking: bool) -> None:
    """Logging and ending return in time; what found no room is counted, and said once somebody reads."""
    filled = fill(pipe[1])
    os.set_blocking(pipe[1], blocking)
    handler = LogQueue(pipe[1], CAPACITY)
    logger = logger_to(handler)
    began = monotonic()
    for number in range(1000):
        logger.info("%d", number)
    handler.flush()
    took = monotonic() - began
    lost = handler.dropped

    assert took < 1
    assert 1000 - CAPACITY - 1 <= lost <= 1000 - CAPACITY
    assert not handler.drain(AT_ONCE)
    assert read(pipe[0], filled) == b"x" * filled
    assert handler.drain(SOON)
    lines = os.read(pipe[0], 4096).decode().splitlines()
    assert lines[:2] == ["INFO 0", f"WARNING {lost} log lines were dropped: nobody read them"]
    assert len(lines) == 1000 - lost + 1


async def test_stream_that_fails_costs_lines_only(pipe: tuple[int, int]) -> None:
    """With the reader gone every line is counted as dropped, and logging goes on."""
    os.close(pipe[0])
    handler = LogQueue(pipe[1])
    logger = logger_to(handler)
    logger.info("one")
    logger.info("two")

    assert handler.drain(SOON)
    await eventually(lambda: handler.dropped == 2)


def test_record_that_cannot_be_formatted_is_named(pipe: tuple[int, int], capfd: pytest.CaptureFixture[str]) -> None:
    """It is said where it was logged, and nothing is printed past the queue."""
    handler = LogQueue(pipe[1])
    logger_to(handler).info("%d", "no number")

    assert handler.drain(SOON)
    assert b"test_log_queue.py" in (line := os.read(pipe[0], 4096))
    assert line.endswith(b": a log record that cannot be formatted: TypeError\n")
    assert capfd.readouterr() == ("", "")
