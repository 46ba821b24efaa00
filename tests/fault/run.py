"""The fault suite: divides the minutes among the families, prints what was tried, survived and found.

``python -m tests.fault.run [MINUTES] [--full] [--only FAMILY ...] [--seed N]``. Exit code 3 if anything was not
survived; the last lines name the command that repeats it, and what this machine left out. Exit code 4: nothing ran.
"""

import argparse
import logging
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.fault import hostile, kills, mutants, network, power, races, records, syscalls
from tests.fault.result import NOT_SURVIVED, Result

FULL = 24 * 3600.0
"""Seconds that no family needs: each then does everything that it knows."""
SHOWN = 20
NOTHING_RAN = 4
"""Exit code where the machine lacks what every family that was asked for needs."""


@dataclass(frozen=True)
class Family:
    """One kind of fault: how it is called, which share of the time it gets, and what runs it."""

    name: str
    share: float
    run: Callable[[float, int], Result]
    what: str


FAMILIES = (
    Family("kills", 2.0, kills.run, "SIGKILL of server, venue process, engine"),
    Family("syscalls", 2.0, syscalls.run, "SIGKILL, EIO, ENOSPC at calls of either record"),
    Family("power", 1.5, power.run, "loss of power between any two writes"),
    Family("network", 1.5, network.run, "frozen, silent, slow, half open: the lease holds"),
    Family("hostile", 1.5, hostile.run, "subscribers that never read, floods, garbage"),
    Family("races", 1.0, races.run, "triggers and resets at once: the trigger wins"),
    Family("records", 1.0, records.run, "flipped, cut, older and missing records"),
    Family("mutants", 2.0, mutants.run, "seeded bugs, each caught by a named check"),
)


def say(line: str) -> None:
    """Print a line of the report, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def parsed(arguments: Sequence[str], families: Sequence[Family]) -> argparse.Namespace:
    """Return what the command line asks for."""
    names = [family.name for family in families]
    parser = argparse.ArgumentParser(prog="make fault", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=8.0, help="time for all families together")
    parser.add_argument("--full", action="store_true", help="everything, however long it takes")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="FAMILY", help=", ".join(names))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6), help="repeats a run")
    return parser.parse_args(arguments)


def tried(family: Family, seconds: float, seed: int) -> Result:
    """Run one family; one that cannot run at all has not survived."""
    try:
        return family.run(seconds, seed)
    except Exception:  # noqa: BLE001 - the table says so, and the others still run
        return Result(tried=1, findings=[f"the family itself failed:\n{traceback.format_exc()}"])


@dataclass
class Report:
    """The table, and what has to be said beneath it."""

    asked: argparse.Namespace
    begun: float = field(default_factory=time.monotonic)
    rows: int = 0
    left_out: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)

    def row(self, family: Family, result: Result, seconds: float) -> None:
        """Print what became of one family."""
        say(f"{family.name:10} {result.tried:7} {result.survived:9} {seconds:8.1f}  {family.what}")
        for note in result.notes:
            say(f"{'':38}{note}")
        self.rows += 1
        if result.missing:
            say(f"*** NOT RUN: {result.missing} ***")
            self.left_out.append(family.name)
        elif result.findings or not result.tried:
            self.failed[family.name] = result.findings or ["nothing was tried"]

    def end(self) -> int:
        """Print what was not survived, what was left out and how long it took; return the exit code."""
        say(f"{'':29}{time.monotonic() - self.begun:7.1f}  in all")
        for name, findings in self.failed.items():
            say(f"\n{name}: {len(findings)} NOT SURVIVED; again with: {self._command(name)}")
            for finding in findings[:SHOWN]:
                say(f"  {finding}")
        if self.left_out:
            say(f"\n*** LEFT OUT: {', '.join(self.left_out)}; the table says why. Nothing is known of these faults ***")
        if self.failed:
            return NOT_SURVIVED
        return NOTHING_RAN if len(self.left_out) == self.rows else 0

    def _command(self, family: str) -> str:
        span = "--full" if self.asked.full else f"{self.asked.minutes:g}"
        return f"python -m tests.fault.run {span} --only {family} --seed {self.asked.seed}"


def main(arguments: Sequence[str], families: Sequence[Family] = FAMILIES) -> int:
    """Run the families that were asked for and print the table."""
    asked = parsed(arguments, families)
    say(f"{'family':10} {'tried':>7} {'survived':>9} {'seconds':>8}  seed {asked.seed}")
    report = Report(asked)
    for family in families:
        if family.name not in asked.only:
            continue
        # A family that is repeated on its own gets the time that it had among the others.
        share = family.share / sum(each.share for each in families)
        seconds = FULL if asked.full else asked.minutes * 60 * share
        begun = time.monotonic()
        result = tried(family, seconds, asked.seed)
        report.row(family, result, time.monotonic() - begun)
    return report.end()


if __name__ == "__main__":
    # Connections are cut and disks fail on purpose here; what matters of it is in the table.
    logging.disable(logging.CRITICAL)
    sys.exit(main(sys.argv[1:]))
