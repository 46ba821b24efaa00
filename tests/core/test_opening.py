"""A start over real files: what it finds decides what may be believed, and its floor is on disk before it serves."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ess_server.adapters.latch_file import SLOT_BYTES, LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.codec import digest
from ess_server.core.errors import StoreError
from ess_server.core.model import GLOBAL, Action, CauseSource, Scope
from ess_server.core.opening import FLOOR_WITHIN
from ess_server.core.restore import FLOOR_GAP

from .disks import Disk
from .rig import Rig, commissioned, opened
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop

MAIN = Scope.parse("account/main")


class Files:
    """A data directory: the records in it, and starts over them. ``close`` ends the newest start as a kill would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state, self.latch = directory / "state.db", directory / "latch"
        self._disks: tuple[Disk, ...] = ()

    def disks(self) -> tuple[Disk, ...]:
        """Return both records, opened anew."""
        self.close()
        self._disks = Disk(SqlitePolicyStore(self.state)), Disk(LatchFile(self.latch))
        return self._disks

    async def start(self) -> Rig:
        """Start over what is there."""
        return await opened(*self.disks())

    async def commission(self) -> Rig:
        """Start, and release what stands."""
        return await commissioned(*self.disks())

    def close(self) -> None:
        """Let go of the files."""
        for disk in self._disks:
            disk.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """An empty data directory."""
    files = Files(tmp_path)
    yield files
    files.close()


async def test_new_store_is_stopped_until_commissioned(files: Files) -> None:
    """A first start makes both files, is ACTIVE with BLOCK alone, and the first reset needs nothing else."""
    rig = await files.start()
    (block,) = rig.state.stops
    assert (block.scope, block.action, block.cause.source) == (GLOBAL, Action.BLOCK, CauseSource.STORE)
    assert "never commissioned" in block.cause.reason
    assert files.state.exists()
    assert files.latch.exists()
    await rig.reset()
    again = await files.start()
    assert not again.state.active


@pytest.mark.parametrize("stopped", [False, True], ids=["INACTIVE", "ACTIVE"])
async def test_start_changes_nothing_but_the_floor(files: Files, stopped: bool) -> None:  # noqa: FBT001 - parametrised
    """What both records say is believed, start after start; each one takes a higher floor and logs itself."""
    rig = await files.commission()
    if stopped:
        await rig.stop("account/main")
    for _ in range(3):
        before = rig.state
        rig = await files.start()
        await rig.controller.settle()
        assert rig.state.stops == before.stops
        assert rig.state.store_id == before.store_id
        assert rig.state.revision >= before.revision + FLOOR_GAP
        assert (rig.newest.kind, rig.newest.revision) == ("server.started", rig.state.revision)
        assert all(d.shown.floor == rig.state.revision for d in rig.disks)
    words = "ACTIVE" if stopped else "INACTIVE"
    assert rig.newest.summary == f"server started {words} at revision {rig.state.revision}"


def missing(path: Path) -> None:
    """Remove a record with all that belongs to it."""
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()


def emptied(path: Path) -> None:
    """Leave nothing in the file."""
    missing(path)
    path.touch()


def cut_short(path: Path) -> None:
    """Keep the first half."""
    os.truncate(path, path.stat().st_size // 2)


def scribbled(path: Path) -> None:
    """Overwrite what counts with rubbish."""
    with path.open("r+b") as file:
        for offset in range(0, path.stat().st_size, SLOT_BYTES if path.name == "latch" else 4096):
            file.seek(offset)
            file.write(b"rubbish " * 16)


Damage = Callable[[Path], None]
damages = pytest.mark.parametrize("damage", [missing, emptied, cut_short, scribbled], ids=lambda d: d.__name__)


@damages
@pytest.mark.parametrize("name", ["state.db", "latch"])
@pytest.mark.parametrize("stopped", [False, True], ids=["INACTIVE", "ACTIVE"])
async def test_damaged_record_starts_stopped(
    files: Files,
    stopped: bool,  # noqa: FBT001 - parametrised
    name: str,
    damage: Damage,
) -> None:
    """Either record lost or damaged is a global BLOCK that says why, beside the stop that the other one knows."""
    rig = await files.commission()
    if stopped:
        await rig.stop("account/main", Action.CANCEL)
    files.close()
    damage(files.directory / name)
    again = await files.start()
    block, main = again.state.stop_for(GLOBAL), again.state.stop_for(MAIN)
    assert block
    assert (block.action, block.cause.source) == (Action.BLOCK, CauseSource.STORE)
    assert f"; not proven: {name}: " in again.newest.summary
    assert (main and main.action) == (Action.CANCEL if stopped else None)
    assert again.state.revision > rig.state.revision
    once_more = await files.start()
    assert once_more.state.stops == again.state.stops


@damages
async def test_two_damaged_records_start_stopped(files: Files, damage: Damage) -> None:
    """With nothing left to believe everything is blocked."""
    await files.commission()
    files.close()
    damage(files.state)
    damage(files.latch)
    again = await files.start()
    (block,) = again.state.stops
    assert block.action is Action.BLOCK


@pytest.mark.parametrize("name", ["state.db", "latch"])
@pytest.mark.parametrize("change", ["stop", "release"])
async def test_older_record_starts_stopped(files: Files, change: str, name: str) -> None:
    """A record that was put back to an older copy contradicts the other one: BLOCK, and no stop is forgotten."""
    rig = await files.commission()
    if change == "release":
        await rig.stop("account/main")
    files.close()
    copy = files.directory / "copy"
    shutil.copy(files.directory / name, copy)
    rig = await files.start()
    await (rig.stop("account/main") if change == "stop" else rig.reset())
    files.close()
    missing(files.directory / name)
    shutil.copy(copy, files.directory / name)
    again = await files.start()
    block, main = again.state.stop_for(GLOBAL), again.state.stop_for(MAIN)
    assert block
    assert block.cause.reason.startswith("the records contradict each other: state.db says revision ")
    assert main
    assert main.action is Action.FLATTEN


async def test_log_that_was_cut_starts_stopped(files: Files) -> None:
    """A whole store put back to a time since when nothing was latched lacks events that the latch file has seen."""
    rig = await files.commission()
    files.close()
    copy = files.directory / "copy"
    shutil.copy(files.state, copy)
    for _ in range(2):
        rig = await files.start()
    files.close()
    missing(files.state)
    shutil.copy(copy, files.state)
    again = await files.start()
    (block,) = again.state.stops
    assert block.cause.reason.startswith("the event log was cut or changed: latch has seen event ")
    assert again.state.revision > rig.state.revision


async def test_log_that_was_rewritten_starts_stopped(files: Files) -> None:
    """An event that a record has seen must be there with the same hash, not only with the same number."""
    await files.commission()
    files.close()
    other = Files(files.directory / "other")
    other.directory.mkdir()
    rig = await other.commission()
    for _ in range(3):
        await rig.reset(scope=(await rig.stop("symbol/X")).stop.scope)
    other.close()
    with closing(sqlite3.connect(files.state)) as ours, ours:
        ours.execute("ATTACH ? AS other", (str(other.state),))
        ours.execute("DELETE FROM events")
        ours.execute("INSERT INTO events SELECT * FROM other.events")
        ours.execute("UPDATE latch SET (log_sequence, log_hash) = (SELECT log_sequence, log_hash FROM other.latch)")
    again = await files.start()
    assert "the event log was cut or changed: state.db has seen event" in again.state.stops[0].cause.reason


async def test_log_that_cannot_be_read_starts_stopped(files: Files) -> None:
    """A log whose chain holds but whose events are of no format that is known keeps nobody from starting, stopped."""
    await files.commission()
    files.close()
    with closing(sqlite3.connect(files.state)) as ours, ours:
        last = b""
        for sequence, record in ours.execute("SELECT sequence, record FROM events ORDER BY sequence").fetchall():
            unknown = record + b" "
            before, last = last, digest(last + unknown)
            ours.execute(
                "UPDATE events SET record = ?, previous_hash = ?, hash = ? WHERE sequence = ?",
                (unknown, before, last, sequence),
            )
        ours.execute("UPDATE latch SET log_hash = ?", (last,))
    again = await files.start()
    assert "of the log, which state.db has seen, cannot be read" in again.state.stops[0].cause.reason


async def test_floor_that_reached_one_record_is_no_contradiction(files: Files) -> None:
    """A start that ends between its two writes leaves different floors, which prove what they proved before."""
    rig = await files.commission()
    store, latch = files.disks()
    latch.broken = True
    starting = asyncio.create_task(opened(store, latch))
    await asyncio.sleep(1)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    again = await files.start()
    assert not again.state.active
    assert again.state.revision >= rig.state.revision + 2 * FLOOR_GAP


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("hangs", [False, True], ids=["fails", "hangs"])
async def test_floor_that_cannot_be_written_blocks(files: Files, hangs: bool, which: int) -> None:  # noqa: FBT001
    """A start that cannot commit its floor in time is stopped and says why; gates are served once it is in the log."""
    await files.commission()
    disks = files.disks()
    disks[which].broken, disks[which].hung = not hangs, hangs
    began = running_clock().uptime()
    rig = await opened(*disks)
    assert running_clock().uptime() - began == pytest.approx(FLOOR_WITHIN.total_seconds(), abs=0.1)
    (block,) = rig.state.stops
    assert block.cause.reason.startswith("this start could not be written to disk: ")
    assert rig.controller.serves_streams is (which == 1)


async def test_place_that_cannot_be_used_is_an_error(files: Files) -> None:
    """A file that another process holds ends the start: there must not be two servers on one store."""
    held = LatchFile(files.latch)
    await files.commission()
    files.close()
    held.load()
    with pytest.raises(StoreError, match="held by another process"):
        await files.start()
    held.close()
