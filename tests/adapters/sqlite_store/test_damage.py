"""Every byte of ``state.db`` changed, cut off, or forged with SQLite itself."""

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.chain import EMPTY_LOG, head_of, link
from ess_server.core.codec import digest, encode_record
from ess_server.core.ports import Loaded
from tests.adapters.sqlite_store.loading import Build, Draft, files, loaded, tampered


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
