"""What is in ``state.db``: tables, how a transition is written, and every check of what is found there."""

import json
import sqlite3
from collections.abc import Sequence

from ess_server.core.chain import EMPTY_LOG, head_of, link, link_problems
from ess_server.core.codec import decode_record, digest
from ess_server.core.model import EventDraft, EventHead, LatchRecord

APPLICATION_ID = 0x45535331
"""``ESS1`` in the file's header."""
USER_VERSION = 1
"""Raised with every change of the tables."""
HEADER_BYTES = 100
"""Length of the header of an SQLite file; its fields are documented at https://sqlite.org/fileformat2.html."""

_WRITE_AHEAD = 2

_LATCH = """CREATE TABLE latch (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    payload BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    log_sequence INTEGER NOT NULL,
    log_hash BLOB NOT NULL
)"""
_EVENTS = """CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    stop_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    record BLOB NOT NULL,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL
)"""
_REVISIONS = "CREATE INDEX events_revision ON events (revision)"
_SCHEMA = (_LATCH, _EVENTS, _REVISIONS)
_FILED_UNDER = ("sequence", "event_id", "kind", "stop_id", "revision")


def build(connection: sqlite3.Connection) -> None:
    """Make an empty file into a store without a record. Raises sqlite3.Error."""
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"write-ahead mode was refused, the mode stayed {mode}")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {USER_VERSION}")


def write(connection: sqlite3.Connection, payload: bytes, drafts: Sequence[EventDraft]) -> EventHead:
    """Write a latch record and those drafts that are not in the log, in one transaction; return the new head."""
    connection.execute("BEGIN IMMEDIATE")
    head = read_head(connection)
    for draft in drafts:
        if connection.execute("SELECT 1 FROM events WHERE event_id = ?", (draft.event_id,)).fetchone():
            continue
        event = link(head, draft)
        connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.sequence,
                draft.event_id,
                draft.kind,
                draft.stop_id,
                draft.revision,
                event.record,
                event.previous_hash,
                event.hash,
            ),
        )
        head = head_of(event)
    connection.execute(
        "INSERT OR REPLACE INTO latch VALUES (1, ?, ?, ?, ?)", (payload, digest(payload), head.sequence, head.hash)
    )
    connection.execute("COMMIT")
    return head


def read_head(connection: sqlite3.Connection) -> EventHead:
    """Return number and hash of the newest event."""
    row = connection.execute("SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1").fetchone()
    return EventHead(sequence=row[0], hash=row[1]) if row else EMPTY_LOG


def check_header(header: bytes) -> None:
    """Raise ValueError unless these are the first HEADER_BYTES of a store of this format.

    None of the fields changes after creation. They are looked at without SQLite, which would fold a good log into a
    bad file and delete the log.
    """
    if not header:
        raise ValueError("the file is empty")
    if len(header) < HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        raise ValueError("the file is not a database")
    write_version, read_version = header[18:20]
    version, application = (int.from_bytes(header[at : at + 4]) for at in (60, 68))
    if application != APPLICATION_ID:
        raise ValueError("the file is not a store of this product")
    if version != USER_VERSION:
        raise ValueError(f"the file is in format {version}, this version reads {USER_VERSION}")
    if (write_version, read_version) != (_WRITE_AHEAD, _WRITE_AHEAD):
        raise ValueError("the file is not in write-ahead mode, which this product never leaves")


def read_latch(connection: sqlite3.Connection) -> tuple[LatchRecord, EventHead]:
    """Return the latch record and the head it was written with. Raises ValueError if it is not intact."""
    rows = connection.execute("SELECT payload, sha256, log_sequence, log_hash FROM latch").fetchall()
    if len(rows) != 1:
        raise ValueError(f"the file holds {len(rows)} latch records instead of one")
    payload, sha256, sequence, log_hash = rows[0]
    if not isinstance(payload, bytes) or digest(payload) != sha256:
        raise ValueError("the latch record does not match its digest")
    try:
        return decode_record(payload), EventHead(sequence=sequence, hash=log_hash)
    except ValueError as error:
        raise ValueError(f"the latch record cannot be used: {error}") from error


def check_structure(connection: sqlite3.Connection) -> None:
    """Raise ValueError unless tables and indexes are those of this version and sound."""
    written = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    if written != set(_SCHEMA):
        raise ValueError("the file does not have the tables of this version")
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise ValueError(f"the file is damaged: {' '.join(verdict.split())}")


def check_log(connection: sqlite3.Connection, head: EventHead, newest: int) -> None:
    """Raise ValueError unless the ``newest`` events form an unbroken chain that ends exactly at ``head``."""
    try:
        begin = max(head.sequence - newest, 0)
        first = connection.execute("SELECT sequence, hash FROM events WHERE sequence = ?", (begin,)).fetchone()
        last = EventHead(sequence=first[0], hash=first[1]) if first else EMPTY_LOG
        for *indexed, record, previous_hash, own_hash in connection.execute(
            "SELECT sequence, event_id, kind, stop_id, revision, record, previous_hash, hash FROM events "
            "WHERE sequence > ? ORDER BY sequence",
            (begin,),
        ):
            problems = link_problems(last, indexed[0], record, previous_hash, own_hash)
            if problems:
                raise ValueError(problems[0])
            outline = json.loads(record)
            if indexed != [outline[name] for name in _FILED_UNDER]:
                raise ValueError(f"event {indexed[0]} is filed under something else than its record says")
            last = EventHead(sequence=indexed[0], hash=own_hash)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the log holds what is not an event: {error!r}") from error
    if last != head:
        raise ValueError(f"the log ends at event {last.sequence}, but the record was written with {head.sequence}")
