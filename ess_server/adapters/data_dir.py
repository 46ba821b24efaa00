"""The directory that holds everything one server keeps, and the lock that keeps a second server out."""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ess_server.core.errors import StoreError, StoreLockedError


class DataDirectory:
    """A data directory that this process holds. Made by ``open``; ``close`` or a ``with`` block lets go of it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock
        self._place = path.stat()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Create the directory if need be (0700) and lock it.

        Raises StoreLockedError if another server holds it, StoreError if it cannot be used.
        """
        try:
            _make(path)
            descriptor = os.open(path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"data directory {path}: there is a file of that name; name another directory") from None
        except OSError as error:
            hint = "make it writable for this user or name another directory"
            raise StoreError(f"data directory {path} cannot be used ({error.strerror}): {hint}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f"process {holder}" if holder.isdecimal() else "another process"
            raise StoreLockedError(
                f"data directory {path} is held by {who}, another ess serve: stop it or name another directory"
            ) from None
        # The number is for people: a disk without room for it must not keep the server from starting.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(path, descriptor)

    @property
    def state_db(self) -> Path:
        """Latch and audit log."""
        return self.path / "state.db"

    @property
    def latch(self) -> Path:
        """Second record of the latch."""
        return self.path / "latch"

    @property
    def metrics_db(self) -> Path:
        """Baselines and other bulk."""
        return self.path / "metrics.db"

    @property
    def tripwire(self) -> Path:
        """File that a person makes to stop trading without any port."""
        return self.path / "tripwire"

    @property
    def venue_lock(self) -> Path:
        """Lock that keeps the venue process single."""
        return self.path / "venue.lock"

    def tripwire_exists(self) -> bool:
        """Whether a person made the tripwire, as anything at all, a dangling link included.

        Raises StoreError if that cannot be known, as when the directory was unmounted or replaced.
        """
        try:
            os.lstat(self.tripwire)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{self.tripwire} cannot be looked for ({error.strerror})") from error
        else:
            return True
        if not self._in_place():
            raise StoreError(f"data directory {self.path} was removed or replaced: restart on the right one")
        return False

    def close(self) -> None:
        """Let go of the directory. Idempotent."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _in_place(self) -> bool:
        try:
            return os.path.samestat(self.path.stat(), self._place)
        except OSError:
            return False


def _make(path: Path) -> None:
    missing = [level for level in (path, *path.parents) if not level.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Without this a loss of power could take a directory whose files were all synced.
    for level in missing:
        descriptor = os.open(level.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
