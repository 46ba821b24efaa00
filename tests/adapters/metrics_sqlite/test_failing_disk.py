"""A disk that hangs or fails holds up nobody, and nothing is lost by it."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository, connect
from ess_server.core.ports import Readings
from ess_server.core.readings import Trip
from ess_server.core.recent_ids import MAX_IDS
from ess_server.testing import FakeClock, FakeFeeds, FakeHealth, eventually
from tests.adapters.metrics_sqlite.figures import DRAWDOWN, SOON, ZONE, equity, flow, marks


class StubbornConnection(sqlite3.Connection):
    """A connection whose commit waits for, or fails until, ``works`` is set."""

    works: Event
    committing: Event
    hangs = True
    commits = 0

    def commit(self) -> None:
        """Commit when the disk works."""
        self.commits += 1
        if not self.works.is_set():
            self.committing.set()
            if not self.hangs:
                raise sqlite3.OperationalError("disk I/O error")
            self.works.wait(20)
        super().commit()


class Disk:
    """A disk that can be made to hang or to fail."""

    def __init__(self) -> None:
        self.works = Event()
        self.works.set()
        self.committing = Event()
        self.connections: list[StubbornConnection] = []
        self.gone = False

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open a connection to it."""
        if self.gone:
            raise sqlite3.OperationalError("unable to open database file")
        connection = sqlite3.connect(
            path, isolation_level="IMMEDIATE", check_same_thread=False, factory=StubbornConnection
        )
        connection.works, connection.committing = self.works, self.committing
        connection.hangs = not self.connections or self.connections[0].hangs
        self.connections.append(connection)
        return connection

    def hang(self) -> None:
        """Let commits wait from now on."""
        self.works.clear()

    def fail(self) -> None:
        """Let commits fail from now on."""
        for connection in self.connections:
            connection.hangs = False
        self.works.clear()


@pytest.fixture
def disk() -> Disk:
    """A disk that works."""
    return Disk()


@pytest.fixture
def on_disk(disk: Disk, path: Path, clock: FakeClock) -> Iterator[SqliteMetricsRepository]:
    """A repository on that disk; nothing waits between two writes."""
    repository = SqliteMetricsRepository(path, clock, ZONE, interval=timedelta(0), connect=disk.connect)
    yield repository
    disk.works.set()
    repository.close(SOON)


def test_disk_that_hangs_holds_up_no_reading(
    on_disk: SqliteMetricsRepository, disk: Disk, path: Path, clock: FakeClock
) -> None:
    """In the middle of a commit that does not return, everything is recorded, read and judged; later it is saved."""
    disk.hang()
    on_disk.record_equity(equity(clock, 1000))
    assert disk.committing.wait(20)
    for number in range(5000):
        clock.advance(0.01)
        on_disk.record_equity(equity(clock, 1000 + number))
    clock.advance(6)
    on_disk.record_cash_flow(flow(clock, 1, "f"))
    on_disk.record_equity(equity(clock, 5000))
    verdict = DRAWDOWN.evaluate(Readings(on_disk, FakeHealth(), FakeFeeds()), clock.instant())
    stuck, flushed = on_disk.problem, on_disk.flush(timedelta(milliseconds=50))
    on_disk.close(timedelta(milliseconds=50))
    disk.works.set()
    on_disk.close(SOON)
    restarted = SqliteMetricsRepository(path, clock, ZONE)

    assert isinstance(verdict, Trip)
    assert "a write has been under way for 56 s" in stuck
    assert not flushed
    assert marks(restarted) == (5999, 1001)
    assert not restarted.record_cash_flow(flow(clock, 1, "f"))

    restarted.close(SOON)


RECORDS: dict[str, Callable[[SqliteMetricsRepository, FakeClock], object]] = {
    "equity": lambda metrics, clock: metrics.record_equity(equity(clock, 1000)),
    "cash flow": lambda metrics, clock: metrics.record_cash_flow(flow(clock, 1, "f")),
    "rebaseline": lambda metrics, _: metrics.rebaseline(["main"]),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_everything_recorded_is_written_without_being_asked_for(
    on_disk: SqliteMetricsRepository, disk: Disk, clock: FakeClock, record: Callable[..., object]
) -> None:
    """Each kind of record wakes the writer."""
    assert on_disk.flush(SOON)
    disk.hang()
    record(on_disk, clock)

    assert disk.committing.wait(20)


async def test_what_could_not_be_written_is_tried_again_without_being_asked_for(
    on_disk: SqliteMetricsRepository, disk: Disk, path: Path, clock: FakeClock
) -> None:
    """Nothing new arrives, nobody flushes, and the disk works again: it is saved."""
    disk.fail()
    on_disk.record_equity(equity(clock, 1000))
    await eventually(lambda: on_disk.problem)
    disk.works.set()
    await eventually(lambda: not on_disk.problem)
    on_disk.close(SOON)
    metrics = SqliteMetricsRepository(path, clock, ZONE)

    assert marks(metrics) == (1000, 1000)

    metrics.close(SOON)


async def test_writes_keep_their_distance(disk: Disk, path: Path, clock: FakeClock) -> None:
    """The first change is written at once, those that follow wait, so that the disk is left to the latch."""
    metrics = SqliteMetricsRepository(path, clock, ZONE, interval=timedelta(hours=1), connect=disk.connect)
    created = disk.connections[0].commits
    metrics.record_equity(equity(clock, 1000))
    await eventually(lambda: disk.connections[0].commits == created + 1)
    for _ in range(20):
        clock.advance(1)
        metrics.record_equity(equity(clock, 1000))
        await asyncio.sleep(0.002)
    commits = disk.connections[0].commits
    metrics.close(SOON)

    assert commits == created + 1
    assert disk.connections[0].commits == created + 2


def test_flow_ids_beyond_all_bounds_while_the_disk_hangs_lose_only_the_oldest(
    on_disk: SqliteMetricsRepository, disk: Disk, path: Path, clock: FakeClock
) -> None:
    """More than memory keeps came during one write; what memory knows in the end is what is saved."""
    disk.hang()
    on_disk.record_cash_flow(flow(clock, 1, "first"))
    assert disk.committing.wait(20)
    for number in range(MAX_IDS + 2):
        clock.advance(1)
        on_disk.record_cash_flow(flow(clock, 1, f"f{number}"))
    disk.works.set()
    on_disk.close(SOON)
    metrics = SqliteMetricsRepository(path, clock, ZONE)

    assert not metrics.record_cash_flow(flow(clock, 1, "f2"))
    assert metrics.record_cash_flow(flow(clock, 1, "f1"))

    metrics.close(SOON)


def test_disk_that_fails_is_named_and_loses_nothing_when_it_works_again(
    on_disk: SqliteMetricsRepository, disk: Disk, path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each problem is logged once, shown as long as it lasts, and what came meanwhile is saved after it."""
    on_disk.record_equity(equity(clock, 1000))
    clock.advance(1)
    on_disk.record_cash_flow(flow(clock, 1, "before"))
    assert on_disk.flush(SOON)
    disk.fail()
    with caplog.at_level(logging.WARNING, "ess.metrics"):
        for number in range(3):
            clock.advance(1)
            on_disk.record_equity(equity(clock, 2000 + number))
            on_disk.record_cash_flow(flow(clock, 100, f"during-{number}"))
            assert not on_disk.flush(timedelta(milliseconds=50))
        failing = on_disk.problem
        disk.gone = True
        assert not on_disk.flush(timedelta(milliseconds=50))
        gone = on_disk.problem
        disk.gone = False
        disk.works.set()
        assert on_disk.flush(SOON)
        clock.advance(60)
        working = on_disk.problem
    on_disk.close(SOON)
    with connect(path) as connection:
        (ids,) = connection.execute("SELECT count(*) FROM flow_id").fetchone()
    connection.close()
    restarted = SqliteMetricsRepository(path, clock, ZONE)

    assert ids == 4
    assert "metrics are not being saved: disk I/O error" in failing
    assert "metrics are not being saved: unable to open database file" in gone
    assert working == ""
    assert [r.levelname for r in caplog.records] == ["ERROR", "ERROR", "WARNING"]
    assert marks(restarted) == marks(on_disk)
    assert [restarted.record_cash_flow(flow(clock, 1, i)) for i in ("before", "during-0", "during-2")] == [False] * 3

    restarted.close(SOON)


def test_close_on_a_disk_that_fails_ends_and_says_so(
    on_disk: SqliteMetricsRepository, disk: Disk, path: Path, clock: FakeClock
) -> None:
    """The last attempt is made, its failure stays named, the process may go, and the next one finds a file in order."""
    disk.fail()
    on_disk.record_equity(equity(clock, 1000))
    on_disk.close(SOON)
    metrics = SqliteMetricsRepository(path, clock, ZONE)

    assert "metrics are not being saved" in on_disk.problem
    assert metrics.problem == ""
    assert metrics.account("main") is None

    metrics.close(SOON)
