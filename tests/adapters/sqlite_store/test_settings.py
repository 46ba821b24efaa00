"""How ``state.db`` is opened: what is written outlives a loss of power."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.errors import StoreError
from tests.adapters.sqlite_store.loading import Build, files, loaded


def test_settings_survive_a_loss_of_power(made: Path) -> None:
    """Commits are synced in write-ahead mode by the only connection there can be, without shared memory."""
    with closing(SqlitePolicyStore(made)) as store:
        store.load()
        connection = store._connection
        assert connection is not None
        for name, value in (("synchronous", 2), ("journal_mode", "wal"), ("locking_mode", "exclusive")):
            assert connection.execute(f"PRAGMA {name}").fetchone()[0] == value
        assert files(made.parent) == {"state.db", "state.db-wal"}
    assert files(made.parent) == {"state.db"}
    assert made.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("answer", [0, 1])
def test_weaker_syncing_is_refused(made: Path, answer: int) -> None:
    """If SQLite reads back less than FULL, the store raises StoreError rather than promise what it cannot keep."""

    class Weak(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            return super().execute(sql.replace("synchronous = FULL", f"synchronous = {answer}"), parameters)

    with closing(SqlitePolicyStore(made, factory=Weak)) as store:
        with pytest.raises(StoreError, match="PRAGMA synchronous"):
            store.load()
        assert not loaded(made).problem


def test_refused_write_ahead_mode_is_an_error(path: Path, stopped: Build) -> None:
    """A store is never created in another journal mode: with those, an acknowledged commit can be lost."""

    class Rollback(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            return super().execute(sql.replace("journal_mode = WAL", "journal_mode = DELETE"), parameters)

    with closing(SqlitePolicyStore(path, factory=Rollback)) as store:
        store.load()
        with pytest.raises(StoreError, match="write-ahead mode was refused"):
            store.commit(stopped(1), [])
    assert not path.exists()
