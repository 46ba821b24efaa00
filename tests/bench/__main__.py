"""``python -m tests.bench [--short] [NAME ...]`` measures and prints; all of it goes to ``build/bench.json`` too."""

import sys
import time
import traceback
from collections.abc import Sequence
from typing import Protocol

from tests.bench import (
    commits,
    evaluation_tick,
    fan_out,
    flatten,
    gate_check,
    idle_cost,
    observation_to_latch,
    peers,
    real_gates,
    replay_year,
    restart,
    trigger_acknowledged,
)
from tests.bench.figures import Row, keep, table


class Measurement(Protocol):
    """Measures, in a few seconds where it is to be short."""

    def __call__(self, *, short: bool) -> Sequence[Row]:
        """Return figures."""


MEASUREMENTS: tuple[tuple[str, Measurement], ...] = (
    ("gate", gate_check.rows),
    ("commit", commits.rows),
    ("fan-out", fan_out.rows),
    ("gates", real_gates.rows),
    ("trigger", trigger_acknowledged.rows),
    ("detection", observation_to_latch.rows),
    ("flatten", flatten.rows),
    ("idle", idle_cost.rows),
    ("restart", restart.rows),
    ("tick", evaluation_tick.rows),
    ("replay", replay_year.rows),
)
"""In this order, one after the other: what runs at the same time disturbs."""


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Measure what is named, else everything. Returns 1 if something could not be measured."""
    short, named = "--short" in arguments, [a for a in arguments if a != "--short"]
    rows: list[Row] = []
    failed = 0
    if lacking := peers.missing():
        say(f"SKIPPED: peers that are not installed: apt-get install {' '.join(lacking)}")
    for name, measure in MEASUREMENTS:
        if named and name not in named:
            continue
        began = time.monotonic()
        try:
            rows += measure(short=short)
        except Exception:  # noqa: BLE001 - the others are measured all the same
            failed += 1
            say(f"FAILED: {name}\n{traceback.format_exc()}")
        say(f"{name}: {time.monotonic() - began:.0f} s")
    if not named:
        keep(rows)
    sys.stdout.write(table(rows) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
