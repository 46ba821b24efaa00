"""A repository of every adapter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.ports import MetricsRepository
from ess_server.testing import FakeClock
from tests.contract.metrics_repository.entries import ZONE


@pytest.fixture(params=["memory", "sqlite"])
def metrics(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[MetricsRepository]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryMetricsRepository(clock, ZONE)
        return
    repository = SqliteMetricsRepository(tmp_path / "metrics.db", clock, ZONE)
    yield repository
    repository.close()
    assert repository.problem == ""
