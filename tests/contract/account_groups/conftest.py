"""A repository of every adapter, restarted after every step or not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.ports import MetricsRepository
from ess_server.testing import FakeClock
from tests.contract.account_groups.members import SOON, ZONE, Books


@pytest.fixture(params=["memory", "sqlite", "restarted"])
def books(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[Books]:
    """Each adapter in turn, the durable one also in a process that ends after every step."""

    def on_disk() -> MetricsRepository:
        return SqliteMetricsRepository(tmp_path / "metrics.db", clock, ZONE)

    if request.param == "memory":
        yield Books(lambda: MemoryMetricsRepository(clock, ZONE), clock, forgetful=False)
        return
    made = Books(on_disk, clock, forgetful=request.param == "restarted")
    yield made
    made.forgetful = False
    made.restart()
    assert isinstance(made.metrics, SqliteMetricsRepository)
    made.metrics.close(SOON)
