"""Limits of the server's own host: disks, memory and load."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from ess_server.core.evaluators.limits import Finding, check_percent, is_arrival, shown
from ess_server.core.host_figures import HostFigures
from ess_server.core.readings import Instant, Measure

MAX_LOAD_PER_CORE = 1000

_GIB = Decimal(2**30)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimits:
    """Limits of the host, None where there is none. Raises InvalidRequestError for one that is out of range.

    Attributes:
        disk_percent: of each file system that is read.
        memory_percent: of memory that is not to be had without swapping.
        load_per_core: of the one-minute load average.
        max_age: older figures are none.
    """

    disk_percent: Decimal | None
    memory_percent: Decimal | None
    load_per_core: Decimal | None
    max_age: timedelta

    def __post_init__(self) -> None:
        check_percent("max_disk_percent", self.disk_percent)
        check_percent("max_memory_percent", self.memory_percent)
        check_percent("max_load_per_core", self.load_per_core, MAX_LOAD_PER_CORE)

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return any(limit is not None for limit in (self.disk_percent, self.memory_percent, self.load_per_core))

    def judge(self, figures: HostFigures | None, now: Instant) -> Iterator[Finding | str]:
        """Yield a finding for each figure that has a limit; instead of one that is not known, what is missing."""
        if not self.any:
            return
        if figures is None:
            yield "no figures of the host since the start: the thread that reads them has ended or hangs"
            return
        seconds = now.uptime - figures.received
        if is_arrival(figures.received, now, self.max_age) and seconds < self.max_age.total_seconds():
            yield from self._disks(figures)
            yield from self._memory(figures)
            yield from self._load(figures)
        else:
            where = f" in {' or '.join(d.path for d in figures.disks)}" if figures.disks else ""
            yield f"figures of the host are {seconds:.1f} s old: the thread that reads them has ended or hangs{where}"

    def _disks(self, figures: HostFigures) -> Iterator[Finding | str]:
        if self.disk_percent is None:
            return
        if not figures.disks:
            yield "no file system is read: set server.data_dir or host.disk_paths"
        for disk in figures.disks:
            used = _number(disk.used_percent)
            if used is None:
                yield f"the disk of {disk.path} cannot be read ({disk.problem or 'no number'})"
            else:
                words = (
                    f"the disk of {disk.path} is {shown(used)} % full ({_gib(disk.available_bytes)} available), which"
                )
                yield _finding(used, self.disk_percent, figures, words, " %")

    def _memory(self, figures: HostFigures) -> Iterator[Finding | str]:
        if self.memory_percent is None:
            return
        used = _number(figures.memory.used_percent) if figures.memory else None
        if figures.memory is None or used is None:
            yield f"memory cannot be read ({figures.problem or 'no number'})"
        else:
            left = f"{_gib(figures.memory.available_bytes)} available, swap {figures.memory.swap_used_percent} % used"
            yield _finding(used, self.memory_percent, figures, f"memory is {shown(used)} % used ({left}), which", " %")

    def _load(self, figures: HostFigures) -> Iterator[Finding | str]:
        if self.load_per_core is None:
            return
        load = _number(figures.load_per_core)
        if load is None:
            yield f"the load cannot be read ({figures.problem or 'no number'})"
        else:
            yield _finding(load, self.load_per_core, figures, f"the load is {shown(load)} per core, which", " per core")


def _number(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() and value >= 0 else None


def _finding(value: Decimal, limit: Decimal, figures: HostFigures, words: str, unit: str) -> Finding:
    # A disk that is half full is no warning: as with silence, only the last tier is.
    return Finding(Measure(value=value, limit=limit, time=figures.time), words, f"{limit:f}{unit}", silent=True)


def _gib(size: int) -> str:
    return f"{Decimal(size) / _GIB:.1f} GiB"
