"""Figures of the real host; what cannot be read says so, and a disk that hangs holds up nobody but the reader."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from time import monotonic

import psutil
import pytest

from ess_server.adapters.host_psutil import HostReader
from ess_server.core.clock import SystemClock
from ess_server.core.host_figures import HostFigures
from ess_server.testing import eventually


@contextmanager
def reading(*paths: Path, report: Callable[[HostFigures], None]) -> Iterator[HostReader]:
    """Read often, and end."""
    reader = HostReader(paths, 0.01, SystemClock(), report)
    reader.start()
    yield reader
    reader.close()


async def test_host_is_read_again_and_again(tmp_path: Path) -> None:
    """Disk, memory and load are those that other means show, stamped on both clocks."""
    figures: list[HostFigures] = []
    clock = SystemClock()
    before = clock.uptime()
    with reading(tmp_path, Path("/"), report=figures.append):
        await eventually(lambda: len(figures) >= 3)
    await eventually(lambda: not any(thread.name == "ess-host" for thread in enumerate_threads()))
    first, usage = figures[0], shutil.disk_usage(tmp_path)

    assert [disk.path for disk in first.disks] == [str(tmp_path), "/"]
    assert first.disks[0].used_percent is not None
    assert abs(first.disks[0].used_percent - Decimal(100 * usage.used) / (usage.used + usage.free)) < 1
    assert abs(first.disks[0].available_bytes - usage.free) < usage.total / 100
    assert first.memory is not None
    assert abs(first.memory.used_percent - Decimal(str(psutil.virtual_memory().percent))) < 10
    assert 0 <= first.memory.swap_used_percent <= 100
    assert first.load_per_core is not None
    assert abs(float(first.load_per_core) - os.getloadavg()[0] / (psutil.cpu_count() or 1)) < 1
    assert before <= first.received <= figures[1].received <= clock.uptime()
    assert first.problem == ""


async def test_place_that_cannot_be_read_is_told_and_hides_no_other(tmp_path: Path) -> None:
    """A path that is not there, and a file system without a size, stand without a figure beside the reason."""
    figures: list[HostFigures] = []
    with reading(tmp_path / "none", Path("/proc"), tmp_path, report=figures.append):
        await eventually(lambda: figures)

    missing, pseudo, real = figures[0].disks
    assert (missing.used_percent, missing.problem) == (None, "No such file or directory")
    assert (pseudo.used_percent, pseudo.problem) == (None, "has no size")
    assert real.used_percent is not None


async def test_figure_that_psutil_fails_on_is_unknown_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two is None with its reason, and the other is there."""
    monkeypatch.setattr(psutil, "cpu_count", lambda: None)
    figures: list[HostFigures] = []
    with reading(report=figures.append):
        await eventually(lambda: figures)
        assert (figures[-1].load_per_core, figures[-1].problem) == (None, "the number of cores is not known")
        assert figures[-1].memory is not None
        monkeypatch.undo()
        monkeypatch.setattr(psutil, "virtual_memory", lambda: 1 / 0)
        await eventually(lambda: figures[-1].memory is None)

    assert figures[-1].problem == "division by zero"
    assert figures[-1].load_per_core is not None


async def test_disk_that_hangs_blocks_the_reader_alone_and_is_read_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No figures come meanwhile, the event loop goes on, ending waits for nothing, and then they come again."""
    asked, answers = Event(), Event()
    usage = psutil.disk_usage

    def hang(path: str) -> object:
        asked.set()
        answers.wait(10)
        return usage(path)

    figures: list[HostFigures] = []
    with reading(tmp_path, report=figures.append):
        await eventually(lambda: figures)
        monkeypatch.setattr(psutil, "disk_usage", hang)
        await eventually(asked.is_set)
        stuck = len(figures)
        with reading(tmp_path, report=figures.append) as other:
            began = monotonic()
            other.close()
            assert monotonic() - began < 1
        assert len(figures) == stuck
        answers.set()
        await eventually(lambda: len(figures) > stuck)


async def test_reader_outlives_whoever_takes_its_figures() -> None:
    """A report that raises costs that reading and no more."""
    taken: list[HostFigures] = []

    def take(figures: HostFigures) -> None:
        taken.append(figures)
        if len(taken) == 1:
            raise ValueError("not this one")

    with reading(report=take):
        await eventually(lambda: len(taken) >= 2)
