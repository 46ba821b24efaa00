"""The file: whose it is, what a kill leaves of it, and how large it gets."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository, connect
from ess_server.core.errors import StoreError, StoreLockedError
from ess_server.core.recent_ids import MAX_IDS
from ess_server.testing import FakeClock
from tests.adapters.metrics_sqlite.figures import SOON, ZONE, equity, flow, marks

RECORD_AND_WAIT = """
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.readings import EquityReading
from ess_server.testing import FakeClock
clock = FakeClock()
metrics = SqliteMetricsRepository(Path(sys.argv[1]), clock, ZoneInfo("Europe/Berlin"))
for amount in (1500, 1000):
    clock.advance(1)
    reading = EquityReading(account="main", amount=Decimal(amount), currency="USDT", time=clock.now(), received=0.0)
    metrics.record_equity(reading)
print(metrics.flush(timedelta(seconds=20)), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has saved a high-water mark of 1500 and holds the file."""
    with subprocess.Popen(
        [sys.executable, "-c", RECORD_AND_WAIT, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_what_was_flushed_survives_a_kill(other_process: subprocess.Popen[str], path: Path, clock: FakeClock) -> None:
    """A process that is killed at once after saving has forgotten nothing."""
    other_process.kill()
    other_process.wait(20)
    metrics = SqliteMetricsRepository(path, clock, ZONE)

    assert marks(metrics) == (1500, 1500)
    assert metrics.problem == ""

    metrics.close(SOON)


@pytest.mark.usefixtures("other_process")
def test_file_of_another_process_is_refused_and_left_alone(path: Path, clock: FakeClock) -> None:
    """Two writers would overwrite each other; the second is told, and nothing is moved aside."""
    with pytest.raises(StoreLockedError, match="locked"):
        SqliteMetricsRepository(path, clock, ZONE)

    assert list(path.parent.glob("*damaged*")) == []


def test_place_that_cannot_be_used_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    """A folder that is missing, a folder in place of the file, a name that no file can have."""
    for path in (tmp_path / "missing" / "metrics.db", tmp_path, tmp_path / ("m" * 300)):
        with pytest.raises(StoreError, match=str(path)):
            SqliteMetricsRepository(path, clock, ZONE)


def test_flow_ids_on_disk_are_bounded(metrics: SqliteMetricsRepository, path: Path, clock: FakeClock) -> None:
    """Saved in two portions that are one too many together, the oldest is gone and the rest is known."""
    for number in range(MAX_IDS + 1):
        clock.advance(1)
        metrics.record_cash_flow(flow(clock, 1, f"f{number}"))
        if number == MAX_IDS // 2:
            assert metrics.flush(SOON)
    metrics.close(SOON)
    with connect(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM flow_id").fetchone()
    connection.close()
    metrics = SqliteMetricsRepository(path, clock, ZONE)

    assert count == MAX_IDS
    assert not metrics.record_cash_flow(flow(clock, 1, f"f{MAX_IDS}"))
    assert metrics.record_cash_flow(flow(clock, 1, "f0"))

    metrics.close(SOON)


def test_file_does_not_grow_with_every_reading(metrics: SqliteMetricsRepository, path: Path, clock: FakeClock) -> None:
    """Saved again and again, entries that left the window leave the file, and ids are added once."""
    for portion in range(5):
        for number in range(1100):
            clock.advance(1)
            metrics.record_equity(equity(clock, 1000 + number))
        metrics.record_cash_flow(flow(clock, 1, f"f{portion}"))
        assert metrics.flush(SOON)
    metrics.close(SOON)
    with connect(path) as connection:
        (entries,) = connection.execute("SELECT count(*) FROM entry").fetchone()
        (ids,) = connection.execute("SELECT count(*) FROM flow_id").fetchone()
    connection.close()

    assert entries <= 1024
    assert ids == 5


def test_closed_repository_still_answers(metrics: SqliteMetricsRepository, clock: FakeClock) -> None:
    """Whoever is last to know of the end gets an answer from memory, and no error."""
    metrics.close(SOON)
    metrics.record_equity(equity(clock, 1000))

    assert marks(metrics) == (1000, 1000)
    assert not metrics.flush(timedelta(0))
