"""``ess replay`` over a year of one-minute equity of one account, with a chart: seconds from start to exit.

``python -m tests.bench replay``
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.figures import Row, middle

YEAR = 525_600
MONTH = 43_200
RUNS = 2
SHAPES = {"past_limit": 0.0, "healthy": 0.000_001}
"""What the walk drifts by in a minute: the first stands past its limit for months, the second mostly below it."""
START = datetime(2025, 1, 1, tzinfo=UTC)
CONFIG = """
[server]
day_boundary = "Europe/Berlin"

[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_env = "KEY"
secret_env = "SECRET"

[[evaluators]]
kind = "drawdown"
account = "main"
max_daily_loss_percent = 3
max_drawdown_percent = 8.5
"""


def write(folder: Path, rows: int, drift: float) -> tuple[Path, Path]:
    """Write a configuration and a random walk of one row a minute, always the same."""
    walk, equity = random.Random(1), 100_000.0
    config, file = folder / "ess.toml", folder / "year.csv"
    config.write_text(CONFIG)
    with file.open("w") as opened:
        opened.write("time,equity,currency\n")
        for minute in range(rows):
            equity *= 1 + walk.gauss(drift, 0.0002)
            opened.write(f"{(START + timedelta(minutes=minute)).isoformat()},{equity:.2f},USDT\n")
    return config, file


def measure(rows: int, drift: float, runs: int) -> float:
    """Return the seconds that the command takes as a person runs it, the median of some runs."""
    with tempfile.TemporaryDirectory() as folder:
        config, file = write(Path(folder), rows, drift)
        command = [sys.executable, "-m", "ess_server", "replay", "--config", str(config), str(file)]
        taken = []
        for _ in range(runs):
            began = time.perf_counter()
            done = subprocess.run([*command, "--chart", f"{folder}/out.png"], capture_output=True, check=False)
            taken.append(time.perf_counter() - began)
            if done.returncode not in (0, 7):
                sys.exit(done.stderr.decode())
    return middle(taken)


def rows(*, short: bool) -> Sequence[Row]:
    """Measure both shapes of a year, or of a month."""
    count, runs, limit = (MONTH, 1, None) if short else (YEAR, RUNS, 10)
    return [
        Row(f"replay_{shape}", count, measure(count, drift, runs), "s", at_most=limit)
        for shape, drift in SHAPES.items()
    ]
