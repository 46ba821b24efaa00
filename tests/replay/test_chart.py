"""The chart is what its name says, and hides no peak."""

from pathlib import Path

import matplotlib.image
import pytest

from ess_server.replay.series import Series
from tests.cli.running import ess_here

from .recorded import DRAWDOWN, at, write_config, write_csv


@pytest.mark.parametrize("name", ["chart.png", "chart.svg"])
def test_the_chart_is_a_picture_of_every_evaluator(tmp_path: Path, name: str) -> None:
    """PNG and SVG are written as such, with a panel for each evaluator, also where one has read nothing."""
    rows = [(at(60 * n), "main", 1000 - 150 * (n == 30), "USDT") for n in range(60)]
    file = write_csv(tmp_path / "e.csv", "time,account,equity,currency", rows)
    config = write_config(tmp_path / "ess.toml", DRAWDOWN, DRAWDOWN | {"name": "other", "currency": "EUR"})
    ended = ess_here("replay", "--config", config, file, "--chart", tmp_path / name)
    assert ended.code == 7, ended.err
    if name.endswith(".png"):
        height, width, _ = matplotlib.image.imread(tmp_path / name).shape
        assert (width, height) > (1000, 500)
    else:
        drawn = (tmp_path / name).read_text()
        assert drawn.lstrip().startswith("<?xml")
        assert "<svg" in drawn


def test_a_chart_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder that is not there is a mistake with a name, not a traceback."""
    file = write_csv(tmp_path / "e.csv", "time,account,equity,currency", [(at(0), "main", 1000, "USDT")])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    ended = ess_here("replay", "--config", config, file, "--chart", tmp_path / "not" / "there.png")
    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_no_peak_is_lost_between_columns() -> None:
    """Each column keeps the lowest and the highest of what was read in it, however much that is."""
    series = Series(0, 1_000_000, columns=10)
    for micros in range(0, 1_000_001, 100):
        series.add(micros, 7.0 if micros == 333_300 else 0.0 if micros == 333_400 else 0.5)
    stretches = series.stretches()
    assert len(stretches) == 11
    assert [(s.low, s.high) for s in stretches if s.high > 1] == [(0.0, 7.0)]
