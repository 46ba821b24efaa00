"""A place for the store, a store that was used there, and a connection that fails as told."""

from contextlib import closing
from pathlib import Path

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from tests.adapters.sqlite_store.faulty_connection import FaultyConnection
from tests.adapters.sqlite_store.loading import Build, Draft


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
