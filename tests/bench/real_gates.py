"""Trigger received to a hundred real gates denying, alone and beside a crowd of lean subscribers.

The gates are those that engines use, in one process; that they and the crowd agree shows that the crowd measures what
gates see. ``python -m tests.bench gates``
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.figures import Row, middle, percentile
from tests.bench.processes import Child, crowd
from tests.bench.servers import Served, served

GATES = 100
CROWD = 1_000
ROUNDS = 15
SHORT_ROUNDS = 5
QUIET = 0.4
"""Seconds in which the acknowledgements of the reset come in, so that the stop meets an idle server."""


def once(server: Served, gates: Child, lean: Child | None, token: str) -> tuple[list[float], list[float]]:
    """Return milliseconds until each gate denied, and until each of the crowd was told."""
    server.release()
    gates.ask("again")
    time.sleep(QUIET)
    if lean:
        lean.ask(f"await {token}")
    received = server.stop(token).activate_time.ToNanoseconds() / 1e9
    told = lean.answer()["stamps"] if lean else []
    return [(s - received) * 1000 for s in gates.answer()["stamps"]], [(s - received) * 1000 for s in told]


def measure(count: int, rounds: int, folder: Path) -> tuple[list[list[float]], list[list[float]]]:
    """Return the times of gates and crowd, round by round."""
    with ExitStack() as stack:
        server = stack.enter_context(served(folder))
        lean = stack.enter_context(crowd("ess", server.port)) if count else None
        # The gates come in the middle, so that they are neither the first nor the last to be told.
        if lean:
            lean.ask(f"grow {count // 2}")
        gates = Child.started("tests.bench.gate_crowd", str(server.port), str(GATES))
        stack.callback(gates.end)
        gates.answer()
        if lean:
            lean.ask(f"grow {count}")
        found = [once(server, gates, lean, f"token-{os.getpid()}-{n}-end") for n in range(rounds + 1)]
    return [denied for denied, _ in found[1:]], [told for _, told in found[1:]]


def rows(*, short: bool) -> Sequence[Row]:
    """Measure gates alone, then beside the crowd."""
    found = []
    for count, suffix in ((0, ""), (CROWD, "_in_a_crowd")):
        with tempfile.TemporaryDirectory() as folder:
            denied, told = measure(count, SHORT_ROUNDS if short else ROUNDS, Path(folder))
        name = f"trigger_to_denied_gates{suffix}"
        each = [ms for one in denied for ms in one]
        crowd_middle = {"crowd": middle(each) / middle([ms for one in told for ms in one])} if count else {}
        found.append(Row(name, GATES, middle(each), "ms", crowd_middle))
        found.append(Row(f"{name}_p99", GATES, percentile(each, 99), "ms", at_most=None if count else 50))
        found.append(Row(f"{name}_last", GATES, middle([one[-1] for one in denied]), "ms"))
    return found
