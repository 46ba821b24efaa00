"""The contract of ``PolicyStore``, checked on every adapter."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.memory_store import MemoryDisk, MemoryPolicyStore
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.errors import StoreError, StoreLockedError
from ess_server.core.model import (
    GLOBAL,
    SERVER,
    Action,
    Cause,
    CauseSource,
    EventDraft,
    LatchRecord,
    Scope,
    ScopeKind,
    Stop,
)
from ess_server.core.ports import PolicyStore

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOLDER = """
import sys
from pathlib import Path
from {module} import {name}
store = {name}(Path(sys.argv[1]))
print(store.load().problem or "held", flush=True)
sys.stdin.read()
"""


def record(revision: int, *stops: Stop) -> LatchRecord:
    """Return a record at ``revision``."""
    return LatchRecord(store_id="the-store", revision=revision, floor=1000, stops=stops)


def stop(revision: int, scope: Scope = GLOBAL) -> Stop:
    """Return a stop with a cause."""
    cause = Cause(source=CauseSource.MANUAL, reason="fat finger ü", actor=SERVER, time=NOON)
    return Stop(
        stop_id=f"stop-{revision}",
        scope=scope,
        action=Action.FLATTEN,
        revision=revision,
        activate_time=NOON,
        cause=cause,
        request_ids=("a", "b"),
    )


def draft(number: int) -> EventDraft:
    """Return an event of its own id."""
    return EventDraft(event_id=f"event-{number}", kind="stop.activated", time=NOON, summary="stopped", revision=number)


class FilePlace:
    """A place on disk; stores opened here start from what earlier ones left."""

    def __init__(self, path: Path, adapter: type[SqlitePolicyStore | LatchFile]) -> None:
        self.path = path
        self.adapter = adapter
        self.opened: list[PolicyStore] = []

    def open(self) -> PolicyStore:
        """Return a new store on this place."""
        self.opened.append(self.adapter(self.path))
        return self.opened[-1]

    def image(self) -> "FilePlace":
        """Return a copy of what a kill at this moment would leave."""
        target = self.path.parent.with_name(f"{self.path.parent.name}-image")
        shutil.copytree(self.path.parent, target)
        image = FilePlace(target / self.path.name, self.adapter)
        image.opened = self.opened
        return image

    def spoil(self, content: bytes) -> None:
        """Put other bytes in the record's place."""
        self.path.write_bytes(content)

    def content(self) -> dict[str, bytes]:
        """Return every file of the place that is not empty."""
        found = {path.name: path.read_bytes() for path in self.path.parent.iterdir()}
        return {name: content for name, content in found.items() if content}

    def close(self) -> None:
        """Close every store that was opened here."""
        for store in self.opened:
            store.close()


class MemoryPlace:
    """A place in memory, with the same face as a ``FilePlace``."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk

    def open(self) -> PolicyStore:
        """Return a new store on this place."""
        return MemoryPolicyStore(self.disk)

    def image(self) -> "MemoryPlace":
        """Return a copy of what a kill at this moment would leave."""
        return MemoryPlace(deepcopy(self.disk))

    def spoil(self, content: bytes) -> None:
        """Put other bytes in the record's place."""
        self.disk.payload = content

    def content(self) -> dict[str, bytes]:
        """Return the bytes kept."""
        return {"payload": self.disk.payload} if self.disk.payload else {}

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture(params=["sqlite", "latch"])
def file_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FilePlace]:
    """Give an empty place on disk for each adapter that writes files."""
    (tmp_path / "data").mkdir()
    places: dict[str, Callable[[], FilePlace]] = {
        "sqlite": lambda: FilePlace(tmp_path / "data" / "state.db", SqlitePolicyStore),
        "latch": lambda: FilePlace(tmp_path / "data" / "latch", LatchFile),
    }
    place = places[request.param]()
    yield place
    place.close()


@pytest.fixture(params=["sqlite", "latch", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Give an empty place for every adapter."""
    (tmp_path / "data").mkdir()
    places: dict[str, Callable[[], Any]] = {
        "sqlite": lambda: FilePlace(tmp_path / "data" / "state.db", SqlitePolicyStore),
        "latch": lambda: FilePlace(tmp_path / "data" / "latch", LatchFile),
        "memory": lambda: MemoryPlace(MemoryDisk()),
    }
    chosen = places[request.param]()
    yield chosen
    chosen.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let every write to a regular file of this process fail, by the kernel's own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_nothing_is_read_where_nothing_was_written(place: Any) -> None:
    """A place that was never written has no record and says that it is missing: it proves nothing."""
    loaded = place.open().load()
    assert loaded.record is None
    assert loaded.problem.endswith("missing")


def test_load_leaves_no_trace(place: Any) -> None:
    """Looking at an empty place creates nothing, so a second look finds it as empty."""
    place.open().load()
    assert place.content() == {}


def test_committed_record_is_there_after_a_restart(place: Any) -> None:
    """What commit returned from is what an orderly restart finds, intact and equal in every field."""
    written = record(7, stop(7), stop(6, Scope(ScopeKind.ACCOUNT, "main/1")))
    store = place.open()
    store.load()
    store.commit(written, [draft(1)])
    store.close()
    loaded = place.open().load()
    assert (loaded.record, loaded.problem) == (written, "")


def test_committed_record_is_there_after_a_kill(place: Any) -> None:
    """After each of several commits, a process that opens the files as they lie finds exactly that record."""
    store = place.open()
    store.load()
    for revision in (1, 2, 3):
        written = record(revision, *[stop(revision)] * (revision % 2))
        store.commit(written, [draft(revision)])
    loaded = place.image().open().load()
    assert (loaded.record, loaded.problem) == (written, "")


def test_newest_of_many_commits_and_restarts_wins(place: Any) -> None:
    """However commits and restarts alternate, the last committed record is found."""
    store = place.open()
    for revision in range(1, 30):
        written = record(revision, stop(revision))
        store.commit(written, [draft(revision)])
        if revision % 4 == 0:
            store.close()
            store = place.open()
            assert store.load().record == written
    store.close()
    assert place.open().load().record == written


def test_loading_again_shows_the_same(place: Any) -> None:
    """A load is a read: repeated, and after a kill, it finds the same and keeps the bytes as they are."""
    store = place.open()
    store.commit(record(3, stop(3)), [draft(1)])
    store.close()
    before = place.content()
    store = place.open()
    assert store.load() == store.load()
    assert place.content() == before


def test_close_is_idempotent(place: Any) -> None:
    """A store may be closed twice, unused or used, and be loaded again afterwards."""
    store = place.open()
    store.close()
    store.commit(record(1), [])
    store.close()
    store.close()
    assert store.load().record == record(1)


def test_unwritable_record_is_refused_and_leaves_the_last_one(place: Any) -> None:
    """A record that has no encoding raises StoreError, and the store goes on from what it had."""
    store = place.open()
    store.load()
    store.commit(record(1, stop(1)), [draft(1)])
    broken = replace(stop(2), activate_time=NOON.replace(tzinfo=None))
    with pytest.raises(StoreError, match="time zone"):
        store.commit(record(2, broken), [draft(2)])
    assert place.image().open().load().record == record(1, stop(1))
    store.commit(record(3), [draft(2), draft(3)])
    store.close()
    assert place.open().load().record == record(3)


@pytest.mark.parametrize("content", [b"{", b"\0" * 9000, b"SQLite format 3\0" * 600, b'{"v":2}'])
def test_bad_content_is_a_problem_and_never_a_record(place: Any, content: bytes) -> None:
    """Bytes that are no record are reported by load, not raised, and the next commit makes the store whole."""
    place.spoil(content)
    store = place.open()
    loaded = store.load()
    assert loaded.record is None
    assert loaded.problem
    assert not loaded.problem.endswith("missing")
    store.commit(record(4, stop(4)), [draft(1)])
    store.close()
    loaded = place.open().load()
    assert (loaded.record, loaded.problem) == (record(4, stop(4)), "")


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
