"""Metrics that survive restarts, and a disk that holds up nobody."""

import asyncio
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository, connect
from ess_server.core.account_book import NEVER
from ess_server.core.errors import StoreError, StoreLockedError
from ess_server.core.evaluators import DrawdownEvaluator, DrawdownSettings
from ess_server.core.ports import MetricsRepository, Readings
from ess_server.core.readings import AccountMetrics, CashFlow, EquityReading, Trip, Unknown
from ess_server.core.recent_ids import MAX_IDS
from ess_server.testing import FakeClock, FakeFeeds, FakeHealth, eventually
from tests.exploration import explored

ZONE = ZoneInfo("Europe/Berlin")
SOON = timedelta(seconds=20)
DRAWDOWN = DrawdownEvaluator(
    DrawdownSettings(account="main", max_drawdown_percent=Decimal(10), max_daily_loss_percent=Decimal(10))
)


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


def equity(clock: FakeClock, amount: str | int, account: str = "main") -> EquityReading:
    """Equity read and received now."""
    return EquityReading(
        account=account, amount=Decimal(amount), currency="USDT", time=clock.now(), received=clock.uptime()
    )


def flow(clock: FakeClock, amount: str | int, ident: str) -> CashFlow:
    """A cash flow of now."""
    return CashFlow(account="main", id=ident, amount=Decimal(amount), currency="USDT", time=clock.now())


def restart(metrics: SqliteMetricsRepository, path: Path, clock: FakeClock) -> SqliteMetricsRepository:
    """Close and open again, as in another process."""
    metrics.close(SOON)
    return SqliteMetricsRepository(path, clock, ZONE)


def known(metrics: MetricsRepository, account: str = "main") -> AccountMetrics:
    """What is known of an account that has readings."""
    found = metrics.account(account)
    assert found is not None
    return found


def marks(metrics: MetricsRepository) -> tuple[Decimal | int, Decimal | int] | None:
    """High-water mark and opening."""
    baseline = known(metrics).baseline
    return None if baseline is None else (baseline.high_water_mark, baseline.day_open)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.sampled_from([1, 60, 1000, 40_000])),
        st.tuples(st.just("equity"), st.sampled_from(["1000", "1100.5", "950", "NaN", "0"])),
        st.tuples(st.just("late"), st.sampled_from([0.5, 30, 1000, 5000])),
        st.tuples(st.just("flow"), st.sampled_from(["500", "-200", "0.25"])),
        st.tuples(st.just("late flow"), st.sampled_from([0.5, 30, 1000, 5000])),
        st.tuples(st.just("jump"), st.sampled_from([-100, 100])),
        st.tuples(st.just("rebaseline"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=30,
)


def perform(metrics: MetricsRepository, clock: FakeClock, name: str, value: Any, number: int) -> None:
    """Carry out what concerns any repository."""
    late = clock.now() - timedelta(seconds=value if name.startswith("late") else 0)
    if name == "rebaseline":
        metrics.rebaseline(["main"])
    elif name == "equity":
        metrics.record_equity(equity(clock, value))
    elif name == "late":
        metrics.record_equity(replace(equity(clock, 1050), time=late))
    elif name in ("flow", "late flow"):
        reported = replace(flow(clock, value if name == "flow" else 70, f"{number}"), time=late)

        assert [metrics.record_cash_flow(reported) for _ in range(2)] == [True, False]


@explored(40)
@given(OPERATIONS)
def test_restart_anywhere_gives_the_same_baselines_and_knows_the_same_flows(operations: list[tuple[str, Any]]) -> None:
    """Whatever was recorded, saved in whatever portions, a restarted repository goes on like one that never ended."""
    clock = FakeClock()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        model = MemoryMetricsRepository(clock, ZONE)
        metrics = SqliteMetricsRepository(path, clock, ZONE)
        for number, (name, value) in enumerate([*operations, ("restart", 0)]):
            if name == "advance":
                clock.advance(value)
            elif name == "jump":
                clock.jump(value)
            elif name == "flush":
                assert metrics.flush(SOON)
            elif name == "restart":
                metrics = restart(metrics, path, clock)
            perform(model, clock, name, value, number)
            perform(metrics, clock, name, value, number)

            assert seen(metrics) == seen(model)
        for number in range(len(operations)):
            repeated = flow(clock, 1, f"{number}")

            assert metrics.record_cash_flow(repeated) == model.record_cash_flow(repeated)
        assert metrics.problem == ""

        metrics.close(SOON)


def seen(metrics: MetricsRepository) -> str:
    """All but when the equity arrived."""
    found = metrics.account("main")
    return str(found and replace(found, equity=replace(found.equity, received=0.0)))


def test_equity_from_before_the_restart_is_shown_but_unknown(
    metrics: SqliteMetricsRepository, path: Path, clock: FakeClock
) -> None:
    """It keeps its time and counts as never received; the first new reading is judged by the old high-water mark."""
    metrics.record_equity(equity(clock, 1000))
    before = known(metrics)
    metrics = restart(metrics, path, clock)
    readings = Readings(metrics, FakeHealth(), FakeFeeds())
    restored, verdict = known(metrics), DRAWDOWN.evaluate(readings, clock.instant())
    clock.advance(1)
    metrics.record_equity(equity(clock, 890))

    assert restored.equity == replace(before.equity, received=NEVER)
    assert restored.baseline == before.baseline
    assert verdict == Unknown("account main: no equity since the start")
    assert isinstance(DRAWDOWN.evaluate(readings, clock.instant()), Trip)


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


def save(path: Path, clock: FakeClock) -> None:
    """Make a file that holds a high-water mark of 1500, older than the window."""
    metrics = SqliteMetricsRepository(path, clock, ZONE)
    for amount in (1500, 1000):
        clock.advance(3600)
        metrics.record_equity(equity(clock, amount))
    metrics.close(SOON)


def emptied(path: Path) -> None:
    """Nothing left."""
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """Half of it left."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replaced(path: Path) -> None:
    """Something else entirely."""
    path.write_bytes(b"not a database" * 1000)


def change(path: Path, statement: str) -> None:
    """Change what is in the file by means of SQL."""
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def boundless(path: Path) -> None:
    """A high-water mark without end."""
    change(path, "UPDATE ledger SET anchor = replace(anchor, '1500', '-Infinity')")


def no_mark(path: Path) -> None:
    """A high-water mark of zero."""
    change(path, "UPDATE ledger SET anchor = json_set(anchor, '$[2]', '0')")


def no_opening(path: Path) -> None:
    """An opening of zero."""
    change(path, "UPDATE ledger SET anchor = json_set(anchor, '$[5]', '0')")


def no_number(path: Path) -> None:
    """Flows that add up to no number."""
    change(path, "UPDATE ledger SET anchor = json_set(anchor, '$[7]', 'NaN')")


def undated(path: Path) -> None:
    """A time without its zone."""
    change(path, "UPDATE entry SET time = substr(time, 1, 26)")


def unreadable(path: Path) -> None:
    """A baseline cut in the middle."""
    change(path, "UPDATE ledger SET anchor = substr(anchor, 1, 40)")


def emptied_table(path: Path) -> None:
    """No word on whether baselines were lost before."""
    change(path, "DELETE FROM baselines")


def dropped_table(path: Path) -> None:
    """No entries, nor a place for them."""
    change(path, "DROP TABLE entry")


def newer(path: Path) -> None:
    """The schema of a later version."""
    change(path, "PRAGMA user_version = 99")


DAMAGES = [
    emptied,
    cut,
    replaced,
    boundless,
    no_mark,
    no_opening,
    no_number,
    undated,
    unreadable,
    emptied_table,
    dropped_table,
    newer,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_kept_named_and_its_baselines_are_not_made_up(
    path: Path, clock: FakeClock, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A lost high-water mark does not become a lower one: unknown through restarts, until a person starts it anew."""
    save(path, clock)
    damage(path)
    content = path.read_bytes()
    metrics = SqliteMetricsRepository(path, clock, ZONE)
    clock.advance(1)
    metrics.record_equity(equity(clock, 700))
    problem = metrics.problem
    verdict = DRAWDOWN.evaluate(Readings(metrics, FakeHealth(), FakeFeeds()), clock.instant())
    metrics = restart(metrics, path, clock)
    clock.advance(1)
    metrics.record_equity(equity(clock, 700))
    after_restart = marks(metrics)
    metrics.rebaseline(["main"])
    metrics = restart(metrics, path, clock)
    aside = next(path.parent.glob("metrics.db.damaged-*"))

    assert "baselines are lost" in problem
    assert aside.name in problem
    assert problem in caplog.text
    assert aside.stat().st_size == len(content)
    assert isinstance(verdict, Unknown)
    assert after_restart is None
    assert marks(metrics) == (700, 700)
    assert metrics.problem == ""

    metrics.close(SOON)


def test_page_of_zeros_anywhere_is_found_or_changes_nothing(path: Path, clock: FakeClock) -> None:
    """Whichever page a disk loses, baselines are those that were saved, or unknown, never others."""
    save(path, clock)
    content = path.read_bytes()
    for start in range(0, len(content), 4096):
        path.write_bytes(content[:start] + bytes(4096) + content[start + 4096 :])
        metrics = SqliteMetricsRepository(path, clock, ZONE)
        lost = metrics.problem
        found = None if lost else marks(metrics)
        metrics.close(SOON)

        assert lost or found == (1500, 1500)
    assert len(content) > 5 * 4096


def test_start_that_was_cut_off_after_moving_a_damaged_file_aside_loses_no_warning(
    path: Path, clock: FakeClock
) -> None:
    """With the damaged file beside it and none in its place, the next start does not pass for the first."""
    save(path, clock)
    path.rename(path.with_name("metrics.db.damaged-20260105T120000000000"))
    metrics = SqliteMetricsRepository(path, clock, ZONE)
    metrics.record_equity(equity(clock, 1000))

    assert "metrics.db.damaged-20260105T120000000000" in metrics.problem
    assert marks(metrics) is None

    metrics.close(SOON)


def test_deposit_that_no_reading_contained_before_the_restart_counts_after_it(
    metrics: SqliteMetricsRepository, path: Path, clock: FakeClock
) -> None:
    """Its id is known, so it will not come again: it must wait for its reading across the restart."""
    metrics.record_equity(equity(clock, 1000))
    assert metrics.flush(SOON)
    clock.advance(1)
    metrics.record_cash_flow(flow(clock, 500, "deposit"))
    metrics = restart(metrics, path, clock)
    clock.advance(1)
    metrics.record_equity(equity(clock, 1400))

    assert marks(metrics) == (1500, 1500)

    metrics.close(SOON)


def test_rebaseline_survives_a_restart(metrics: SqliteMetricsRepository, path: Path, clock: FakeClock) -> None:
    """What was saved before it is replaced, not added to."""
    for amount in (2000, 1000):
        clock.advance(1)
        metrics.record_equity(equity(clock, amount))
    assert metrics.flush(SOON)
    metrics.rebaseline(["main"])
    metrics = restart(metrics, path, clock)

    assert marks(metrics) == (1000, 1000)

    metrics.close(SOON)


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
