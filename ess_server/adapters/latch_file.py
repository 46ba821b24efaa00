"""The file ``latch``: the second durable record, in two slots of fixed size that are written in turn.

All space is taken when the file is made, so a full disk cannot refuse a later trigger. Every write goes to the
slot that does not hold the newest record, so the newest one survives a write that is torn.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ess_server.core.codec import decode_record, digest, encode_record
from ess_server.core.errors import StoreError, StoreLockedError
from ess_server.core.model import EventDraft, LatchRecord
from ess_server.core.ports import Loaded

SLOT_BYTES = 512 * 1024
FILE_BYTES = 2 * SLOT_BYTES

_MAGIC = b"ESSLATCH"
_NUMBERS = struct.Struct(">QI")
"""Counter (1, 2, 3 over the life of the file; odd in the first slot) and length of the payload in bytes."""
_DIGEST_BYTES = 32
_HEADER_BYTES = len(_MAGIC) + _NUMBERS.size + _DIGEST_BYTES
MAX_PAYLOAD_BYTES = SLOT_BYTES - _HEADER_BYTES


@dataclass(frozen=True, slots=True)
class _Slot:
    """What one slot shows. ``torn`` is what a write leaves that did not finish; anything else is no accident."""

    counter: int = 0
    record: LatchRecord | None = None
    problem: str = ""
    torn: bool = False


_EMPTY = _Slot()


class LatchFile:
    """PolicyStore without an audit log in the file ``path``.

    The file is built beside its place and renamed: a kill at any moment leaves it missing or whole. ``load`` changes
    nothing. A torn slot beside an intact one is written over; a file that is wrong in any other way is set aside as
    ``<path>.corrupt-<UTC>`` by the first commit, when what replaces it is already on disk.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._descriptor: int | None = None
        self._file: tuple[int, int] | None = None
        self._loaded = False
        self._counter: int | None = None
        """Counter of the newest intact slot; None while there is no file to write into."""

    def load(self) -> Loaded:
        """Read both slots; only a file that is right to the last byte of both headers and records is intact."""
        self.close()
        try:
            loaded = self._examine()
        except OSError as error:
            self._release()
            raise StoreError(f"{self._path} cannot be read ({error}): check permissions and the disk") from error
        self._loaded = True
        return loaded

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> None:  # noqa: ARG002 - keeps no log
        """Write the record; after an error the same slot is written again, through a new descriptor."""
        try:
            if not self._loaded:
                self.load()
            payload = encode_record(record)
            if self._counter is None:
                self._create(payload)
            else:
                self._overwrite(self._counter + 1, payload)
        except (OSError, OverflowError, ValueError) as error:
            self._release()
            what = "may or may not have been written; the next write repairs it"
            raise StoreError(f"{self._path} {what} ({error}): check permissions and the disk") from error
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._release()
        self._loaded = False

    def _examine(self) -> Loaded:
        self._counter = None
        try:
            descriptor = self._opened()
        except FileNotFoundError:
            return Loaded(record=None, problem="the file is missing")
        self._file = _identity(self._path)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(FILE_BYTES + 1)
        loaded, self._counter = _judge(content)
        return loaded

    def _overwrite(self, counter: int, payload: bytes) -> None:
        if _identity(self._path) != self._file:
            self._counter = None
            raise StoreError(f"{self._path} was removed or replaced while in use; the next write creates it anew")
        descriptor = self._opened()
        _write_all(descriptor, _slot_bytes(counter, payload), _index(counter) * SLOT_BYTES)
        os.fdatasync(descriptor)
        # Only now: after an error the same number goes to the same slot, and the other slot keeps what it has.
        self._counter = counter

    def _create(self, payload: bytes) -> None:
        self._release()
        new = Path(f"{self._path}.new")
        new.unlink(missing_ok=True)
        descriptor = _held(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), new)
        self._descriptor = descriptor
        _write_all(descriptor, _slot_bytes(1, payload).ljust(FILE_BYTES, b"\0"), 0)
        os.fsync(descriptor)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        with contextlib.suppress(FileNotFoundError):
            self._path.rename(f"{self._path}.corrupt-{stamp}")
        new.replace(self._path)
        _sync_directory(self._path.parent)
        self._file, self._counter = _identity(self._path), 1

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = _held(os.open(self._path, os.O_RDWR), self._path)
        return self._descriptor

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # What a close could still complain of was decided by the sync before it, or is about to be raised.
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _judge(content: bytes) -> tuple[Loaded, int | None]:
    """Return what the file shows, and the counter to go on from: None if the file is to be made anew."""
    slots = [_read_slot(content[index * SLOT_BYTES :][:SLOT_BYTES], index) for index in (0, 1)]
    older, newer = sorted(slots, key=lambda slot: slot.counter)
    problems = [f"slot {index} {slot.problem}" for index, slot in enumerate(slots) if slot.problem]
    sized = len(content) == FILE_BYTES
    if not sized:
        problems.insert(0, f"the file does not have {FILE_BYTES} bytes")
    elif not problems and newer.counter - older.counter != 1:
        problems.append(f"the slots do not follow each other: their counters are {older.counter} and {newer.counter}")
    usable = sized and newer.record is not None and (older.torn or not problems)
    return Loaded(record=newer.record, problem="; ".join(problems)), newer.counter if usable else None


def _read_slot(content: bytes, index: int) -> _Slot:
    if not any(content):
        return _EMPTY
    numbers, payload = content[len(_MAGIC) :][: _NUMBERS.size], content[_HEADER_BYTES:]
    if content[: len(_MAGIC)] != _MAGIC or len(numbers) < _NUMBERS.size:
        return _Slot(problem="does not begin as one", torn=True)
    counter, length = _NUMBERS.unpack(numbers)
    if digest(numbers + payload[:length]) != content[_HEADER_BYTES - _DIGEST_BYTES : _HEADER_BYTES]:
        return _Slot(problem="does not match its digest", torn=True)
    if _index(counter) != index:
        return _Slot(problem=f"holds number {counter}, which belongs to the other one")
    try:
        return _Slot(counter=counter, record=decode_record(payload[:length]))
    except ValueError as error:
        return _Slot(problem=f"holds a record that cannot be used: {error}")


def _slot_bytes(counter: int, payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the record has {len(payload)} bytes, a slot holds {MAX_PAYLOAD_BYTES}")
    numbers = _NUMBERS.pack(counter, len(payload))
    return _MAGIC + numbers + digest(numbers + payload) + payload


def _index(counter: int) -> int:
    return (counter + 1) % 2


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, content[done:], offset + done)


def _held(descriptor: int, path: Path) -> int:
    """Lock a file against other processes and return its descriptor; close it if that fails."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreLockedError(f"{path} is held by another process: end it, or use another data directory") from None
    return descriptor


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
