"""Evidence: every line on disk before the next, or said elsewhere; and never waited for."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from ess_server.adapters import evidence_file
from ess_server.adapters.evidence_file import EvidenceFile
from ess_server.core.clock import SystemClock

SOON = timedelta(seconds=5)


@pytest.fixture
def spilled() -> list[str]:
    """What was said elsewhere."""
    return []


@pytest.fixture
def open_file(tmp_path: Path, spilled: list[str]) -> Callable[..., EvidenceFile]:
    """Make one in a directory that is not there yet."""
    return lambda: EvidenceFile(tmp_path / "evidence" / "one.jsonl", SystemClock(), spilled.append)


def numbers(lines: list[str]) -> list[int]:
    """Return the numbers of the lines that are evidence."""
    return [json.loads(line)["number"] for line in lines if line.startswith("{")]


def test_every_line_is_synced_in_a_private_file(
    open_file: Callable[..., EvidenceFile], spilled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbered, with time and facts, readable by the owner alone; the directory is synced as well."""
    synced: list[int] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_mode)
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    file = open_file()
    for number in range(5):
        file.note("event", detail=f"é\n{number}")

    assert file.close(SOON)
    lines = file.path.read_text().splitlines()
    assert numbers(lines) == [1, 2, 3, 4, 5]
    assert json.loads(lines[4])["detail"] == "é\n4"
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert len(synced) >= 3
    assert (spilled, file.problem) == ([], "")


def test_what_the_disk_does_not_take_goes_on_elsewhere(
    open_file: Callable[..., EvidenceFile], spilled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the line that failed on, each is said once; the reason comes first."""
    really, written = os.write, [0]

    def write(descriptor: int, content: bytes) -> int:
        written[0] += 1
        if written[0] > 1:
            raise OSError(28, os.strerror(28))
        return really(descriptor, content)

    file = open_file()
    file.note("first")
    assert _eventually(lambda: file.path.exists() and file.path.read_text())
    monkeypatch.setattr(os, "write", write)
    written[0] = 1
    file.note("second")
    file.note("third")

    assert not file.close(SOON)
    assert file.problem == "No space left on device"
    assert "No space left on device" in spilled[0]
    assert numbers(spilled) == [2, 3]
    assert numbers(file.path.read_text().splitlines()) == [1]


def test_a_disk_that_hangs_holds_up_nobody(
    open_file: Callable[..., EvidenceFile], spilled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are taken at once, what has no room is said at once, and the end waits no longer than it may."""
    monkeypatch.setattr(evidence_file, "MOST_WAITING", 3)
    reading, writing = os.pipe()
    monkeypatch.setattr(os, "fsync", lambda _: os.read(reading, 1))
    file = open_file()
    began = monotonic()
    for _ in range(5):
        file.note("event")
    assert numbers(spilled) == [4, 5]
    assert not file.close(timedelta(milliseconds=100))
    assert monotonic() - began < 2
    assert numbers(spilled) == [4, 5, 1, 2, 3]
    os.write(writing, b"x" * 20)


def _eventually(look: Callable[[], Any]) -> Any:
    end = monotonic() + 5
    while monotonic() < end:
        if found := look():
            return found
    return None
