"""Only one venue process at a time: two would cancel and close against each other."""

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from datetime import timedelta

from ess_server.core.errors import EssError

_LOOK_EVERY = 0.05


class LockHeldError(EssError):
    """Another process still holds the lock after the time allowed."""


async def hold_lock(path: str, within: timedelta, on_wait: Callable[[str], None]) -> int:
    """Take the lock for the life of this process and return its descriptor.

    ``on_wait`` is told once if another process holds it. A lock file that is there serves on a disk that takes no
    writes as well. Raises LockHeldError, and OSError for a path that cannot be used.
    """
    fd = _open(path)
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    told = False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        else:
            # The number is for people: a disk without room for it must not keep positions open.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
                os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            return fd
        if asyncio.get_running_loop().time() > deadline:
            os.close(fd)
            raise LockHeldError(f"another venue process (pid {holder}) still holds {path}")
        if not told:
            on_wait(f"waiting for another venue process (pid {holder}) to end")
            told = True
        await asyncio.sleep(_LOOK_EVERY)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
