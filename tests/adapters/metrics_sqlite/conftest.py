"""A clock, a place for the file, and a repository on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.testing import FakeClock
from tests.adapters.metrics_sqlite.figures import SOON, ZONE


@pytest.fixture
def clock() -> FakeClock:
    """A clock at noon."""
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file goes."""
    return tmp_path / "metrics.db"


@pytest.fixture
def metrics(path: Path, clock: FakeClock) -> Iterator[SqliteMetricsRepository]:
    """A repository on a new file."""
    repository = SqliteMetricsRepository(path, clock, ZONE)
    yield repository
    repository.close(SOON)
