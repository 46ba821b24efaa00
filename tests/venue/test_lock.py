"""The lock of the venue process on disks that take no writes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest

from ess_server.venue.lock import LockHeldError, hold_lock

SOON = timedelta(milliseconds=50)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow."""
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)


async def test_a_full_disk_keeps_nobody_from_the_lock(tmp_path: Path) -> None:
    """The number in the file is for people; the lock holds without it."""
    with full_disk():
        held = await hold_lock(str(tmp_path / "lock"), SOON, print)
    try:
        with pytest.raises(LockHeldError, match="pid unknown"):
            await hold_lock(str(tmp_path / "lock"), SOON, lambda _: None)
    finally:
        os.close(held)


async def test_a_disk_that_became_read_only_keeps_nobody_from_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock file that is there can be held without writing to it."""
    path = tmp_path / "lock"
    path.write_text("17\n")
    opened = os.open

    def read_only(name: str, flags: int, mode: int = 0o777) -> int:
        # What the kernel says on such a disk: nobody here may mount one.
        if flags & os.O_RDWR:
            raise OSError(30, os.strerror(30), name)
        return opened(name, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    held = await hold_lock(str(path), SOON, print)
    try:
        other = opened(path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
    finally:
        os.close(held)


async def test_a_place_that_is_none_is_an_error(tmp_path: Path) -> None:
    """Where there is no directory there is no lock, and nobody believes there is one."""
    with pytest.raises(FileNotFoundError):
        await hold_lock(str(tmp_path / "gone" / "lock"), SOON, print)
