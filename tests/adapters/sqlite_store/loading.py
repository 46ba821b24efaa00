"""Loading the store of a place, also after its file was changed."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.model import EventDraft, LatchRecord
from ess_server.core.ports import Loaded

Build = Callable[[int], LatchRecord]
Draft = Callable[[int], EventDraft]


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
