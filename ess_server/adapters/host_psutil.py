"""Figures of this host, read by psutil on a thread of their own: a disk that hangs blocks nobody else."""

import logging
import os
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

import psutil

from ess_server.core.host_figures import DiskFigures, HostFigures, MemoryFigures
from ess_server.core.ports import Clock

T = TypeVar("T")

_HUNDREDTH = Decimal("0.01")
_log = logging.getLogger("ess.host")


class HostReader:
    """Reads the host every ``interval`` seconds, the first time at once, and hands each reading to ``report``.

    ``report`` is called on the reader's thread. What cannot be read is None in the figures, beside the reason. A read
    that hangs holds up the next, and nothing else: the figures then grow old.
    """

    def __init__(
        self, paths: Sequence[Path], interval: float, clock: Clock, report: Callable[[HostFigures], None]
    ) -> None:
        self._paths = tuple(paths)
        self._interval = interval
        self._clock = clock
        self._report = report
        self._ending = Event()
        # A daemon, because a disk that never answers must not keep the process from ending.
        self._thread = Thread(target=self._run, name="ess-host", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Let the thread end; it is not waited for, because a disk may hold it."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._report(self._read())
            except Exception:  # noqa: BLE001 - the next reading may succeed, and until then the figures grow old
                _log.exception("the host cannot be read")
            self._ending.wait(self._interval)

    def _read(self) -> HostFigures:
        problems: list[str] = []
        memory = _attempt(_memory, problems)
        load = _attempt(_load_per_core, problems)
        # Last, because they may hang.
        disks = tuple(_disk(path) for path in self._paths)
        return HostFigures(
            disks=disks,
            memory=memory,
            load_per_core=load,
            problem="; ".join(problems),
            time=self._clock.now(),
            received=self._clock.uptime(),
        )


def _attempt(read: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - what psutil raises depends on the system
        problems.append(_words(error))
        return None


def _disk(path: Path) -> DiskFigures:
    try:
        usage = psutil.disk_usage(str(path))
        # Not of the total: what is reserved for root cannot be filled by this server.
        used = _percent(usage.used, usage.used + usage.free)
        return DiskFigures(path=str(path), used_percent=used, available_bytes=usage.free)
    except Exception as error:  # noqa: BLE001 - as above
        return DiskFigures(path=str(path), used_percent=None, problem=_words(error))


def _memory() -> MemoryFigures:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return MemoryFigures(
        used_percent=_percent(memory.total - memory.available, memory.total),
        available_bytes=memory.available,
        swap_used_percent=_percent(swap.used, swap.total) if swap.total else Decimal(0),
    )


def _load_per_core() -> Decimal:
    cores = psutil.cpu_count()
    if not cores:
        raise OSError("the number of cores is not known")
    return (Decimal(os.getloadavg()[0]) / cores).quantize(_HUNDREDTH, ROUND_DOWN)


def _percent(used: int, of: int) -> Decimal:
    if of <= 0:
        raise OSError("has no size")
    return (Decimal(used) * 100 / of).quantize(_HUNDREDTH, ROUND_DOWN)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
