"""A server that is killed and started again: when everybody hears it anew.

Lean subscribers come back by themselves, after the waits that gates draw. Times run from the server's new port being
open. ``python -m tests.bench restart``
"""

import asyncio
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Row, middle
from tests.bench.processes import crowd
from tests.bench.servers import Served, served

GATES = 1_000
ROUNDS = 5
SHORT_ROUNDS = 2
OPENS_WITHIN = 20.0
SETTLE = 1.0


def opened(server: Served) -> float:
    """Return when the port of the new server is open."""
    end = time.time() + OPENS_WITHIN
    while time.time() < end:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return time.time()
    raise RuntimeError("the server did not come back")


def measure(rounds: int, folder: Path) -> tuple[list[float], list[float]]:
    """Return seconds until half of them, and until all of them, were back."""
    half, everybody = [], []
    with served(folder) as server, crowd("ess", server.port, "return") as gates:
        gates.ask(f"grow {GATES}")
        for _ in range(rounds):
            time.sleep(SETTLE)
            gates.ask(f"back {GATES}")
            asyncio.run(server.process.kill())
            time.sleep(SETTLE)
            server.process.spawn()
            began = opened(server)
            stamps = gates.answer()["stamps"]
            half.append(middle(stamps) - began)
            everybody.append(stamps[-1] - began)
    return half, everybody


def rows(*, short: bool) -> Sequence[Row]:
    """Measure some restarts."""
    with tempfile.TemporaryDirectory() as folder:
        half, everybody = measure(SHORT_ROUNDS if short else ROUNDS, Path(folder))
    return [
        Row("restart_half_back", GATES, middle(half), "s"),
        Row("restart_all_back", GATES, middle(everybody), "s", at_most=3),
        Row("restart_all_back_worst", GATES, max(everybody), "s"),
    ]
