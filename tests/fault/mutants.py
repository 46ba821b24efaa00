"""Seeded bugs: one line of a copy of the code is broken, and the check that is named for it must go red.

``seeds.py`` is the table. A line that is not found exactly once in its file fails as well: the table has to follow the
code. Each check is a test, or a family of this suite; beyond the short form the tests have to
pass on the code as it is, too.
"""

import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.e2e.process import ROOT, environment
from tests.fault import tracing
from tests.fault.result import FIRST_ONLY, NOT_SURVIVED, Deadline, Result
from tests.fault.seeds import FAMILY, SEEDS, Seed, table

CHECK_WITHIN = 400.0
AT_ONCE = 2
FAMILY_WITHIN, TEST_WITHIN = 60.0, 8.0
"""Seconds that have to be left for a family or a test to begin, or a short run would not end in its time."""
THOROUGH = 60.0
"""Seconds from which on the tests are run without any bug as well."""
HANGS = "10"
"""Seconds after which a test that does not end counts as red."""
TESTS_FAILED = 1
TRACED = (f"{FAMILY}power", f"{FAMILY}syscalls")
"""Checks that need strace."""
COPIED = (
    "ess_client",
    "ess_server",
    "tests",
    "examples",
    "proto",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)


@dataclass(frozen=True)
class Copy:
    """A copy of the tree that a seed may break."""

    root: Path

    @classmethod
    def of_the_tree(cls, root: Path) -> "Copy":
        """Copy what tests need."""
        ignored = shutil.ignore_patterns("__pycache__", ".*_cache", "node_modules")
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=ignored)
            elif source.exists():
                shutil.copy(source, root / name)
        return cls(root)

    def broken(self, seed: Seed) -> str:
        """Put the seed's line in place of the genuine one; return the genuine text. Raises ValueError if it is gone."""
        path = self.root / seed.file
        genuine = path.read_text()
        if genuine.count(seed.old) != 1:
            raise ValueError(f"{seed.file} holds {genuine.count(seed.old)} times: {seed.old}")
        path.write_text(genuine.replace(seed.old, seed.new))
        return genuine

    def red(self, checks: Sequence[str]) -> str:
        """Run checks here, and return the last words of one that is red. Raises RuntimeError if they cannot be run."""
        family = checks[0].removeprefix(FAMILY)
        if family != checks[0]:
            command = [sys.executable, "-m", "tests.fault.run", "60", "--only", family, "--seed", "1"]
        else:
            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--timeout", HANGS]
            command = [sys.executable, "-m", "pytest", *options, *checks]
        code, words = self._run(command)
        expected = (NOT_SURVIVED,) if family != checks[0] else (TESTS_FAILED, None)
        if code != 0 and code not in expected:
            raise RuntimeError(f"{checks} cannot be run: {words}")
        return words if code in expected else ""

    def _run(self, command: Sequence[str]) -> tuple[int | None, str]:
        settings = {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", FIRST_ONLY: "1"}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=CHECK_WITHIN,
                env=environment(settings),
                cwd=self.root,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, f"it did not end within {CHECK_WITHIN:g} s"
        return done.returncode, done.stdout[-400:]


def problem_of(seed: Seed, copy: Copy) -> str:
    """Break the copy, run the check, mend the copy; return why the seed counts as not caught."""
    try:
        genuine = copy.broken(seed)
    except ValueError as error:
        return str(error)
    try:
        return "" if copy.red([seed.check]) else f"{seed.check} stays green with: {seed.new.strip()}"
    except RuntimeError as error:
        return str(error)
    finally:
        (copy.root / seed.file).write_text(genuine)


def tests_of(seeds: Iterable[Seed]) -> list[str]:
    """Return the tests that are named, each once. What the families say of the genuine code is in the table above."""
    return sorted({seed.check for seed in seeds if not seed.check.startswith(FAMILY)})


def judged(seeds: Sequence[Seed], folder: Path, end: Deadline, result: Result) -> list[Seed]:
    """Try seeds, a few at once, until time is over; return those that were tried."""
    copies: SimpleQueue[Copy] = SimpleQueue()
    for number in range(AT_ONCE):
        copies.put(Copy.of_the_tree(folder / str(number)))

    def tried(seed: Seed) -> tuple[Seed, str] | None:
        if end.left < (FAMILY_WITHIN if seed.check.startswith(FAMILY) else TEST_WITHIN):
            return None
        copy = copies.get()
        try:
            return seed, problem_of(seed, copy)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = [outcome for outcome in pool.map(tried, seeds) if outcome]
    for seed, problem in outcomes:
        result.judge(f"{seed.file}: {seed.breaks}", problem)
    return [seed for seed, _ in outcomes]


def run(seconds: float, seed: int) -> Result:
    """Try as many seeded bugs as there is time for, drawn by ``seed``."""
    result, end = Result(), Deadline(seconds)
    possible = [each for each in SEEDS if each.check not in TRACED or tracing.available()]
    if len(possible) < len(SEEDS):
        result.notes.append(f"{len(SEEDS) - len(possible)} bugs left out: {tracing.MISSING}")
    drawn = random.Random(seed).sample(possible, len(possible))
    # When time is short the place of a family is among the families.
    drawn.sort(key=lambda each: each.check.startswith(FAMILY))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        judged_seeds = judged(drawn, folder, end, result)
        tried, named = len(judged_seeds), tests_of(judged_seeds)
        # A test that is red anyway has caught nothing. In a short form that is what `make test` is for.
        if named and seconds > THOROUGH:
            genuine = Copy.of_the_tree(folder / "genuine")
            # Some measure time, and the machine may be busy with others: what is red runs once more.
            words = genuine.red(named) and genuine.red(named)
            result.judge("the code as it is", words and f"a named test is red without any bug: {words}")
    result.notes.append(f"{tried} of {len(SEEDS)} bugs, each caught by the check named for it")
    return result


def searched(wanted: Sequence[str]) -> None:
    """For each seed that a word stands in, print the first test of its check that goes red: to name new ones by."""
    with tempfile.TemporaryDirectory() as name:
        copy = Copy.of_the_tree(Path(name) / "copy")
        for seed in SEEDS:
            if not any(word in seed.file or word in seed.breaks for word in wanted):
                continue
            genuine = copy.broken(seed)
            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--timeout", HANGS]
            code, words = copy._run([sys.executable, "-m", "pytest", *options, seed.check])
            (copy.root / seed.file).write_text(genuine)
            failed = [line for line in words.splitlines() if line.startswith(("FAILED", "ERROR"))]
            sys.stdout.write(f"{code} {seed.file} {seed.breaks}: {failed or words[-200:]}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        searched(sys.argv[1:])
    else:
        sys.stdout.write(f"{table()}\n")
