"""A long recording in two processes: a second one replays the later part while the first replays what comes before.

The second process records the earlier rows without letting anybody look, which is quick, and begins to look a warm-up
before the seam. At the seam both have recorded the same. If they also agree in everything else that bears on what
follows, what the second one finds from there on is what the first would find. If not, because something is under way
that began before the warm-up, the first one goes on to the end alone, as it does when the second fails or is late.
"""

import gc
import os
import pickle
import signal
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import psutil

from ess_server.config import kinds
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.watched import Watched
from ess_server.replay.recording import ReadOptions, Recording, read_recording
from ess_server.replay.run import Later, Progress, Replay, Replayed, ReplayOptions

OWN_EVALUATORS = "ess_server.core.evaluators."
"""Modules of evaluators of which it is known that they remember nothing themselves."""
_GLANCE = 0.2
"""Seconds for which it is looked whether cores are idle, where the last minute was a busy one."""
_PATIENCE = 2.0
"""Seconds for which the first process waits for the second, besides as long as it took itself."""
_GARBAGE = (100_000, 50, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a recording is cut.

    Attributes:
        fewest_bytes: of all files, for a second process to be started at all.
        fewest_rows: for it to go on once the rows are counted.
        share: of the rows that the first process replays; as long as it takes the second to record these without a
            look, and to replay the others.
        most_load: of other work, per core, above which two would only be in each other's way.
        warm_up: rows before the seam at which the second begins to look.
    """

    fewest_bytes: int = 4_000_000
    fewest_rows: int = 100_000
    share: float = 0.68
    most_load: float = 0.6
    warm_up: int = 2_000

    def seam(self, recording: Recording) -> int:
        """Return how many rows come before the seam, 0 for no cut."""
        return int(recording.rows * self.share) if recording.rows >= self.fewest_rows else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be replayed: files, how to read them, the settings of evaluators, and how to replay."""

    files: Sequence[Path]
    read: ReadOptions
    evaluators: Sequence[EvaluatorSettings]
    options: ReplayOptions
    cut: Cut = Cut()

    @property
    def divisible(self) -> bool:
        """Whether two processes can replay it: without releases that change what is recorded or when, on idle cores."""
        options = self.options
        if options.reset_after is not None or options.rebaseline:
            return False
        if not all(type(one).__module__.startswith(OWN_EVALUATORS) for one in self.evaluators):
            return False
        return _has_idle_core(self.cut.most_load)

    def begin(self, recording: Recording) -> Replay:
        """Return a replay that stands at the first row. Raises EssError for evaluators that cannot be."""
        return Replay(recording, [Watched(kinds.build(one), one) for one in self.evaluators], self.options)


_Stamp = tuple[int, int, int, int]


class Second:
    """The process that replays the later part."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stamps = _stamps(task.files)
        context = get_context("spawn")
        self._link, end = context.Pipe()
        self._process = context.Process(target=_replay_later, args=(end, pickle.dumps(task)), daemon=True)
        # Starting it lets signals in again, so it comes first.
        resource_tracker.ensure_running()
        # Ctrl-C is for the first process, which ends this one; blocked signals are so for what is started.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            end.close()

    def later(self, replay: Replay, patience: float, progress: Progress) -> Later | None:
        """Return what comes after the seam, at which ``replay`` stands; None if it has to find that out itself."""
        until = monotonic() + patience
        if self._next(until) != replay.memory():
            return None
        while isinstance(word := self._next(until), int):
            progress(word)
        # Each has read the files by itself.
        return word if isinstance(word, Later) and _stamps(self._task.files) == self._stamps else None

    def close(self) -> None:
        """End the process, wherever it is."""
        self._process.kill()
        self._process.join()
        self._link.close()

    def _next(self, until: float) -> object:
        """Return its next word, None if it does not come."""
        try:
            return self._link.recv() if self._link.poll(max(until - monotonic(), 0)) else None
        except (EOFError, OSError, pickle.PickleError):
            return None


@contextmanager
def second_process(task: Task) -> Iterator[Second | None]:
    """Start the second process if that is worth it, and end it; start it first, for it has to read the files too."""
    second = None
    if sum(size for *_, size in _stamps(task.files)) >= task.cut.fewest_bytes and task.divisible:
        try:
            second = Second(task)
        except (OSError, pickle.PickleError, TypeError, AttributeError):
            second = None  # What cannot be started or told to another process is replayed in one.
    try:
        yield second
    finally:
        if second is not None:
            second.close()


def replay(task: Task, recording: Recording, second: Second | None, progress: Progress = lambda _: None) -> Replayed:
    """Replay the recording, with the later part from the second process where that is sure to be the same."""
    one = task.begin(recording)
    seam = task.cut.seam(recording)
    with few_collections():
        if second is not None and seam:
            began = monotonic()
            one.advance(seam, progress)
            later = second.later(one, monotonic() - began + _PATIENCE, progress)
            if later is not None:
                return one.join(later, progress)
        return one.run(progress)


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for cycles rarely: rows come and go by the hundred thousand, and none of them is in one."""
    usual = gc.get_threshold()
    gc.set_threshold(*_GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _replay_later(link: Connection, pickled: bytes) -> None:
    """Be the second process: tell the state at the seam, then how far it is, then what came of it."""
    task: Task = pickle.loads(pickled)  # noqa: S301 - from the process that has started this one
    try:
        recording = read_recording(task.files, task.read)
        seam = task.cut.seam(recording)
        if not seam:
            return
        one = task.begin(recording)
        with few_collections():
            one.pass_over(max(seam - task.cut.warm_up, 0), lambda _: _check(link))
            one.advance(seam, lambda _: _check(link))
            link.send(one.memory())
            one.count_anew()
            found = one.run(lambda done: _tell(link, done))
        link.send(Later(tuple(s.came() for s in found.subjects), found.looks))
    except Exception:  # noqa: BLE001 - the first process replays all of it, and says itself what is wrong
        return


def _has_idle_core(most: float) -> bool:
    """Whether more than one core is ours, and other work takes no more than this share of them."""
    cores = os.sched_getaffinity(0)
    if len(cores) == 1:
        return False
    if os.getloadavg()[0] <= most * len(cores):
        return True
    # The average is of a whole minute: what made it may have ended, such as the replay before this one.
    percents = psutil.cpu_percent(interval=_GLANCE, percpu=True)
    return sum(p for core, p in enumerate(percents) if core in cores) <= most * len(cores) * 100


def _tell(link: Connection, done: int) -> None:
    _check(link)
    link.send(done)


def _check(link: Connection) -> None:
    if link.poll():
        # Nothing is ever sent this way, so that it can only be the end: the first process is gone.
        raise EOFError


def _stamps(files: Sequence[Path]) -> list[_Stamp]:
    """Return what changes when a file does; nothing is to be read twice that is no regular file."""
    found = []
    for file in files:
        try:
            known = file.stat()
        except OSError:
            return []
        if not stat.S_ISREG(known.st_mode):
            return []
        found.append((known.st_ino, known.st_dev, known.st_mtime_ns, known.st_size))
    return found
