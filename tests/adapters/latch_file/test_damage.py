"""Every byte of the two-slot file changed or cut off, and slots that do not belong together."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from ess_server.adapters.latch_file import FILE_BYTES, SLOT_BYTES
from ess_server.core.codec import encode_record
from ess_server.core.ports import Loaded
from tests.adapters.latch_file.slots import HEADER_BYTES, Build, loaded, slot, written


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
