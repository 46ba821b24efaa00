"""SIGKILL, EIO and ENOSPC at every system call that either record makes during first start, restart, trigger and reset.

Each case is a life of its own, forked on a copy of a directory, under ``strace`` with one injection. After it: what was
acknowledged as durable stands, a release that was refused did not happen, and nothing is INACTIVE unless both say so.
"""

import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from tests.fault import judge, tracing
from tests.fault.installation import start
from tests.fault.life import FIRST, RESET, RESTART, SCENES, SCOPE, TRIGGER, Nursery, lines_of, nursery
from tests.fault.result import Deadline, Result

KILL, EIO, EIO_FROM, ENOSPC_FROM = "SIGKILL", "EIO", "EIO from then on", "ENOSPC from then on"
FAULTS = {
    KILL: "signal=KILL:when={}",
    EIO: "error=EIO:when={}",
    EIO_FROM: "error=EIO:when={}+",
    ENOSPC_FROM: "error=ENOSPC:when={}+",
}
CALLS = "trace=%file,%desc"
_CALL = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. )?(?P<name>[a-z0-9_]+)(?:\(| resumed)")


@dataclass(frozen=True)
class Case:
    """One injection: the ``number``-th call of a kind that a record makes in a scene."""

    scene: str
    record: str
    call: str
    number: int
    fault: str

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.scene}: {self.fault} at {self.call} {self.number} of {self.record}"


@dataclass
class Bench:
    """Directories to begin from, and where the cases are played."""

    folder: Path
    nursery: Nursery
    images: dict[str, Path]

    def data(self, scene: str) -> Path:
        """Return a directory as the scene finds it."""
        data = self.folder / "case"
        shutil.rmtree(data, ignore_errors=True)
        image = self.images.get(scene)
        if image:
            shutil.copytree(image, data)
        else:
            data.mkdir()
        return data

    def play(self, scene: str, record: str, *options: str) -> tuple[Path, list[str]]:
        """Live the scene under strace with its eyes on one record; return directory and what was told."""
        data, told = self.data(scene), self.folder / "told"
        pid = self.nursery.begin(scene, data, told)
        watched = [option for path in tracing.paths(data, record) for option in ("-P", path)]
        tracing.traced(pid, self.folder / "log", "-e", CALLS, *watched, *options)
        return data, lines_of(told)


def prepared(folder: Path, born: Nursery) -> Bench:
    """Make the directories: never used, nothing stopped, one scope stopped."""
    bench = Bench(folder, born, {})
    data = bench.data(FIRST)
    _live(bench, FIRST, data)
    shutil.copytree(data, folder / "stopped")
    _live(bench, RESET, data)
    shutil.copytree(data, folder / "idle")
    bench.images |= {RESTART: folder / "stopped", RESET: folder / "stopped", TRIGGER: folder / "idle"}
    return bench


def _live(bench: Bench, scene: str, data: Path) -> None:
    pid = bench.nursery.begin(scene, data, bench.folder / "told")
    tracing.untraced(pid)


def calls_of(bench: Bench, scene: str, record: str) -> dict[str, int]:
    """Return how often a record makes each kind of call in a scene, by the busiest thread."""
    _, told = bench.play(scene, record)
    if not told or any(line.startswith("WRONG") for line in told):
        raise RuntimeError(f"{scene} without any fault told {told}")
    seen: Counter[tuple[str, str]] = Counter()
    for line in (bench.folder / "log").read_text().splitlines():
        found = _CALL.match(line)
        if found and " resumed" not in line:
            seen[found["thread"], found["name"]] += 1
    most: dict[str, int] = {}
    for (_, call), times in seen.items():
        most[call] = max(most.get(call, 0), times)
    return most


def cases_of(bench: Bench) -> Iterator[Case]:
    """Every call of every scene and record, with every fault."""
    for scene in SCENES:
        for record in tracing.names():
            for call, times in calls_of(bench, scene, record).items():
                for number in range(1, times + 1):
                    for fault in FAULTS:
                        yield Case(scene, record, call, number, fault)


def drawn(cases: Iterable[Case], rng: random.Random) -> list[Case]:
    """Return the cases in an order in which each fault has its turn in every scene and record, in a short time too."""
    groups: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.scene, case.record, case.fault), []).append(case)
    for group in groups.values():
        rng.shuffle(group)
    return [case for turn in zip_longest(*groups.values()) for case in turn if case]


def problem_of(data: Path, told: list[str]) -> str:
    """Return what is wrong after a life with a fault in it; empty if it was survived."""
    wrong = [line for line in told if line.startswith("WRONG")]
    if wrong:
        return wrong[0]
    problem = judge.judged_start(data, judge.told(told))
    if problem:
        return f"{problem}; told {told}"
    released = any(line == f"RELEASED {SCOPE}" or line.startswith(f"RELEASED {SCOPE} ") for line in told)
    if released and any(stop.scope == SCOPE for stop in start(data).stops):
        return f"a reset that was answered as done came back; told {told}"
    return ""


def run(seconds: float, seed: int) -> Result:
    """Play as many cases as there is time for, drawn by ``seed``."""
    result, end = Result(), Deadline(seconds)
    if not tracing.available():
        result.missing = tracing.MISSING
        return result
    with tempfile.TemporaryDirectory() as name, nursery() as born:
        bench = prepared(Path(name), born)
        cases = drawn(cases_of(bench), random.Random(seed))
        for case in cases:
            if not end:
                break
            inject = f"inject={case.call}:{FAULTS[case.fault].format(case.number)}"
            data, told = bench.play(case.scene, case.record, "-e", inject)
            result.judge(case.name, problem_of(data, told))
        result.notes.append(f"{result.tried} of {len(cases)} calls and faults")
    return result
