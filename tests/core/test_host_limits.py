"""Limits of the host: each figure trips at its own, and what cannot be read is unknown."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.host_figures import DiskFigures, HostFigures
from ess_server.core.readings import Clear, HealthStatus, Trip, Unknown, Warn
from ess_server.testing import START, host_figures

from .health_words import judge, word

HOST: dict[str, Any] = {"components": (), "others": False}
PERCENT = Decimal(90)
DISK = DiskFigures(path="/data", used_percent=Decimal("95.25"), available_bytes=3 * 2**30)


@pytest.mark.parametrize(
    ("figures", "limit", "words"),
    [
        (
            host_figures(DISK),
            {"max_disk_percent": PERCENT},
            "the disk of /data is 95.25 % full (3.0 GiB available), which reached the limit of 90 %",
        ),
        (
            host_figures(memory_percent="93.75"),
            {"max_memory_percent": PERCENT},
            "memory is 93.75 % used (0.5 GiB available, swap 0 % used), which reached the limit of 90 %",
        ),
        (
            host_figures(load_per_core="4"),
            {"max_load_per_core": Decimal(4)},
            "the load is 4 per core, which reached the limit of 4 per core",
        ),
    ],
)
def test_figure_of_the_host_at_its_limit_trips_and_names_itself(
    figures: HostFigures, limit: dict[str, Decimal], words: str
) -> None:
    """Reading and limit stand in the sentence, at the time at which it was read; without a limit it is nothing."""
    verdict = judge(figures, **HOST | limit)

    assert isinstance(verdict, Trip)
    assert (verdict.detail, verdict.measure.time) == (f"system_health: {words}", START)
    assert isinstance(judge(figures, word("oms")), Clear)


@pytest.mark.parametrize(("used", "kind"), [("0", Clear), ("80.9", Clear), ("81", Warn), ("89.99", Warn), ("90", Trip)])
def test_disk_warns_near_its_limit_only(used: str, kind: type) -> None:
    """A disk that is half full is no news; nine tenths of the limit are."""
    disks = (replace(DISK, used_percent=Decimal(1)), replace(DISK, used_percent=Decimal(used)))

    assert isinstance(judge(host_figures(*disks), **HOST, max_disk_percent=PERCENT), kind)


@pytest.mark.parametrize(
    ("figures", "missing"),
    [
        (None, "no figures of the host since the start"),
        (host_figures(DISK, received=990.0), "are 10.0 s old: the thread that reads them has ended or hangs in /data"),
        (host_figures(received=float("nan")), "the thread that reads them has ended or hangs"),
        (host_figures(), "no file system is read"),
        (host_figures(replace(DISK, used_percent=None, problem="gone")), "the disk of /data cannot be read (gone)"),
        (host_figures(replace(DISK, used_percent=Decimal("NaN"))), "the disk of /data cannot be read (no number)"),
        (host_figures(replace(DISK, used_percent=Decimal(1)), memory_percent=None), "memory cannot be read (not read)"),
        (host_figures(replace(DISK, used_percent=Decimal(1)), memory_percent="-1"), "memory cannot be read"),
        (host_figures(replace(DISK, used_percent=Decimal(1)), load_per_core=None), "the load cannot be read"),
        (host_figures(replace(DISK, used_percent=Decimal(1)), load_per_core="inf"), "the load cannot be read"),
    ],
)
def test_host_that_cannot_be_read_is_unknown(figures: HostFigures | None, missing: str) -> None:
    """No figures, old ones and those that are no numbers say what is missing; a component's breach goes before."""
    limits: dict[str, Any] = {
        "max_disk_percent": PERCENT,
        "max_memory_percent": PERCENT,
        "max_load_per_core": Decimal(4),
    }
    told = () if figures is None else (figures,)
    verdict = judge(*told, **HOST | limits)

    assert isinstance(verdict, Unknown)
    assert missing in verdict.detail
    assert isinstance(judge(*told, word("oms", HealthStatus.CRITICAL), **limits), Trip)


def test_figure_past_its_limit_trips_although_another_cannot_be_read() -> None:
    """What is unknown hides no breach."""
    figures = host_figures(DISK, memory_percent=None)

    assert isinstance(judge(figures, **HOST, max_disk_percent=PERCENT, max_memory_percent=PERCENT), Trip)
