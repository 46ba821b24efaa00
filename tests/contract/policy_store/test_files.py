"""The contract of ``PolicyStore`` for adapters that write files: disks, other processes, and people."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ess_server.core.errors import StoreError, StoreLockedError
from tests.contract.policy_store.places import FilePlace
from tests.contract.policy_store.records import draft, record, stop

HOLDER = """
import sys
from pathlib import Path
from {module} import {name}
store = {name}(Path(sys.argv[1]))
print(store.load().problem or "held", flush=True)
sys.stdin.read()
"""


@contextmanager
def full_disk() -> Iterator[None]:
    """Let every write to a regular file of this process fail, by the kernel's own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_evidence_stays_and_is_set_aside_by_the_first_commit(file_place: FilePlace) -> None:
    """Bad content lies where it was until a commit replaces it, and beside it, byte for byte, from then on."""
    file_place.spoil(b"rubbish" * 1000)
    store = file_place.open()
    store.load()
    assert file_place.content() == {file_place.path.name: b"rubbish" * 1000}
    store.commit(record(1), [draft(1)])
    aside = [path for path in file_place.path.parent.iterdir() if ".corrupt-" in path.name]
    assert [path.read_bytes() for path in aside] == [b"rubbish" * 1000]


def test_empty_file_is_not_a_missing_one(file_place: FilePlace) -> None:
    """A file cut to nothing is told apart from a store that was never commissioned."""
    file_place.spoil(b"")
    loaded = file_place.open().load()
    assert loaded.record is None
    assert loaded.problem
    assert "missing" not in loaded.problem


def test_second_process_is_kept_out(file_place: FilePlace) -> None:
    """While another process holds the store, load raises StoreLockedError; once it was killed, load works."""
    store = file_place.open()
    store.commit(record(1), [])
    store.close()
    source = HOLDER.format(module=file_place.adapter.__module__, name=file_place.adapter.__name__)
    with subprocess.Popen(
        [sys.executable, "-c", source, str(file_place.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLockedError, match=str(file_place.path)):
            store.load()
        with pytest.raises(StoreLockedError, match=str(file_place.path)):
            store.commit(record(2), [])
        holder.kill()
    assert store.load().record == record(1)


def test_unusable_place_is_named(file_place: FilePlace) -> None:
    """A path that can never hold a record raises StoreError naming it, from load and from commit."""
    file_place.path.mkdir()
    store = file_place.open()
    with pytest.raises(StoreError, match=str(file_place.path)):
        store.load()
    with pytest.raises(StoreError, match=str(file_place.path)):
        store.commit(record(1), [])


def test_place_that_goes_away_is_named(file_place: FilePlace) -> None:
    """A first commit into a directory that is gone raises StoreError, and works once it is back."""
    store = file_place.open()
    store.load()
    file_place.path.parent.rmdir()
    with pytest.raises(StoreError, match=str(file_place.path)):
        store.commit(record(1), [draft(1)])
    file_place.path.parent.mkdir()
    store.commit(record(2), [draft(1)])
    assert file_place.image().open().load().record == record(2)


def test_failed_write_is_repaired_by_the_next(file_place: FilePlace) -> None:
    """When the kernel refuses a write, commit raises StoreError; the next one leaves an intact record."""
    store = file_place.open()
    store.load()
    store.commit(record(1), [draft(1)])
    for revision in (2, 4, 6):
        with full_disk(), pytest.raises(StoreError, match=str(file_place.path)):
            store.commit(record(revision), [draft(revision)])
        written = record(revision + 1, stop(revision + 1))
        store.commit(written, [draft(revision), draft(revision + 1)])
        image = file_place.image()
        copy = image.open()
        loaded = copy.load()
        copy.close()
        shutil.rmtree(image.path.parent)
        assert (loaded.record, loaded.problem) == (written, "")


def test_failed_creation_is_repaired_by_the_next(file_place: FilePlace) -> None:
    """A first commit that the kernel refuses leaves the place without a record; the next one creates it."""
    store = file_place.open()
    store.load()
    with full_disk(), pytest.raises(StoreError):
        store.commit(record(1), [draft(1)])
    assert file_place.image().open().load().problem.endswith("missing")
    store.commit(record(2), [draft(1)])
    store.close()
    assert file_place.open().load().record == record(2)


def test_removal_while_in_use_is_noticed(file_place: FilePlace) -> None:
    """A commit never answers for a file that nobody would find again: it fails, and the next creates it anew."""
    store = file_place.open()
    store.load()
    store.commit(record(1), [draft(1)])
    file_place.path.unlink()
    with pytest.raises(StoreError, match="removed or replaced"):
        store.commit(record(2), [draft(2)])
    store.commit(record(2, stop(2)), [draft(2)])
    store.close()
    assert file_place.open().load().record == record(2, stop(2))


def test_replacement_while_in_use_is_noticed(file_place: FilePlace) -> None:
    """A file put in the store's place, such as an old backup, is not written into but set aside."""
    store = file_place.open()
    store.load()
    store.commit(record(1), [draft(1)])
    backup = file_place.path.with_name("backup")
    backup.write_bytes(b"older")
    backup.replace(file_place.path)
    with pytest.raises(StoreError, match="removed or replaced"):
        store.commit(record(2), [draft(2)])
    store.commit(record(2, stop(2)), [draft(2)])
    store.close()
    assert file_place.open().load().record == record(2, stop(2))
    assert [path.read_bytes() for path in file_place.path.parent.glob("*.corrupt-*[0-9]Z")] == [b"older"]
