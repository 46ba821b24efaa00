"""What every family of faults hands back."""

import os
import time
from dataclasses import dataclass, field

FIRST_ONLY = "ESS_FAULT_FIRST_ONLY"
"""Environment variable with which a run ends at the first fault that is not survived."""
NOT_SURVIVED = 3
"""Exit code of such a run, and of one whose table shows a finding; any other says that it could not run."""


@dataclass(slots=True)
class Result:
    """How many faults were tried, how many were survived, and what was found where one was not.

    ``notes`` are figures and controls that belong beside the row of the table.
    """

    tried: int = 0
    survived: int = 0
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: str = ""
    """What the machine lacks, where the family cannot run at all."""

    def judge(self, what: str, problem: str) -> None:
        """Count one fault; ``problem`` is empty if it was survived."""
        self.tried += 1
        if problem:
            self.findings.append(f"{what}: {problem}")
            if os.environ.get(FIRST_ONLY):
                raise SystemExit(NOT_SURVIVED)
        else:
            self.survived += 1


class Deadline:
    """A span of time that is spent; every loop of a family ends with it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def __bool__(self) -> bool:
        """Whether any time is left."""
        return self.left > 0
