"""Reading ``state.db``: what cannot be read is an error, and never an absence."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.errors import StoreError
from ess_server.core.model import EventHead
from ess_server.core.ports import Loaded
from tests.adapters.sqlite_store.faulty_connection import FaultyConnection, failing
from tests.adapters.sqlite_store.loading import Build, Draft, tampered


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


def test_reading_first_loads(made: Path) -> None:
    """A store may be asked for its log before load was called."""
    with closing(SqlitePolicyStore(made)) as store:
        assert store.revisions() == {1, 2, 3}
    with closing(SqlitePolicyStore(made)) as store:
        assert store.head() == EventHead(sequence=3, hash=store.read(after=2, limit=1, ascending=True)[0].hash)
