"""Torn and failed writes to the two-slot file, and what a kill leaves."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ess_server.adapters.latch_file import SLOT_BYTES, LatchFile
from ess_server.core.codec import encode_record
from ess_server.core.errors import StoreError
from ess_server.core.model import LatchRecord, Stop
from ess_server.core.ports import Loaded
from tests.adapters.killed import killed_while_creating
from tests.adapters.latch_file.slots import Build, file_limit, loaded, slot, written

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
        complete = killed_while_creating(CREATOR, directory, chance, 0.02)
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
