"""The two-slot file: its bytes, its order of writes, and what it takes."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.latch_file import FILE_BYTES, MAX_PAYLOAD_BYTES, SLOT_BYTES, LatchFile
from ess_server.core.codec import encode_record
from ess_server.core.errors import StoreError
from ess_server.core.ports import Loaded
from tests.adapters.latch_file.slots import Build, file_limit, loaded, slot, written


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
