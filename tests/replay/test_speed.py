"""A year of one-minute data is a matter of seconds: no tick is looked at in vain, and a row costs little."""

import time
from decimal import Decimal
from pathlib import Path

from ess_server.core.evaluators import DrawdownSettings
from ess_server.replay.recording import ReadOptions, read_recording

from .recorded import at, replayed, write_csv

ROWS = 20_000
PER_ROW = 200e-6
"""Seconds; ten times what a year in ten seconds allows, because other work may run beside the tests."""


def test_a_row_costs_little_and_the_time_between_nothing(tmp_path: Path) -> None:
    """At the pace of the recording each row is looked at once, 240 ticks between are not, and rows are quick."""
    rows = [(at(60 * n), "main", 100_000 + n % 97, "USDT") for n in range(ROWS)]
    file = write_csv(tmp_path / "e.csv", "time,account,equity,currency", rows)
    settings = DrawdownSettings(
        account="main", max_daily_loss_percent=Decimal(5), max_drawdown_percent=Decimal(5), confirm=3
    )
    began = time.process_time()
    found = replayed(file, settings)
    taken = time.process_time() - began
    assert found.looks == ROWS
    assert taken < ROWS * PER_ROW


def test_a_silence_of_a_week_is_a_handful_of_looks(tmp_path: Path) -> None:
    """A gap costs by what can change in it, not by its length: 2.4 million ticks are not looked at one by one."""
    times = [0, 1, 2, 3, 7 * 86_400, 7 * 86_400 + 1]
    file = write_csv(tmp_path / "e.csv", "time,account,equity,currency", [(at(t), "main", 1, "USDT") for t in times])
    assert len(list(read_recording([file], ReadOptions()).arrivals())) == len(times)
    found = replayed(file, DrawdownSettings(account="main", max_daily_loss_percent=Decimal(5)))
    assert found.looks < 200
    assert [e.reason[:22] for e in found.subjects[0].episodes] == ["drawdown/main: unknown"]
