"""The seeded bugs: one line each, what it breaks, and the quickest check that catches it."""

from tests.fault.seed import FAMILY, Seed
from tests.fault.seeds_gates import BROADCAST, LEASE, STRICTNESS
from tests.fault.seeds_rest import DISKS, EVALUATORS, FLATTEN, NUMBERS_AND_EVIDENCE
from tests.fault.seeds_state import JOURNAL, LATCH, RESET, STARTING

__all__ = ["FAMILY", "SEEDS", "Seed", "table"]

SEEDS = [
    *LATCH,
    *JOURNAL,
    *STARTING,
    *RESET,
    *BROADCAST,
    *LEASE,
    *STRICTNESS,
    *FLATTEN,
    *EVALUATORS,
    *NUMBERS_AND_EVIDENCE,
    *DISKS,
]


def table() -> str:
    """Return the table of seeds as the documentation has it."""
    rows = [f"| `{seed.file}` | {seed.breaks} | `{seed.check}` |" for seed in SEEDS]
    return "\n".join(["| in | the bug | caught by |", "|---|---|---|", *rows])
