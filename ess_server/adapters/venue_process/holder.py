"""Who works on the venues already: whoever holds the lock of the venue process."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A venue process, and the process that started it; 0 where that is not known."""

    pid: int
    parent: int
    command: str

    @property
    def words(self) -> str:
        """Name both."""
        venue = f"process {self.pid}" if self.pid else "another process"
        return f"{venue}, the venue process of {self.parent} ({self.command})" if self.parent else venue


def holder_of(lock_file: Path) -> Holder | None:
    """Return who holds the lock, None if nobody does. Raises OSError if that cannot be known."""
    try:
        descriptor = os.open(lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    else:
        return None
    finally:
        os.close(descriptor)
    pid = int(said) if said.isdecimal() else 0
    parent = _parent_of(pid)
    return Holder(pid=pid, parent=parent, command=_command_of(parent))


def _parent_of(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        found = int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        )
        # Whoever lost its parent belongs to init, and ends by itself.
        return found if found > 1 else 0
    return 0


def _command_of(pid: int) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        for name in ("serve", "flatten"):
            if name in words:
                return f"ess {name}"
        return " ".join(words[:2]).strip()[:80]
    return ""
