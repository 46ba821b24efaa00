"""The file ``state.db``: opened, created, set aside and written so that what was acknowledged is on disk."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ess_server.adapters.sqlite_store.content import (
    HEADER_BYTES,
    build,
    check_header,
    check_log,
    check_structure,
    read_head,
    read_latch,
    write,
)
from ess_server.core.canonical import MAX_INTEGER
from ess_server.core.chain import EMPTY_LOG, restore
from ess_server.core.codec import encode_record
from ess_server.core.errors import StoreError, StoreLockedError
from ess_server.core.model import Event, EventDraft, EventHead, LatchRecord
from ess_server.core.ports import Loaded

CHECKED_EVENTS = 50_000
"""How many of the newest events every start checks, in about half a second; ``chain.verify`` checks them all."""

T = TypeVar("T")

_SYNCHRONOUS_FULL = 2
_SIDE_FILES = ("-wal", "-journal", "-shm")
_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_UNUSABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY)
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""The second is what the driver raises where SQLite's message quotes damaged bytes."""
_FILTER = "AND :stop_id IN ('', stop_id) AND :kind IN ('', kind, substr(kind, 1, :family))"
_COLUMNS = "SELECT record, previous_hash, hash FROM events"
_UPWARDS = f"{_COLUMNS} WHERE sequence > :after {_FILTER} ORDER BY sequence ASC LIMIT :limit"
_DOWNWARDS = f"{_COLUMNS} WHERE sequence < :after {_FILTER} ORDER BY sequence DESC LIMIT :limit"


class SqlitePolicyStore:
    """PolicyStore and EventLog in the file ``path``; one at a time per file in a process.

    The file is built beside its place and renamed, so a kill at any moment of its creation leaves it missing or
    whole. ``load`` changes nothing. Bad content is set aside as ``<path>.corrupt-<UTC>``, together with its
    write-ahead log, by the first commit and only when what replaces it is already on disk: until then, and after
    a crash, the evidence lies where it was. The log then begins anew at 1.

    A damaged end of the write-ahead log looks to SQLite like commits that never happened: the file loads as an
    older intact record. Only comparing it with the second record finds that.

    ``factory`` is the type of connection, for tests of failing disks. ``checked_events`` bounds the start.
    """

    def __init__(
        self,
        path: Path,
        *,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
        checked_events: int = CHECKED_EVENTS,
    ) -> None:
        self.name = path.name
        self._path = path
        self._factory = factory
        self._checked_events = checked_events
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._loaded = False
        self._fresh = False
        self._folded = False

    def load(self) -> Loaded:
        """Check identity, digests, structure and the newest events of the file."""
        self.close()
        try:
            loaded = self._absent() or self._examine()
        except (OSError, sqlite3.Error) as error:
            self._disconnect()
            raise self._failure("cannot be read", error) from error
        except StoreError:
            self._disconnect()
            raise
        self._fresh = bool(loaded.problem)
        self._loaded = True
        return loaded

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead:
        """Write record and events; after an error the file is opened anew by the next commit."""
        try:
            if not self._loaded:
                self.load()
            payload = encode_record(record)
            if self._fresh:
                return self._create(payload, drafts)
            return write(self._settled(), payload, drafts)
        except (OSError, OverflowError, ValueError, sqlite3.Error) as error:
            self._disconnect()
            raise self._failure("may or may not have been written; the next write repairs it", error) from error
        except BaseException:
            self._disconnect()
            raise

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        self._disconnect()
        self._loaded = False

    def head(self) -> EventHead:
        """Return the newest event's number and hash."""
        return self._reading(read_head, EMPTY_LOG)

    def read(self, *, after: int, limit: int, ascending: bool, stop_id: str = "", kind: str = "") -> Sequence[Event]:
        """Return a page of the log. Raises StoreError if an event on it cannot be read."""
        values = {
            "after": after if ascending else after or MAX_INTEGER,
            "limit": max(limit, 0),
            "stop_id": stop_id,
            "kind": kind,
            "family": len(kind) if kind.endswith(".") else 0,
        }
        page = _UPWARDS if ascending else _DOWNWARDS
        rows = self._select(page, values)
        try:
            return [restore(*row) for row in rows]
        except (TypeError, ValueError) as error:
            raise self._failure("holds an event that cannot be read", error) from error

    def revisions(self) -> frozenset[int]:
        """Return every revision in the log."""
        return frozenset(row[0] for row in self._select("SELECT DISTINCT revision FROM events", {}))

    def _select(self, statement: str, values: Mapping[str, object]) -> list[Any]:
        nothing: list[Any] = []
        return self._reading(lambda connection: connection.execute(statement, values).fetchall(), nothing)

    def _reading(self, read: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        try:
            if not self._loaded:
                self.load()
            return nothing if self._fresh else read(self._connected())
        except _UNREADABLE as error:
            self._disconnect()
            raise self._failure("cannot be read", error) from error

    def _absent(self) -> Loaded | None:
        """Name what keeps SQLite from being let near the path: it would roll back a journal that it finds there."""
        if not self._path.exists():
            left = [side for side in _SIDE_FILES if Path(f"{self._path}{side}").exists()]
            beside = f", although {self.name}{left[0]} is there" if left else ""
            return Loaded(record=None, problem=f"the file is missing{beside}")
        if Path(f"{self._path}-journal").exists():
            return Loaded(record=None, problem="another program left a rollback journal beside the file")
        return None

    def _examine(self) -> Loaded:
        record, problem = None, ""
        self._file = _identity(self._path)
        try:
            with self._path.open("rb") as file:
                check_header(file.read(HEADER_BYTES))
            connection = self._connected()
            record, head = read_latch(connection)
            check_structure(connection)
            check_log(connection, head, self._checked_events)
        except _UNREADABLE as error:
            if _code(error) in (*_HELD, *_UNUSABLE):
                raise
            problem = f"the file is corrupt: {error}"
        except ValueError as error:
            problem = str(error)
        return Loaded(record=record, problem=problem)

    def _create(self, payload: bytes, drafts: Sequence[EventDraft]) -> EventHead:
        new = Path(f"{self._path}.new")
        for side in ("", *_SIDE_FILES):
            Path(f"{new}{side}").unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with contextlib.closing(self._connect(new)) as connection:
            _prepare(connection)
            build(connection)
            head = write(connection, payload, drafts)
            _fold(connection)
        _sync(new)
        self._set_aside()
        new.replace(self._path)
        _sync(self._path.parent)
        self._file = _identity(self._path)
        self._fresh = False
        return head

    def _set_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        for side in ("", *_SIDE_FILES):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{side}").rename(f"{self._path}.corrupt-{stamp}{side}")
                # The file goes first and for good: left without its write-ahead log, it could pass for intact.
                _sync(self._path.parent)
        # Closed only now: SQLite sees that the file has moved, and does not fold the log into it.
        self._disconnect()

    def _settled(self) -> sqlite3.Connection:
        """Return a connection whose file is in its place and whose earlier commits are known to be on disk."""
        if _identity(self._path) != self._file:
            self._fresh = True
            raise StoreError(f"{self._path} was removed or replaced while in use; the next write creates it anew")
        connection = self._connected()
        if not self._folded:
            # After a failed sync the kernel takes pages for clean that never reached the disk, and a log that looks
            # whole may be gone with the power. Copying it into the main file makes those pages dirty again and syncs
            # them. Only then may an event that is "already there" be passed over.
            _fold(connection)
            self._folded = True
        return connection

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._folded = False
            self._connection = self._connect(self._path)
            _prepare(self._connection)
        return self._connection

    def _connect(self, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time, but the last close may come from another one
            factory=self._factory,
        )

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _failure(self, what: str, error: Exception) -> StoreError:
        if _code(error) in _HELD:
            return StoreLockedError(f"{self._path} is held by another process: end it, or use another data directory")
        return StoreError(f"{self._path} {what} ({error}): check free space, permissions and the disk")


def _prepare(connection: sqlite3.Connection) -> None:
    # Before the first access: a log opened in exclusive mode needs no shared memory file.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA synchronous").fetchone()[0] < _SYNCHRONOUS_FULL:
        raise StoreError("this SQLite does not sync every commit (PRAGMA synchronous): use another build of it")


def _fold(connection: sqlite3.Connection) -> None:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("the write-ahead log cannot be folded in")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _code(error: Exception) -> int:
    """Return SQLite's primary result code, 0 for what does not come from SQLite itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
