"""What a server without venues costs while nothing happens: CPU and memory, by number of watchers.

``python -m tests.bench idle``
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Row
from tests.bench.processes import cpu_seconds, crowd, resident_mb
from tests.bench.servers import served

SIZES = (0, 100, 1_000, 5_000)
SHORT_SIZES = (0, 1_000)
SETTLE = 2.0
LASTS = 10.0
SHORT_LASTS = 3.0


def measure(count: int, lasts: float, folder: Path) -> tuple[float, float]:
    """Return percent of a core, and megabytes."""
    with served(folder, "[server]\nmax_subscribers = 20000\n") as server, crowd("ess", server.port) as watchers:
        server.release()
        watchers.ask(f"grow {count}")
        time.sleep(SETTLE)  # measuring what happens while nothing happens
        before, began = cpu_seconds(server.pid), time.monotonic()
        time.sleep(lasts)
        used = (cpu_seconds(server.pid) - before) / (time.monotonic() - began) * 100
        return used, resident_mb(server.pid)


def rows(*, short: bool) -> Sequence[Row]:
    """Measure every size on a server of its own."""
    found: list[Row] = []
    for count in SHORT_SIZES if short else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            used, resident = measure(count, SHORT_LASTS if short else LASTS, Path(folder))
        found.append(Row("heartbeat_cpu", count, used, "%"))
        found.append(Row("server_resident", count, resident, "MB", at_most=None if count else 60))
    return found
