"""What a commit that failed leaves in ``state.db``, and what the next one makes of it."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.chain import verify
from ess_server.core.errors import StoreError
from ess_server.core.ports import Loaded
from tests.adapters.sqlite_store.faulty_connection import FaultyConnection, failing
from tests.adapters.sqlite_store.loading import Build, Draft, loaded


@pytest.mark.parametrize("when", ["before", "after"])
def test_failed_commit_leaves_no_gap_and_no_double(
    path: Path, faulty: type[FaultyConnection], stopped: Build, draft: Draft, when: Literal["before", "after"]
) -> None:
    """Whether a failed commit took effect or not, the next one leaves every event once, chained and in order."""
    with closing(SqlitePolicyStore(path, factory=faulty)) as store:
        store.commit(stopped(1), [draft(1)])
        for number in (2, 4, 6):
            with (
                failing(faulty, "COMMIT", sqlite3.OperationalError("disk I/O error"), when),
                pytest.raises(StoreError, match=r"state\.db may or may not have been written"),
            ):
                store.commit(stopped(number), [draft(number)])
            head = store.commit(stopped(number + 1), [draft(number), draft(number + 1)])
        events = store.read(after=0, limit=100, ascending=True)
        assert [event.draft for event in events] == [draft(number) for number in range(1, 8)]
        assert verify(events, expect=head) == []
    assert loaded(path) == Loaded(record=stopped(7))


@pytest.mark.parametrize("statement", ["BEGIN", "SELECT 1 FROM events", "INSERT INTO events", "INSERT OR REPLACE"])
def test_failed_statement_leaves_the_last_commit(
    path: Path, faulty: type[FaultyConnection], stopped: Build, draft: Draft, statement: str
) -> None:
    """A failure at any step inside the transaction leaves the record before it, to readers and after a restart."""
    with closing(SqlitePolicyStore(path, factory=faulty)) as store:
        head = store.commit(stopped(1), [draft(1)])
        with failing(faulty, statement, sqlite3.OperationalError("out of luck")), pytest.raises(StoreError):
            store.commit(stopped(2), [draft(2)])
        assert store.head() == head
    assert loaded(path) == Loaded(record=stopped(1))


def test_earlier_commits_are_in_the_main_file_before_more_is_trusted(
    path: Path, stopped: Build, draft: Draft, tmp_path: Path
) -> None:
    """The first commit after a start copies what only the write-ahead log held, events "already there" included.

    Shown on the files: the main file alone, without any log, then holds all that was committed before.
    """
    image, alone = tmp_path / "image", tmp_path / "alone"
    image.mkdir()
    alone.mkdir()
    with closing(SqlitePolicyStore(path)) as store:
        store.commit(stopped(1), [draft(1)])
        store.commit(stopped(2), [draft(2)])
        shutil.copy(path, alone)
        for name in ("state.db", "state.db-wal"):
            shutil.copy(path.with_name(name), image)
    assert loaded(alone / "state.db") == Loaded(record=stopped(1))
    with closing(SqlitePolicyStore(image / "state.db")) as restarted:
        restarted.commit(stopped(3), [draft(2), draft(3)])
        shutil.copy(image / "state.db", alone)
    assert loaded(alone / "state.db") == Loaded(record=stopped(2))


def test_failed_commit_is_followed_by_the_same_copying(
    path: Path, faulty: type[FaultyConnection], stopped: Build, draft: Draft
) -> None:
    """After a failure the log is folded in through a new connection, before the next transaction and only then."""
    with closing(SqlitePolicyStore(path, factory=faulty)) as store:
        store.commit(stopped(1), [draft(1)])
        with failing(faulty, "COMMIT", sqlite3.OperationalError("disk I/O error"), "after"), pytest.raises(StoreError):
            store.commit(stopped(2), [draft(2)])
        faulty.statements = []
        store.commit(stopped(3), [draft(2)])
        store.commit(stopped(4), [draft(3)])
    steps = [word for sql in faulty.statements for word in ("locking_mode", "wal_checkpoint", "COMMIT") if word in sql]
    assert steps == ["locking_mode", "wal_checkpoint", "COMMIT", "COMMIT"]


def test_log_that_cannot_be_folded_in_refuses_the_commit(path: Path, stopped: Build) -> None:
    """While earlier commits cannot be made sure of, no later one is acknowledged."""

    class Busy(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            return super().execute("SELECT 1, 0, 0" if "wal_checkpoint" in sql else sql, parameters)

    with closing(SqlitePolicyStore(path)) as store:
        store.commit(stopped(1), [])
    with closing(SqlitePolicyStore(path, factory=Busy)) as store:
        assert store.load() == Loaded(record=stopped(1))
        with pytest.raises(StoreError, match="cannot be folded in"):
            store.commit(stopped(2), [])
    assert loaded(path) == Loaded(record=stopped(1))


def test_interruption_is_passed_on_and_survived(
    path: Path, faulty: type[FaultyConnection], stopped: Build, draft: Draft
) -> None:
    """What is no error of the disk, such as Ctrl-C, is raised as it is, and the next commit goes on."""
    with closing(SqlitePolicyStore(path, factory=faulty)) as store:
        store.commit(stopped(1), [draft(1)])
        with failing(faulty, "INSERT OR REPLACE", KeyboardInterrupt()), pytest.raises(KeyboardInterrupt):
            store.commit(stopped(2), [draft(2)])
        store.commit(stopped(3), [draft(2)])
        assert store.head().sequence == 2
    assert loaded(path) == Loaded(record=stopped(3))


def test_number_beyond_sqlite_is_refused(path: Path, stopped: Build, draft: Draft) -> None:
    """A revision that no column holds raises StoreError like any other failed write."""
    with closing(SqlitePolicyStore(path)) as store:
        with pytest.raises(StoreError, match="too large"):
            store.commit(stopped(1), [replace(draft(1), revision=2**63)])
        store.commit(stopped(1), [draft(1)])
    assert loaded(path) == Loaded(record=stopped(1))
