"""``python -m tests.fault.venues [RUNS] [SEED] [AT_ONCE]``: tried, survived, slowest; non-zero on any violation.

The runs are those of the seeds SEED, SEED + 1, ...; a violation prints the one that repeats its draw.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fault.venues.draw import DIALECTS, KINDS, draw
from tests.fault.venues.run import Outcome, outcomes

RUNS, SEED, AT_ONCE = 100, 20261122, 12


class Tally:
    """Counts outcomes and prints violations as they come."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def take(self, outcome: Outcome) -> None:
        """Take one outcome."""
        self.outcomes.append(outcome)
        if outcome.violations:
            say(f"\nVIOLATION  repeat it with: make fault-venues RUNS=1 SEED={outcome.draw.seed}")
            say(f"  {outcome.draw}")
            for line in (*outcome.violations, "the story:", *outcome.story):
                say(f"  {line}")

    def table(self, seconds: float) -> None:
        """Print what became of all of them."""
        found = self.outcomes
        lived = [o for o in found if not o.violations]
        slowest = max(found, key=lambda o: o.seconds)
        say(f"\ntried {len(found)}  survived {len(lived)}  in {seconds:.0f} s; with dust {sum(o.dust for o in found)}")
        ordered = sorted(o.seconds for o in found)
        median = ordered[len(ordered) // 2]
        say(f"flat after the faults: median {median:.2f} s, slowest {slowest.seconds:.2f} s (seed {slowest.draw.seed})")
        for dialect in DIALECTS:
            mine = [o for o in found if o.draw.dialect == dialect]
            killed = sum(o.draw.process for o in mine)
            worst = max((o.seconds for o in mine), default=0)
            good = sum(not o.violations for o in mine)
            say(f"  {dialect:14} tried {len(mine):5}  survived {good:5}  slowest {worst:5.2f} s  real process {killed}")
        tried = Counter(kind for o in found for kind in o.draw.kinds)
        survived = Counter(kind for o in lived for kind in o.draw.kinds)
        for kind in KINDS:
            say(f"  {kind:14} tried {tried[kind]:5}  survived {survived[kind]:5}")


def say(line: str) -> None:
    """Print."""
    print(line, flush=True)  # noqa: T201 - the report


def main(arguments: list[str]) -> int:
    """Run and report."""
    runs, seed, at_once = (int(a) for a in (*arguments, *map(str, (RUNS, SEED, AT_ONCE)[len(arguments) :])))
    logging.disable(logging.CRITICAL)
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        draws = [draw(seed + number) for number in range(runs)]
        asyncio.run(outcomes(draws, Path(folder), at_once, tally.take))
    tally.table(time.monotonic() - began)
    return int(any(o.violations for o in tally.outcomes))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
