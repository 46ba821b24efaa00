"""Groups of accounts on disk: files from before there were any, damage, and writes that fail."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.readings import AccountGroup, Baseline, CashFlow, EquityReading
from ess_server.testing import START, FakeClock

ZONE = ZoneInfo("Europe/Berlin")
SOON = timedelta(seconds=20)
BOTH = AccountGroup(("main", "hedge"), "USDT")
FIRST_SCHEMA = """
CREATE TABLE baselines (trusted INTEGER NOT NULL);
CREATE TABLE account (account TEXT PRIMARY KEY, trusted INTEGER NOT NULL, amount TEXT, currency TEXT, time TEXT);
CREATE TABLE ledger (account TEXT, currency TEXT, anchor TEXT, edge TEXT, PRIMARY KEY (account, currency));
CREATE TABLE entry (account TEXT, currency TEXT, time TEXT, is_reading INTEGER, amount TEXT, id TEXT);
CREATE INDEX entry_time ON entry (account, currency, time);
CREATE TABLE flow_id (number INTEGER PRIMARY KEY, account TEXT, id TEXT);
CREATE INDEX flow_id_account ON flow_id (account);
INSERT INTO baselines VALUES (1);
INSERT INTO account VALUES ('main', 1, '900', 'USDT', '2026-01-05T11:59:59.000000+00:00');
INSERT INTO ledger VALUES ('main', 'USDT', '["2026-01-05T11:00:00.000000+00:00", "1500", "1500",
    "2026-01-05T11:00:00.000000+00:00", "2026-01-05", "1200", "2026-01-05T00:00:00.000000+00:00", "0"]',
    '["2026-01-05T11:00:00.000000+00:00", "True", "1500", ""]');
INSERT INTO entry VALUES ('main', 'USDT', '2026-01-05T11:59:59.000000+00:00', 1, '900', '');
INSERT INTO flow_id (account, id) VALUES ('main', 'known');
PRAGMA user_version = 1;
"""


@pytest.fixture
def clock() -> FakeClock:
    """A clock at noon."""
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file goes."""
    return tmp_path / "metrics.db"


def opened(
    path: Path, clock: FakeClock, connect: Callable[[Path], sqlite3.Connection] | None = None
) -> SqliteMetricsRepository:
    """A repository that keeps the group."""
    if connect is None:
        metrics = SqliteMetricsRepository(path, clock, ZONE)
    else:
        metrics = SqliteMetricsRepository(path, clock, ZONE, interval=timedelta(0), connect=connect)
    metrics.declare_groups([BOTH])
    return metrics


def read(metrics: SqliteMetricsRepository, clock: FakeClock, main: int, hedge: int) -> None:
    """Read both members, a second later."""
    clock.advance(1)
    for account, amount in (("main", main), ("hedge", hedge)):
        metrics.record_equity(
            EquityReading(
                account=account, amount=Decimal(amount), currency="USDT", time=clock.now(), received=clock.uptime()
            )
        )


def baseline(metrics: SqliteMetricsRepository) -> Baseline | None:
    """That of the group, of which there must be a sum."""
    known = metrics.group(BOTH)
    assert known is not None
    return known.baseline


def execute(path: Path, statements: str) -> None:
    """Change the file behind the repository's back."""
    connection = sqlite3.connect(path)
    connection.executescript(statements)
    connection.close()


def saved(path: Path, clock: FakeClock) -> None:
    """Leave a file with a group that has lost money and has some in flight."""
    metrics = opened(path, clock)
    read(metrics, clock, 1000, 1000)
    flow = CashFlow(account="main", id="f", amount=Decimal(-300), currency="USDT", time=clock.now())
    metrics.record_cash_flow(flow)
    read(metrics, clock, 600, 1000)
    metrics.close(SOON)
    assert metrics.problem == ""


def test_file_from_before_there_were_groups_keeps_its_baselines(path: Path, clock: FakeClock) -> None:
    """High-water mark, opening and known flows stay, the group starts anew, and the next start finds both."""
    execute(path, FIRST_SCHEMA)
    for hedge in (100, 90):
        metrics = opened(path, clock)
        known = metrics.account("main")
        read(metrics, clock, 900, hedge)
        flow = CashFlow(account="main", id="known", amount=Decimal(1), currency="USDT", time=START)

        assert not metrics.record_cash_flow(flow)
        assert known is not None
        assert known.baseline == Baseline(high_water_mark=Decimal(1500), day=START.date(), day_open=Decimal(1200))
        assert baseline(metrics) == Baseline(high_water_mark=Decimal(1000), day=START.date(), day_open=Decimal(1000))
        metrics.close(SOON)
        assert metrics.problem == ""


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE account_group SET state = substr(state, 1, 40)",
        "UPDATE account_group SET state = '{}'",
        "UPDATE account_group SET state = '[]'",
        "UPDATE account_group SET accounts = 'main'",
        "UPDATE account_group SET state = replace(state, '-300', 'three')",
        "UPDATE account_group SET state = replace(state, '+00:00', '')",
        "UPDATE ledger SET anchor = 'x' WHERE account LIKE '[%'",
        "DROP TABLE account_group",
    ],
)
def test_damaged_group_is_no_baseline(path: Path, clock: FakeClock, damage: str) -> None:
    """The file is set aside and named, and a lower mark does not quietly take the place of the lost one."""
    saved(path, clock)
    execute(path, damage)
    metrics = opened(path, clock)
    read(metrics, clock, 600, 1000)

    assert "baselines are lost" in metrics.problem
    assert baseline(metrics) is None

    metrics.rebaseline(["main", "hedge"])

    assert baseline(metrics) == Baseline(high_water_mark=Decimal(1600), day=START.date(), day_open=Decimal(1600))

    metrics.close(SOON)


def test_group_that_is_gone_leaves_nothing_on_disk(path: Path, clock: FakeClock) -> None:
    """A membership that is tried and taken back does not bring old marks with it, and costs no space."""
    saved(path, clock)
    metrics = SqliteMetricsRepository(path, clock, ZONE)
    metrics.declare_groups([])
    metrics.close(SOON)
    connection = sqlite3.connect(path)
    rows = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("account_group", "ledger")]
    connection.close()

    assert rows == [(0,), (2,)]


def test_write_that_failed_is_made_good(path: Path, clock: FakeClock) -> None:
    """What was to be saved and what was to be forgotten both wait for the disk."""
    broken = True

    class Disk(sqlite3.Connection):
        def commit(self) -> None:
            if broken:
                raise sqlite3.OperationalError("disk I/O error")
            super().commit()

    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, factory=Disk, isolation_level="IMMEDIATE", check_same_thread=False)

    saved(path, clock)
    metrics = opened(path, clock, connect)
    read(metrics, clock, 500, 1000)
    assert not metrics.flush(timedelta(milliseconds=100))
    metrics.declare_groups([])
    assert not metrics.flush(timedelta(milliseconds=100))
    metrics.declare_groups([BOTH])
    read(metrics, clock, 400, 1000)
    broken = False
    assert metrics.flush(SOON)
    metrics.close(SOON)
    metrics = opened(path, clock)

    assert baseline(metrics) == Baseline(high_water_mark=Decimal(1400), day=START.date(), day_open=Decimal(1400))

    metrics.close(SOON)
