"""Opening the metrics file: new, as it was left, or moved aside because it cannot be believed."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ess_server.adapters.metrics_sqlite.groups import load_groups
from ess_server.adapters.metrics_sqlite.tables import DamagedError, create, load
from ess_server.core.account_book import SavedAccount
from ess_server.core.account_group import SavedGroup
from ess_server.core.errors import StoreError, StoreLockedError

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

Connect = Callable[[Path], sqlite3.Connection]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file ready for writing, and what it held. ``loss`` says in words what could not be read back."""

    connection: sqlite3.Connection
    trusted: bool
    accounts: tuple[SavedAccount, ...] = ()
    groups: tuple[SavedGroup, ...] = ()
    loss: str = ""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for one thread at a time; one in use by another process is waited for, for a second."""
    return sqlite3.connect(path, timeout=1, isolation_level="IMMEDIATE", check_same_thread=False)


def open_for_writing(path: Path, connect: Connect) -> sqlite3.Connection:
    """Open without reading. Raises sqlite3.Error."""
    connection = connect(path)
    try:
        # Exclusive: one process, no shared memory file. FULL: a commit survives a loss of power.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_file(path: Path, now: datetime, connect: Connect) -> Opened:
    """Open and read. Raises StoreLockedError if another process holds the file, StoreError if it cannot be used."""
    try:
        if not path.exists():
            return _create(path, connect)
        try:
            return _read(path, connect)
        except DamagedError as error:
            aside = _move_aside(path, now)
            return _create(path, connect, loss=f"{error}; the file is kept as {aside.name}")
    except sqlite3.Error as error:
        kind = StoreLockedError if _code(error) in _LOCKED else StoreError
        raise kind(f"{path}: {error}") from error
    except OSError as error:
        raise StoreError(f"{path}: {error}") from error


def _create(path: Path, connect: Connect, loss: str = "") -> Opened:
    # A start that was cut off between moving a file aside and making a new one.
    left_over = next(path.parent.glob(f"{path.name}.damaged-*"), None)
    if left_over is not None and not loss:
        loss = f"no file beside {left_over.name}"
    connection = open_for_writing(path, connect)
    create(connection, trusted=not loss)
    words = f"{path}: baselines are lost: {loss}; reset with rebaseline" if loss else ""
    return Opened(connection=connection, trusted=not loss, loss=words)


def _read(path: Path, connect: Connect) -> Opened:
    if not path.stat().st_size:
        raise DamagedError("it is empty")
    try:
        connection = open_for_writing(path, connect)
        try:
            trusted, accounts = load(connection)
            groups = load_groups(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if _code(error) in _DAMAGED:
            raise DamagedError(str(error)) from error
        raise
    return Opened(connection=connection, trusted=trusted, accounts=tuple(accounts), groups=tuple(groups))


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def _move_aside(path: Path, now: datetime) -> Path:
    # The journal needs no moving: SQLite has folded it in, or dropped what cannot be read of it.
    return path.rename(path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S%f}"))
