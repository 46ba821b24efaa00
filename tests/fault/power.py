"""Loss of power at every call: only what was synced is left, or that and torn parts of the rest.

A life is recorded once with every byte that it writes; its disk is then rebuilt as it was between any two calls. With a
sync left out (``synchronous=NORMAL``, the latch file without ``fdatasync``) the same judgement must find a loss.
"""

import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fault import hand, judge, tracing
from tests.fault.disk import CHANGING, Disk, Image, Moment
from tests.fault.installation import LATCH, NORMAL, NOTHING, STATE_DB, UNSYNCED
from tests.fault.life import FIRST, SCENES, TRIGGER, lines_of, nursery
from tests.fault.result import Deadline, Result
from tests.fault.syscalls import Bench, prepared

PARTS = 25
"""Torn images at each moment, in the full form."""
WHOLE_WRITES = "1100000"
"""Longest string that strace is to write out: the latch file is made with one write."""
CONTROLS = {NORMAL: STATE_DB, UNSYNCED: LATCH}


@dataclass(frozen=True)
class Loss:
    """One moment at which the power goes; ``part`` draws what was written without a sync, 0 for nothing of it."""

    scene: str
    moment: Moment
    part: int

    @property
    def name(self) -> str:
        """What people read."""
        rest = f", part {self.part} of what was not synced" if self.part else ""
        return f"{self.scene}: power lost {self.moment.name}{rest}"

    def image(self, seed: int) -> Image:
        """Return the files that are left."""
        if not self.part:
            return self.moment.only_synced()
        return self.moment.in_part(random.Random(f"{seed} {self.scene} {self.moment.name} {self.part}"))


def recorded(bench: Bench, scene: str, weak: str = NOTHING) -> list[Moment]:
    """Live a scene and return the disk between any two calls that changed it."""
    data, told, log = bench.data(scene), bench.folder / "told", bench.folder / "log"
    pid = bench.nursery.begin(scene, data, told, weak)
    # It stands still, and all that its opening has written was synced.
    disk = Disk.of(data, told, lines_of(told))
    files = {*tracing.paths(data, STATE_DB), *tracing.paths(data, LATCH), str(told)}
    watched = [option for path in sorted(files) for option in ("-P", path)]
    tracing.traced(pid, log, "-e", f"trace={CHANGING}", "-xx", "-s", WHOLE_WRITES, *watched)
    moments = list(disk.moments(log.read_text()))
    if lines_of(told) != disk.told:
        raise RuntimeError(f"what was told is not what strace saw: {lines_of(told)}, {disk.told}")
    return moments


def losses(bench: Bench, rng: random.Random) -> Iterator[Loss]:
    """Every moment with nothing but what was synced, then moments with parts of the rest, drawn."""
    moments = [(scene, moment) for scene in SCENES for moment in recorded(bench, scene)]
    yield from (Loss(scene, moment, 0) for scene, moment in moments)
    parts = [Loss(scene, moment, part) for scene, moment in moments for part in range(1, PARTS + 1)]
    rng.shuffle(parts)
    yield from parts


def problem_of(image: Image, told: tuple[str, ...], folder: Path) -> str:
    """Put the files where a start finds them, and return what is wrong with what it believes."""
    data = folder / "image"
    data.mkdir()
    try:
        for name, content in image.items():
            (data / name).write_bytes(content)
        return _kept(data, told) or judge.judged_start(data, judge.told(list(told)))
    finally:
        shutil.rmtree(data)


def _kept(data: Path, told: tuple[str, ...]) -> str:
    """Each record on its own: what its commit has returned for is on it, or a newer state."""
    found = {STATE_DB: hand.database_by_hand(data / STATE_DB), LATCH: hand.latch_by_hand(data / LATCH)}
    for line in told:
        word, *facts = line.split()
        if word == "KEPT":
            record = found[facts[0]]
            newest = max(record.get("revision", 0), record.get("floor", 0))
            if newest < int(facts[1]):
                return f"{facts[0]} had committed revision {facts[1]} and shows {newest}"
    return ""


def control(bench: Bench, weak: str, folder: Path, result: Result) -> None:
    """Leave a sync out: the same judgement must find that something acknowledged is lost."""
    scenes = (FIRST, TRIGGER)
    moments = [moment for scene in scenes for moment in recorded(bench, scene, weak)]
    lost = [problem_of(moment.only_synced(), moment.told, folder) for moment in moments]
    found = [problem for problem in lost if CONTROLS[weak] in problem or problem.startswith("AssertionError: lost")]
    result.notes.append(
        f"control, {weak}: {len(found)} of {len(moments)} images lose what was acknowledged, as must be"
    )
    result.judge(f"control, {weak}", "" if found else "no image lost anything: this family cannot see a missing sync")


def run(seconds: float, seed: int) -> Result:
    """Judge as many images as there is time for, after both controls."""
    result, end, rng = Result(), Deadline(seconds), random.Random(seed)
    if not tracing.available():
        result.missing = tracing.MISSING
        return result
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory(dir=hand.fast_directory()) as images,
        nursery() as born,
    ):
        bench = prepared(Path(name), born)
        for weak in CONTROLS:
            control(bench, weak, Path(images), result)
        coming = list(losses(bench, rng))
        for loss in coming:
            if not end:
                break
            result.judge(loss.name, problem_of(loss.image(seed), loss.moment.told, Path(images)))
        result.notes.append(f"{result.tried - len(CONTROLS)} of {len(coming)} images")
    return result
