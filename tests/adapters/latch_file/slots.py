"""The file written, loaded and put together byte by byte, and a kernel that cuts writes short."""

import resource
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ess_server.adapters.latch_file import SLOT_BYTES, LatchFile
from ess_server.core.codec import digest
from ess_server.core.model import LatchRecord
from ess_server.core.ports import Loaded

Build = Callable[[int], LatchRecord]

HEADER_BYTES = 8 + 8 + 4 + 32


def written(path: Path, *records: LatchRecord) -> bytes:
    """Commit these records in turn; return the bytes of the file."""
    store = LatchFile(path)
    store.load()
    for record in records:
        store.commit(record, ())
    store.close()
    return path.read_bytes()


def loaded(path: Path, content: bytes | None = None) -> Loaded:
    """Load the file, with other bytes if any are given."""
    if content is not None:
        path.write_bytes(content)
    store = LatchFile(path)
    try:
        return store.load()
    finally:
        store.close()


def slot(counter: int, payload: bytes) -> bytes:
    """Return a whole slot as the format's description says."""
    numbers = struct.pack(">QI", counter, len(payload))
    return (b"ESSLATCH" + numbers + digest(numbers + payload) + payload).ljust(SLOT_BYTES, b"\0")


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let the kernel cut every write of this process at ``size`` bytes into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
