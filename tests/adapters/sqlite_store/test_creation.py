"""``state.db`` comes into being whole or not at all, also when the process is killed meanwhile."""

import os
import random
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.model import LatchRecord
from ess_server.core.ports import Loaded
from tests.adapters.killed import killed_while_creating
from tests.adapters.sqlite_store.loading import Build, files, loaded

CREATOR = """
import sys
from pathlib import Path
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.model import LatchRecord
for number in range(1000):
    print(number, flush=True)
    store = SqlitePolicyStore(Path(sys.argv[1]) / f"{number}.db")
    store.load()
    for revision in (1, 2):
        store.commit(LatchRecord(store_id="s", revision=revision, floor=0), ())
    store.close()
"""


def test_creation_is_synced_before_and_after_the_renaming(
    path: Path, stopped: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is synced before it gets its name, and the directory after, before the first commit returns."""
    steps: list[str] = []

    def noted(name: str) -> None:
        genuine = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            steps.append(name)
            return genuine(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    path.write_bytes(b"rubbish")
    path.with_name("state.db-wal").write_bytes(b"rubbish")
    for name in ("fsync", "rename", "replace"):
        noted(name)
    with closing(SqlitePolicyStore(path)) as store:
        store.commit(stopped(1), [])
    nothing_there = ["rename", "rename"]
    assert steps == ["fsync", "rename", "fsync", "rename", "fsync", *nothing_there, "replace", "fsync"]


def test_leftovers_of_an_unfinished_creation_are_no_store(path: Path, stopped: Build) -> None:
    """What a kill during creation leaves beside the file is not read and does not hinder the next creation."""
    for side in ("", "-wal", "-journal"):
        Path(f"{path}.new{side}").write_bytes(b"half" * 999)
    assert loaded(path).problem == "the file is missing"
    with closing(SqlitePolicyStore(path)) as store:
        store.commit(stopped(1), [])
    assert loaded(path) == Loaded(record=stopped(1))
    assert files(path.parent) == {"state.db"}


def test_kill_during_creation_leaves_no_half_store(tmp_path: Path) -> None:
    """Killed at 20 random moments while stores are made, each is missing or intact, and the next commit works."""
    chance = random.Random(20260105)
    for attempt in range(20):
        directory = tmp_path / str(attempt)
        directory.mkdir()
        complete = killed_while_creating(CREATOR, directory, chance, 0.03)
        for number in range(complete):
            assert loaded(directory / f"{number}.db").record == LatchRecord(store_id="s", revision=2, floor=0)
        for path in [*directory.glob("*.db"), directory / "unmade.db"]:
            found = loaded(path)
            assert (found.record is None) == (found.problem == "the file is missing")
            assert not (found.record and found.problem)
            with closing(SqlitePolicyStore(path)) as store:
                store.commit(LatchRecord(store_id="s", revision=9, floor=0), ())
            assert loaded(path).record == LatchRecord(store_id="s", revision=9, floor=0)
