"""Bad files and logs that have lost their file are kept as evidence."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.chain import EMPTY_LOG
from ess_server.core.ports import Loaded
from tests.adapters.sqlite_store.loading import Build, Draft, loaded


def test_bad_file_is_set_aside_with_its_log(made: Path, stopped: Build, draft: Draft, tmp_path: Path) -> None:
    """File and write-ahead log are kept byte for byte and as a pair: without its log, this file would look intact."""
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("DELETE FROM latch")
        for name in ("state.db", "state.db-wal"):
            shutil.copy(made.with_name(name), crashed)
    main, wal = ((crashed / name).read_bytes() for name in ("state.db", "state.db-wal"))
    with closing(SqlitePolicyStore(crashed / "state.db")) as other:
        assert other.load().problem == "the file holds 0 latch records instead of one"
        assert (other.head(), list(other.read(after=0, limit=1, ascending=True)), other.revisions()) == (
            EMPTY_LOG,
            [],
            frozenset(),
        )
        assert (crashed / "state.db").read_bytes() == main
        assert other.commit(stopped(9), [draft(9)]).sequence == 1
        (aside,) = (one for one in crashed.iterdir() if ".corrupt-" in one.name and one.name.endswith("Z"))
        assert aside.read_bytes() == main
        assert Path(f"{aside}-wal").read_bytes() == wal
        with closing(sqlite3.connect(aside)) as connection:
            assert connection.execute("SELECT count(*) FROM latch").fetchone() == (0,)
    assert loaded(crashed / "state.db") == Loaded(record=stopped(9))


@pytest.mark.parametrize("main", [b"short", b"X" * 20480], ids=["short", "long"])
def test_log_beside_a_ruined_file_is_kept(made: Path, main: bytes) -> None:
    """A log that may be the only trace of a stop is not touched by looking at the file, however bad that is."""
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("UPDATE events SET kind = 'x'")
        wal = made.with_name("state.db-wal").read_bytes()
    made.write_bytes(main)
    made.with_name("state.db-wal").write_bytes(wal)
    assert loaded(made) == Loaded(record=None, problem="the file is not a database")
    assert (made.read_bytes(), made.with_name("state.db-wal").read_bytes()) == (main, wal)


def test_log_without_its_file_is_no_new_store(made: Path, stopped: Build) -> None:
    """A write-ahead log whose file is gone is a loss, said in other words than a store never made, and kept."""
    made.unlink()
    made.with_name("state.db-wal").write_bytes(b"commits")
    found = loaded(made)
    assert found == Loaded(record=None, problem="the file is missing, although state.db-wal is there")
    with closing(SqlitePolicyStore(made)) as store:
        store.commit(stopped(5), [])
        (aside,) = made.parent.glob("*.corrupt-*")
        assert (aside.name.endswith("Z-wal"), aside.read_bytes()) == (True, b"commits")
    assert loaded(made) == Loaded(record=stopped(5))


def test_empty_file_does_not_cost_its_log(made: Path, stopped: Build) -> None:
    """SQLite would delete the log beside an empty file: it is not let near it, and both are kept."""
    made.write_bytes(b"")
    made.with_name("state.db-wal").write_bytes(b"commits")
    assert loaded(made) == Loaded(record=None, problem="the file is empty")
    assert made.with_name("state.db-wal").read_bytes() == b"commits"
    with closing(SqlitePolicyStore(made)) as store:
        store.commit(stopped(5), [])
    assert {path.read_bytes() for path in made.parent.glob("*.corrupt-*")} == {b"", b"commits"}


def test_rollback_journal_is_never_played_back(made: Path, stopped: Build) -> None:
    """A journal that another program left could turn the file back to an older state: it is reported and set aside."""
    made.with_name("state.db-journal").write_bytes(b"journal")
    content = made.read_bytes()
    assert "rollback journal" in loaded(made).problem
    assert made.read_bytes() == content
    with closing(SqlitePolicyStore(made)) as store:
        store.commit(stopped(5), [])
    assert loaded(made) == Loaded(record=stopped(5))
    assert {path.read_bytes() for path in made.parent.glob("*.corrupt-*")} == {content, b"journal"}
