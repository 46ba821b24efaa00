"""A damaged file: kept, named, and no baseline made up for it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.ports import Readings
from ess_server.core.readings import Unknown
from ess_server.testing import FakeClock, FakeFeeds, FakeHealth
from tests.adapters.metrics_sqlite.figures import DRAWDOWN, SOON, ZONE, equity, marks, restart


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
