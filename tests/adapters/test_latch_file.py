"""The two-slot file: every byte of it, torn writes, and what a kill leaves."""

import os
import random
import resource
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.latch_file import FILE_BYTES, MAX_PAYLOAD_BYTES, SLOT_BYTES, LatchFile
from ess_server.core.codec import digest, encode_record
from ess_server.core.errors import StoreError
from ess_server.core.model import LatchRecord, Stop
from ess_server.core.ports import Loaded

Build = Callable[[int], LatchRecord]

HEADER_BYTES = 8 + 8 + 4 + 32
CREATOR = """
import sys
from pathlib import Path
from ess_server.adapters.latch_file import LatchFile
from ess_server.core.model import LatchRecord
for number in range(1000):
    print(number, flush=True)
    store = LatchFile(Path(sys.argv[1]) / f"latch-{number}")
    store.load()
    for revision in (1, 2, 3):
        store.commit(LatchRecord(store_id="s" * 9000, revision=revision, floor=0), ())
    store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path in an empty directory."""
    return tmp_path / "latch"


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


def test_bytes_are_those_of_version_1(path: Path, stopped: Build) -> None:
    """The file is two slots of 256 KiB, filled in turn, each with magic, counter, length, digest and record."""
    assert written(path, stopped(1)) == slot(1, encode_record(stopped(1))) + b"\0" * SLOT_BYTES
    written(path, stopped(2))
    assert path.read_bytes() == slot(1, encode_record(stopped(1))) + slot(2, encode_record(stopped(2)))
    written(path, stopped(3), stopped(4), stopped(5))
    assert path.read_bytes() == slot(5, encode_record(stopped(5))) + slot(4, encode_record(stopped(4)))


def test_each_step_is_synced_before_the_next(path: Path, stopped: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced before it is renamed, its directory after, and every later write before commit returns."""
    steps: list[str] = []

    def noted(name: str) -> None:
        genuine = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            steps.append(name)
            return genuine(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    for name in ("pwrite", "fsync", "fdatasync", "replace"):
        noted(name)
    store = LatchFile(path)
    store.commit(stopped(1), ())
    assert steps == ["pwrite", "fsync", "replace", "fsync"]
    steps.clear()
    store.commit(stopped(2), ())
    store.close()
    assert steps == ["pwrite", "fdatasync"]


def test_no_space_is_needed_after_creation(path: Path, stopped: Build) -> None:
    """Once made, the file neither grows nor shrinks nor loses a block, so a full disk cannot refuse a trigger."""
    written(path, stopped(1))
    before = path.stat()
    assert (before.st_size, before.st_blocks * 512 >= FILE_BYTES) == (FILE_BYTES, True)
    big = replace(stopped(2), store_id="s" * 200_000)
    with file_limit(FILE_BYTES):
        written(path, stopped(2), big, stopped(3), big)
    assert (path.stat().st_ino, path.stat().st_size, path.stat().st_blocks) == (
        before.st_ino,
        FILE_BYTES,
        before.st_blocks,
    )
    assert loaded(path).record == big


def test_every_changed_byte_is_harmless_or_found(path: Path, stopped: Build) -> None:
    """One byte of either header or record changed to any other: never an intact record other than the right one.

    The damaged slot is always reported; the record beside the report is one that was really written.
    """
    content = written(path, stopped(1), stopped(2))
    for begin in (0, SLOT_BYTES):
        for position in range(begin, begin + HEADER_BYTES + len(encode_record(stopped(1)))):
            mask = random.Random(position).randrange(1, 256)
            damaged = bytearray(content)
            damaged[position] ^= mask
            found = loaded(path, bytes(damaged))
            assert found.problem, position
            assert found.record == (stopped(2) if begin == 0 else stopped(1)), position


def test_changed_byte_behind_the_record_changes_nothing(path: Path, stopped: Build) -> None:
    """Bytes that no record reaches are not read into one."""
    content = written(path, stopped(1), stopped(2))
    for position in range(SLOT_BYTES + 2000, FILE_BYTES, 20_011):
        damaged = bytearray(content)
        damaged[position] ^= 255
        assert loaded(path, bytes(damaged)) == Loaded(record=stopped(2))


def test_every_changed_byte_of_a_long_record_is_found(path: Path, stopped: Build) -> None:
    """The same for a record of many pages, by samples."""
    content = written(path, replace(stopped(1), store_id="s" * 200_000))
    for position in range(HEADER_BYTES, 200_000, 9_973):
        damaged = bytearray(content)
        damaged[position] ^= 1
        found = loaded(path, bytes(damaged))
        assert (found.record, bool(found.problem)) == (None, True)


def test_every_length_but_the_right_one_is_found(path: Path, stopped: Build) -> None:
    """Cut at any byte of headers and records, at samples between, or made longer: never intact."""
    content = written(path, stopped(1), stopped(2))
    reach = HEADER_BYTES + len(encode_record(stopped(1))) + 2
    lengths = [
        *range(reach),
        *range(reach, SLOT_BYTES, 30_011),
        *range(SLOT_BYTES - 2, SLOT_BYTES + reach),
        FILE_BYTES - 1,
    ]
    for length in lengths:
        found = loaded(path, content[:length])
        assert found.problem, length
        assert found.record in (None, stopped(1), stopped(2)), length
    assert loaded(path, content + b"\0").problem == f"the file does not have {FILE_BYTES} bytes"


@pytest.mark.parametrize("counters", [(1, 4), (3, 6), (5, 2), (7, 0)])
def test_slots_that_do_not_follow_each_other_are_found(path: Path, stopped: Build, counters: tuple[int, int]) -> None:
    """A slot older than the one before the newest is a write that was lost: nothing is proven by the other."""
    first, second = counters
    found = loaded(path, slot(first, encode_record(stopped(first))) + slot(second, encode_record(stopped(second))))
    assert found.record == stopped(max(counters))
    assert "do not follow each other" in found.problem


def test_empty_slot_beside_a_later_one_is_found(path: Path, stopped: Build) -> None:
    """Only the first record has an empty slot beside it; later, emptiness is a loss."""
    for content in (
        slot(3, encode_record(stopped(3))) + b"\0" * SLOT_BYTES,
        b"\0" * SLOT_BYTES + slot(2, encode_record(stopped(2))),
        b"\0" * FILE_BYTES,
    ):
        assert "do not follow each other" in loaded(path, content).problem


def test_slot_in_the_place_of_the_other_is_found(path: Path, stopped: Build) -> None:
    """Two intact slots that changed places are no record: a number belongs to one slot."""
    one, two = slot(1, encode_record(stopped(1))), slot(2, encode_record(stopped(2)))
    found = loaded(path, two + one)
    assert found.record is None
    assert "belongs to the other" in found.problem


def test_record_of_a_newer_version_is_kept_as_evidence(path: Path, stopped: Build) -> None:
    """A slot that is whole but cannot be understood is no torn write: the file is set aside, not written over."""
    newer = encode_record(stopped(2)).replace(b'"v":1', b'"v":3')
    content = slot(1, encode_record(stopped(1))) + slot(2, newer)
    found = loaded(path, content)
    assert found.record == stopped(1)
    assert "is in format 3" in found.problem
    written(path, stopped(3))
    assert loaded(path) == Loaded(record=stopped(3))
    (aside,) = path.parent.glob("latch.corrupt-*")
    assert aside.read_bytes() == content


@pytest.mark.parametrize("cut", [0, 1, 8, 30, 52, 60, 3000])
def test_torn_write_leaves_the_record_before(path: Path, stopped: Build, cut: int) -> None:
    """A write that the kernel cut short is a problem beside the older record, and is repaired in place."""
    written(path, stopped(1), stopped(2))
    inode = path.stat().st_ino
    store = LatchFile(path)
    store.load()
    long = replace(stopped(3), store_id="s" * 5000)
    with file_limit(cut), pytest.raises(StoreError, match="next write repairs it"):
        store.commit(long, ())
    found = loaded(path)
    assert (found.record, bool(found.problem)) == (stopped(2), cut > 8 + 7)
    store.load()
    store.commit(stopped(4), ())
    store.close()
    assert loaded(path) == Loaded(record=stopped(4))
    assert path.stat().st_ino == inode


def test_failed_write_goes_to_the_same_slot_again(path: Path, stopped: Build) -> None:
    """However often a write fails, the slot of the newest durable record is not touched."""
    written(path, stopped(1), stopped(2))
    store = LatchFile(path)
    store.load()
    for revision in (3, 4, 5):
        with file_limit(40), pytest.raises(StoreError):
            store.commit(stopped(revision), ())
        assert path.read_bytes()[SLOT_BYTES:] == slot(2, encode_record(stopped(2)))
    store.commit(stopped(6), ())
    store.close()
    assert path.read_bytes() == slot(3, encode_record(stopped(6))) + slot(2, encode_record(stopped(2)))


def test_lost_descriptor_is_replaced(path: Path, stopped: Build) -> None:
    """When the descriptor itself fails, the commit raises StoreError and the next one opens the file anew."""
    store = LatchFile(path)
    store.commit(stopped(1), ())
    assert store._descriptor is not None
    os.close(store._descriptor)
    with pytest.raises(StoreError, match="Bad file descriptor"):
        store.commit(stopped(2), ())
    store.commit(stopped(3), ())
    store.close()
    assert loaded(path) == Loaded(record=stopped(3))


def test_record_that_does_not_fit_is_named(path: Path, stopped: Build) -> None:
    """A record larger than a slot raises StoreError with both sizes; one of exactly the slot's size is kept."""
    room = MAX_PAYLOAD_BYTES - len(encode_record(replace(stopped(1), store_id="")))
    store = LatchFile(path)
    store.commit(stopped(1), ())
    with pytest.raises(StoreError, match=f"latch.*{MAX_PAYLOAD_BYTES + 1} bytes, a slot holds {MAX_PAYLOAD_BYTES}"):
        store.commit(replace(stopped(1), store_id="s" * (room + 1)), ())
    store.commit(replace(stopped(1), store_id="s" * room), ())
    store.close()
    assert loaded(path) == Loaded(record=replace(stopped(1), store_id="s" * room))


class Interrupted(tuple[Stop, ...]):
    """Stops whose reading is cut short by Ctrl-C."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Stop]:
        """Raise KeyboardInterrupt."""
        raise KeyboardInterrupt


def test_interruption_is_passed_on_and_survived(path: Path, stopped: Build) -> None:
    """What is no error of the disk, such as Ctrl-C, is raised as it is, and the next commit goes on."""
    store = LatchFile(path)
    store.commit(stopped(1), ())
    with pytest.raises(KeyboardInterrupt):
        store.commit(replace(stopped(2), stops=Interrupted()), ())
    store.commit(stopped(3), ())
    store.close()
    assert loaded(path) == Loaded(record=stopped(3))


def test_kill_during_creation_leaves_no_half_record(tmp_path: Path) -> None:
    """Killed at 20 random moments while files are made and written, every file is missing, intact, or reported."""
    chance = random.Random(20260105)
    for attempt in range(20):
        directory = tmp_path / str(attempt)
        directory.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", CREATOR, str(directory)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            complete = chance.randrange(3)
            for _ in range(complete + 1):
                assert child.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0.0, 0.02))
            child.kill()
        for number in range(complete):
            found = loaded(directory / f"latch-{number}")
            assert found == Loaded(record=LatchRecord(store_id="s" * 9000, revision=3, floor=0))
        for made in directory.glob("latch-*"):
            if made.suffix == ".new":
                continue
            found = loaded(made)
            assert found.record is not None
            assert found.record.revision in (1, 2, 3)
            assert not found.problem or "does not" in found.problem
