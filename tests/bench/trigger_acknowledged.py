"""From the call of Trigger to its durable answer: idle, with 1,000 watchers, and under 1,000 observations a second too.

Two servers of fifty accounts and all evaluators, one of them with watchers; they take turns, and who is not measured
stands still. ``python -m tests.bench trigger``
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ess_server.config.show import show
from tests.bench.figures import Row, middle, percentile
from tests.bench.observation_to_latch import loading, settings
from tests.bench.processes import crowd, standing_still
from tests.bench.servers import Served, served

WATCHERS = 1_000
ROUNDS = 24
SHORT_ROUNDS = 8
QUIET = 0.3
"""Seconds in which the wave of the reset is over, and load has lasted."""
TARGET = 2.0


def once(server: Served) -> float:
    """Release everything, wait, and return the milliseconds that stopping it takes."""
    server.release()
    time.sleep(QUIET)
    began = time.perf_counter()
    stop = server.stop("bench")
    taken = (time.perf_counter() - began) * 1000
    if not stop.durable:
        raise RuntimeError("the stop is not durable")
    time.sleep(QUIET / 2)
    return taken


def measure(rounds: int, folder: Path) -> dict[str, list[float]]:
    """Return milliseconds by condition."""
    taken: dict[str, list[float]] = {"idle": [], "watched": [], "loaded": []}
    os.environ |= {"ESS_BENCH_KEY": "none", "ESS_BENCH_SECRET": "none"}
    with ExitStack() as stack:
        config = show(settings())
        quiet = stack.enter_context(served(folder, config, "quiet"))
        busy = stack.enter_context(served(folder, config, "busy"))
        watchers = stack.enter_context(crowd("ess", busy.port))
        watchers.ask(f"grow {WATCHERS}")
        load = stack.enter_context(loading(busy.process.target))
        others = (busy.pid, watchers.process.pid)
        for _ in range(rounds + 1):
            with standing_still(others):
                taken["idle"].append(once(quiet))
            with standing_still((quiet.pid,)):
                time.sleep(QUIET)
                taken["watched"].append(once(busy))
                load("on")
                taken["loaded"].append(once(busy))
                load("off")
    return {name: values[1:] for name, values in taken.items()}


def rows(*, short: bool) -> Sequence[Row]:
    """Measure the three conditions in turns."""
    with tempfile.TemporaryDirectory() as folder:
        taken = measure(SHORT_ROUNDS if short else ROUNDS, Path(folder))
    idle, found = middle(taken["idle"]), []
    names = {"idle": "", "watched": "_watched", "loaded": "_watched_and_loaded"}
    for name, suffix in names.items():
        values, ratios = taken[name], {} if name == "idle" else {"idle": middle(taken[name]) / idle}
        wanted = TARGET if name == "loaded" else None
        found.append(Row(f"trigger_acknowledged{suffix}", len(values), middle(values), "ms", ratios, wanted, "idle"))
        found.append(Row(f"trigger_acknowledged{suffix}_p99", len(values), percentile(values, 99), "ms"))
    return found
