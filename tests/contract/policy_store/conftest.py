"""An empty place for every adapter."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.memory_store import MemoryDisk
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from tests.contract.policy_store.places import FilePlace, MemoryPlace


@pytest.fixture(params=["sqlite", "latch"])
def file_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FilePlace]:
    """Give an empty place on disk for each adapter that writes files."""
    (tmp_path / "data").mkdir()
    places: dict[str, Callable[[], FilePlace]] = {
        "sqlite": lambda: FilePlace(tmp_path / "data" / "state.db", SqlitePolicyStore),
        "latch": lambda: FilePlace(tmp_path / "data" / "latch", LatchFile),
    }
    place = places[request.param]()
    yield place
    place.close()


@pytest.fixture(params=["sqlite", "latch", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Give an empty place for every adapter."""
    (tmp_path / "data").mkdir()
    places: dict[str, Callable[[], Any]] = {
        "sqlite": lambda: FilePlace(tmp_path / "data" / "state.db", SqlitePolicyStore),
        "latch": lambda: FilePlace(tmp_path / "data" / "latch", LatchFile),
        "memory": lambda: MemoryPlace(MemoryDisk()),
    }
    chosen = places[request.param]()
    yield chosen
    chosen.close()
