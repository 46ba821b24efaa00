"""``state.db``: settings, every byte of it, forged content, failed commits, and what a kill leaves."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.chain import EMPTY_LOG, head_of, link, verify
from ess_server.core.codec import digest, encode_record
from ess_server.core.errors import StoreError
from ess_server.core.model import EventDraft, EventHead, LatchRecord
from ess_server.core.ports import Loaded

Build = Callable[[int], LatchRecord]
Draft = Callable[[int], EventDraft]

CREATOR = """
import sys
from pathlib import Path
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.model import LatchRecord
for number in range(1000):
    print(number, flush=True)
    store = SqlitePolicyStore(Path(sys.argv[1]) / f"{number}.db")
    store.load()
    for revision in (1, 2):
        store.commit(LatchRecord(store_id="s", revision=revision, floor=0), ())
    store.close()
"""


class FaultyConnection(sqlite3.Connection):
    """A connection on which one statement fails, before or after it was carried out."""

    statement = ""
    when: Literal["before", "after"] = "before"
    error: BaseException | None = None
    statements: list[str]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Carry out a statement, or fail as told."""
        kind = type(self)
        kind.statements.append(sql)
        if kind.error is not None and sql.startswith(kind.statement):
            if kind.when == "after":
                super().execute(sql, parameters)
            raise kind.error
        return super().execute(sql, parameters)


@contextmanager
def failing(
    connection: type[FaultyConnection],
    statement: str,
    error: BaseException,
    when: Literal["before", "after"] = "before",
) -> Iterator[None]:
    """Let a statement fail on every connection of this type."""
    connection.statement, connection.error, connection.when = statement, error, when
    try:
        yield
    finally:
        connection.error = None


@pytest.fixture
def faulty() -> type[FaultyConnection]:
    """Give a type of connection of the test's own."""
    return type("Connection", (FaultyConnection,), {"statements": []})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path in an empty directory."""
    return tmp_path / "state.db"


@pytest.fixture
def made(path: Path, stopped: Build, draft: Draft) -> Path:
    """Give the path of a store, cleanly closed, with three events and the record of the third."""
    with closing(SqlitePolicyStore(path)) as store:
        for number in (1, 2, 3):
            store.commit(stopped(number), [draft(number)])
    return path


def loaded(path: Path, **options: Any) -> Loaded:
    """Load a store once."""
    with closing(SqlitePolicyStore(path, **options)) as store:
        return store.load()


def tampered(path: Path, *statements: str) -> Loaded:
    """Change the file with SQLite itself, then load it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return loaded(path)


def files(directory: Path) -> set[str]:
    """Return the names of what lies in a directory."""
    return {path.name for path in directory.iterdir()}


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


def test_every_changed_byte_is_harmless_or_found(made: Path, stopped: Build) -> None:
    """Every byte that is not zero, and samples of those that are, changed: never another record that is intact.

    Load never raises for it either: damage is a reason to start stopped, not a reason not to start.
    """
    content = made.read_bytes()
    reported = 0
    for position, byte in enumerate(content):
        if not byte and position % 17:
            continue
        damaged = bytearray(content)
        damaged[position] ^= random.Random(position).randrange(1, 256)
        made.write_bytes(damaged)
        found = loaded(made)
        assert found.record in (None, stopped(3)), position
        reported += bool(found.problem)
    assert reported > 2000


def test_every_length_is_found(made: Path, stopped: Build) -> None:
    """Cut at any sampled length, the file is reported, and what is still read of it is the right record."""
    content = made.read_bytes()
    for length in [*range(120), *range(120, len(content), 101), len(content) - 1]:
        made.write_bytes(content[:length])
        found = loaded(made)
        assert found.problem, length
        assert found.record in (None, stopped(3)), length


def test_damaged_log_end_loads_as_an_older_record(path: Path, stopped: Build, draft: Draft, tmp_path: Path) -> None:
    """A changed byte in the write-ahead log never gives a record that was not committed.

    It may give an older one that looks intact; that is why there is a second record to compare with.
    """
    with closing(SqlitePolicyStore(path)) as store:
        for number in (1, 2, 3):
            store.commit(stopped(number), [draft(number)])
        image = {name: (path.parent / name).read_bytes() for name in files(path.parent)}
    directory = tmp_path / "image"
    directory.mkdir()
    wal = image["state.db-wal"]
    for position in [*range(56), *range(56, len(wal), 211)]:
        damaged = bytearray(wal)
        damaged[position] ^= 255
        (directory / "state.db").write_bytes(image["state.db"])
        (directory / "state.db-wal").write_bytes(damaged)
        found = loaded(directory / "state.db")
        assert found.record in (stopped(1), stopped(2), stopped(3)), position


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("PRAGMA application_id = 7", "not a store of this product"),
        ("PRAGMA user_version = 2", "in format 2"),
        ("PRAGMA journal_mode = DELETE", "not in write-ahead mode"),
        ("DELETE FROM latch", "0 latch records"),
        ("UPDATE latch SET payload = x'00'", "does not match its digest"),
        ("UPDATE latch SET sha256 = x'00'", "does not match its digest"),
        ("UPDATE latch SET payload = 'text'", "does not match its digest"),
        ("UPDATE latch SET log_sequence = 4", "ends at event 3"),
        ("UPDATE latch SET log_sequence = 2", "ends at event 3"),
        ("UPDATE latch SET log_sequence = 'x'", "not an event"),
        ("UPDATE latch SET log_hash = x'00'", "ends at event 3"),
        ("DELETE FROM events WHERE sequence = 3", "ends at event 2"),
        ("DELETE FROM events WHERE sequence = 2", "missing or out of order"),
        ("DELETE FROM events WHERE sequence = 1", "missing or out of order"),
        ("DELETE FROM events", "ends at event 0"),
        ("UPDATE events SET record = replace(record, 'stopped', 'resumed') WHERE sequence = 2", "not an event"),
        ("UPDATE events SET record = CAST(replace(record, 'sto', 'STO') AS BLOB) WHERE sequence = 2", "was changed"),
        ("UPDATE events SET hash = x'00' WHERE sequence = 2", "was changed"),
        ("UPDATE events SET previous_hash = 7 WHERE sequence = 2", "not an event"),
        ("UPDATE events SET event_id = 'x' WHERE sequence = 2", "filed under"),
        ("UPDATE events SET kind = 'x' WHERE sequence = 2", "filed under"),
        ("UPDATE events SET stop_id = 'x' WHERE sequence = 2", "filed under"),
        ("UPDATE events SET revision = 99 WHERE sequence = 2", "filed under"),
        ("DROP INDEX events_revision", "tables of this version"),
        ("CREATE TABLE another (x)", "tables of this version"),
    ],
)
def test_forged_content_is_found(made: Path, statement: str, problem: str) -> None:
    """Whatever SQLite itself can change in the file is reported in words that name it."""
    assert problem in tampered(made, statement).problem


def test_forged_log_that_is_well_chained_is_found(made: Path, draft: Draft) -> None:
    """A log hashed anew after a change contradicts the head that was written with the record."""
    head, rows = EMPTY_LOG, []
    for number in (1, 2, 3):
        event = link(head, replace(draft(number), summary="another"))
        head = head_of(event)
        rows.append(
            f"UPDATE events SET record = x'{event.record.hex()}', previous_hash = x'{event.previous_hash.hex()}', "
            f"hash = x'{event.hash.hex()}' WHERE sequence = {number}"
        )
    assert "ends at event 3, but the record" in tampered(made, *rows).problem


def test_hashed_bytes_that_are_no_event_are_found(made: Path) -> None:
    """A row whose hash fits but whose record is something else is a problem, not a crash at start."""
    for record in (b"[]", b"{}", b"{"):
        previous = EMPTY_LOG.hash
        found = tampered(
            made,
            "DELETE FROM events WHERE sequence > 1",
            f"UPDATE events SET record = x'{record.hex()}', hash = x'{digest(previous + record).hex()}'",
        )
        assert found.problem


def test_record_without_a_place_in_this_version_is_found(made: Path, stopped: Build) -> None:
    """A payload with a right digest that this version cannot read is a problem, never half-read."""
    payload = encode_record(stopped(3)).replace(b'"v":1', b'"v":3')
    found = tampered(made, f"UPDATE latch SET payload = x'{payload.hex()}', sha256 = x'{digest(payload).hex()}'")
    problem = "the latch record cannot be used: is in format 3, this version reads up to 2"
    assert found == Loaded(record=None, problem=problem)


def test_record_beside_a_bad_log_is_still_read(made: Path, stopped: Build) -> None:
    """When only the log is damaged, its stops are not lost with it."""
    assert tampered(made, "DELETE FROM events WHERE sequence = 2").record == stopped(3)


def test_only_the_newest_events_are_checked(made: Path, stopped: Build) -> None:
    """The start looks at as many events as it was told; the last of them must follow the one before."""
    tampered(made, "UPDATE events SET record = x'7b7d' WHERE sequence = 1")
    assert loaded(made, checked_events=2) == Loaded(record=stopped(3))
    assert "event 1 was changed" in loaded(made, checked_events=3).problem
    tampered(made, "DELETE FROM events WHERE sequence = 1")
    assert "event 2 follows event 0" in loaded(made, checked_events=2).problem


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


def test_unreadable_disk_is_an_error_and_not_an_absence(
    made: Path, faulty: type[FaultyConnection], stopped: Build
) -> None:
    """A place that cannot be read raises StoreError from load: it is not taken for damaged content."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    with closing(SqlitePolicyStore(made, factory=faulty)) as store:
        with failing(faulty, "SELECT payload", error), pytest.raises(StoreError, match="cannot be read"):
            store.load()
        assert store.load() == Loaded(record=stopped(3))


def test_failed_read_of_the_log_is_an_error(made: Path, faulty: type[FaultyConnection], draft: Draft) -> None:
    """A page that cannot be read raises StoreError, and reading works again when the disk does."""
    with closing(SqlitePolicyStore(made, factory=faulty)) as store:
        with failing(faulty, "SELECT record", sqlite3.DatabaseError("malformed")), pytest.raises(StoreError):
            store.read(after=0, limit=10, ascending=True)
        assert [event.draft for event in store.read(after=2, limit=10, ascending=True)] == [draft(3)]


def test_event_that_cannot_be_read_is_an_error(made: Path) -> None:
    """An old event that is damaged raises StoreError on the page that has it, and only there."""
    tampered(made, "UPDATE events SET record = x'7b7d' WHERE sequence = 1")
    with closing(SqlitePolicyStore(made, checked_events=1)) as store:
        assert store.load().problem == ""
        assert [event.sequence for event in store.read(after=0, limit=2, ascending=False)] == [3, 2]
        with pytest.raises(StoreError, match="cannot be read"):
            store.read(after=0, limit=2, ascending=True)


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


def test_creation_is_synced_before_and_after_the_renaming(
    path: Path, stopped: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is synced before it gets its name, and the directory after, before the first commit returns."""
    steps: list[str] = []

    def noted(name: str) -> None:
        genuine = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            steps.append(name)
            return genuine(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    path.write_bytes(b"rubbish")
    path.with_name("state.db-wal").write_bytes(b"rubbish")
    for name in ("fsync", "rename", "replace"):
        noted(name)
    with closing(SqlitePolicyStore(path)) as store:
        store.commit(stopped(1), [])
    nothing_there = ["rename", "rename"]
    assert steps == ["fsync", "rename", "fsync", "rename", "fsync", *nothing_there, "replace", "fsync"]


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


def test_leftovers_of_an_unfinished_creation_are_no_store(path: Path, stopped: Build) -> None:
    """What a kill during creation leaves beside the file is not read and does not hinder the next creation."""
    for side in ("", "-wal", "-journal"):
        Path(f"{path}.new{side}").write_bytes(b"half" * 999)
    assert loaded(path).problem == "the file is missing"
    with closing(SqlitePolicyStore(path)) as store:
        store.commit(stopped(1), [])
    assert loaded(path) == Loaded(record=stopped(1))
    assert files(path.parent) == {"state.db"}


def test_reading_first_loads(made: Path) -> None:
    """A store may be asked for its log before load was called."""
    with closing(SqlitePolicyStore(made)) as store:
        assert store.revisions() == {1, 2, 3}
    with closing(SqlitePolicyStore(made)) as store:
        assert store.head() == EventHead(sequence=3, hash=store.read(after=2, limit=1, ascending=True)[0].hash)


def test_kill_during_creation_leaves_no_half_store(tmp_path: Path) -> None:
    """Killed at 20 random moments while stores are made, each is missing or intact, and the next commit works."""
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
                child.wait(chance.uniform(0.0, 0.03))
            child.kill()
        for number in range(complete):
            assert loaded(directory / f"{number}.db").record == LatchRecord(store_id="s", revision=2, floor=0)
        for path in [*directory.glob("*.db"), directory / "unmade.db"]:
            found = loaded(path)
            assert (found.record is None) == (found.problem == "the file is missing")
            assert not (found.record and found.problem)
            with closing(SqlitePolicyStore(path)) as store:
                store.commit(LatchRecord(store_id="s", revision=9, floor=0), ())
            assert loaded(path).record == LatchRecord(store_id="s", revision=9, floor=0)
