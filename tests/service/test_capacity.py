"""How many streams may be open: as configured, else as measured, and never all the files there are."""

import resource
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ess_server.app.capacity import FILES_EACH, KEPT_BACK, most_streams, use_all_files
from ess_server.config.settings import ServerSettings
from ess_server.core.pace import FEWEST, Pace


@pytest.fixture
def files() -> Iterator[int]:
    """How many files this process may open, if it asks for them; put back after the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def pace() -> Pace:
    """Nothing was measured yet."""
    return Pace(timedelta(milliseconds=250), timedelta(seconds=1), lambda: 0.0)


def test_configured_number_counts(pace: Pace) -> None:
    """Whatever was measured: a person has decided."""
    for _ in range(FEWEST):
        pace.sent(FEWEST, 10.0)
    assert most_streams(ServerSettings(max_subscribers=7000), pace) == 7000


def test_measured_number_counts_without_one(pace: Pace) -> None:
    """A machine on which a message costs a second keeps nobody supplied."""
    for _ in range(FEWEST):
        pace.sent(FEWEST, 10.0)
    assert most_streams(ServerSettings(), pace) == pace.capacity < 10


def test_a_trigger_finds_a_file_to_come_in_by(pace: Pace, files: int) -> None:
    """However many gates the machine could supply, files are left for calls that have no stream."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, files))
    assert most_streams(ServerSettings(), pace) * FILES_EACH <= 2000 - KEPT_BACK


def test_all_files_that_are_granted_are_used(files: int) -> None:
    """The soft limit of a shell is no limit of a server."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, files), files))
    use_all_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (files, files)
