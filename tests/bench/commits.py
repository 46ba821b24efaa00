"""What it takes to make a stop durable: each record's commit, beside 100 bytes appended to a file and synced.

``python -m tests.bench commit``
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.model import (
    GLOBAL,
    SERVER,
    Action,
    Cause,
    CauseSource,
    EventDraft,
    LatchRecord,
    Stop,
)
from ess_server.core.ports import PolicyStore
from tests.bench.figures import Row, middle, percentile

COMMITS = 600
SHORT_COMMITS = 100


def record(revision: int) -> LatchRecord:
    """Return the record of one global stop."""
    cause = Cause(source=CauseSource.MANUAL, reason="bench", actor=SERVER, time=datetime.now(UTC))
    stop = Stop(
        stop_id="bench", scope=GLOBAL, action=Action.BLOCK, revision=revision, activate_time=cause.time, cause=cause
    )
    return LatchRecord(store_id="bench", revision=revision, floor=0, stops=(stop,))


def event(revision: int) -> EventDraft:
    """Return the entry of the audit log that goes with it."""
    return EventDraft(
        event_id=f"event-{revision}",
        kind="stop.activated",
        time=datetime.now(UTC),
        summary="bench",
        revision=revision,
        actor=SERVER,
        stop_id="bench",
        scope="global",
        details=(("action", "BLOCK"),),
    )


def committing(store: PolicyStore) -> Callable[[int], object]:
    """Return what commits the stop of a revision with its event."""
    return lambda revision: store.commit(record(revision), [event(revision)])


def rows(*, short: bool) -> Sequence[Row]:
    """Measure both records and a bare append, in turns."""
    count = SHORT_COMMITS if short else COMMITS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = {"commit": SqlitePolicyStore(folder / "state.db"), "commit_latch_file": LatchFile(folder / "latch")}
        steps = {name: committing(store) for name, store in stores.items()}
        with (folder / "appended").open("ab", buffering=0) as file:

            def append(_: int) -> None:
                file.write(b"x" * 100)
                os.fdatasync(file.fileno())

            taken = measure(steps | {"append_and_sync": append}, stores, count)
        for store in stores.values():
            store.close()
    bare = middle(taken["append_and_sync"])
    found = []
    for name, values in taken.items():
        ratios = {} if name == "append_and_sync" else {"append_and_sync": middle(values) / bare}
        found += [
            Row(name, count, middle(values), "ms", ratios),
            Row(f"{name}_p99", count, percentile(values, 99), "ms"),
        ]
    return found


def measure(
    steps: dict[str, Callable[[int], object]], stores: dict[str, PolicyStore], count: int
) -> dict[str, list[float]]:
    """Return milliseconds of every step."""
    for store in stores.values():
        store.load()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for revision in range(1, count + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step(revision)
            taken[name].append((time.perf_counter() - began) * 1000)
    return taken
