"""A gate that has seen what the store never committed proves a lost stop."""

import asyncio

import pytest

from ess_server.adapters.memory_store import MemoryDisk
from ess_server.core.errors import RevisionMismatchError
from ess_server.core.model import GLOBAL, Action, CauseSource
from ess_server.core.revisions import LARGEST_STEP, MOST_UNWRITTEN

from .disks import as_it_lies, memory_disks
from .rig import ANNA, Rig, commissioned, opened
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop


@pytest.fixture
async def rig() -> Rig:
    """A process that has started over a commissioned store and has released one stop since."""
    before = await commissioned()
    await before.stop()
    await before.reset()
    again = await opened(*(as_it_lies(d) for d in before.disks))
    await again.stop("symbol/X")
    await again.reset()
    return again


async def test_unknown_revision_blocks(rig: Rig) -> None:
    """A revision between what was logged before and this start's floor was told and lost: everything is blocked."""
    lost = rig.controller._revisions.floor - 1
    latching = rig.controller.witness(rig.state.store_id, lost, ANNA)
    assert latching
    assert (latching.stop.scope, latching.stop.action) == (GLOBAL, Action.BLOCK)
    assert latching.stop.cause.source is CauseSource.WITNESS
    assert f"anna has seen revision {lost}" in latching.stop.cause.reason
    await rig.controller.settle()
    assert rig.disks[0].shown.stops == rig.state.stops


async def test_known_revisions_prove_nothing(rig: Rig) -> None:
    """Every revision that this process has used or that the log carries is no loss."""
    known = {e.draft.revision for e in rig.log.read(after=0, limit=1000, ascending=True)}
    for revision in (*known, rig.controller._revisions.floor, rig.state.revision):
        assert rig.controller.knows(revision)
        assert rig.controller.witness(rig.state.store_id, revision, ANNA) is None
    assert not rig.controller.knows(rig.state.revision + 1)
    assert not rig.state.active


async def test_gate_without_a_past_proves_nothing(rig: Rig) -> None:
    """A gate that has seen nothing, or another store, proves nothing of this one."""
    assert rig.controller.witness(rig.state.store_id, 0, ANNA) is None
    assert rig.controller.witness("another store", 10**6, ANNA) is None
    assert rig.controller.witness("", 10**6, ANNA) is None


async def test_what_came_before_the_log_proves_nothing() -> None:
    """A log that was begun anew was commissioned by a person, who has covered all that came before."""
    old = await commissioned()
    await old.stop("account/main")
    seen = old.state.revision
    again = await commissioned(memory_disks(MemoryDisk(), old.disks[1].store._disk)[0], as_it_lies(old.disks[1]))
    assert again.state.store_id == old.state.store_id
    assert again.controller.witness(again.state.store_id, seen, ANNA) is None


@pytest.mark.parametrize("ahead", [1, 5_000, LARGEST_STEP])
@pytest.mark.parametrize("stopped", [False, True], ids=["INACTIVE", "ACTIVE"])
async def test_gate_that_is_ahead_hears_of_the_stop(rig: Rig, stopped: bool, ahead: int) -> None:  # noqa: FBT001
    """The stop that a gate has proven gets a revision above what the gate has seen, or the gate would ignore it."""
    if stopped:
        await rig.stop()
    seen = rig.state.revision + ahead
    latching = rig.controller.witness(rig.state.store_id, seen, ANNA)
    assert latching
    assert latching.stop.revision > seen
    await rig.controller.settle()
    assert not (await rig.reset()).state.active


async def test_absurd_revision_moves_no_number(rig: Rig) -> None:
    """A number that no server has issued blocks as well, but does not use up the numbers there are."""
    before = rig.state.revision
    latching = rig.controller.witness(rig.state.store_id, 2**63 - 1, ANNA)
    assert latching
    assert latching.stop.revision == before + 1
    await rig.controller.settle()


async def test_trigger_flood_without_a_disk_covers_every_trigger(rig: Rig) -> None:
    """However many triggers wait for the disk, a reset that names what was seen before the last one is refused."""
    for disk in rig.disks:
        disk.broken = True
    for _ in range(MOST_UNWRITTEN + 50):
        rig.trigger()
    await asyncio.sleep(1)
    seen = rig.state.revision
    rig.trigger("", Action.FLATTEN, "the one that counts")
    assert rig.state.revision == seen, "numbers are short, so the trigger is owed one"
    for disk in rig.disks:
        disk.broken = False
    await rig.controller.settle()
    with pytest.raises(RevisionMismatchError):
        await rig.reset(revision=seen)
    assert rig.state.active
    assert rig.state.revision > seen
    assert not (await rig.reset()).state.active


@pytest.mark.parametrize("newer", [("symbol/X", Action.BLOCK), ("account/main", Action.FLATTEN)])
async def test_trigger_flood_holds_back_no_stop(rig: Rig, newer: tuple[str, Action]) -> None:
    """When numbers are short a new scope or a stronger action still takes one: only what changes nothing waits."""
    rig.disks[0].broken = rig.disks[1].broken = True
    for _ in range(MOST_UNWRITTEN + 50):
        rig.trigger("account/main", Action.CANCEL)
    before = rig.state.revision
    stop = rig.trigger(*newer).stop
    assert stop.revision > before
    assert stop.action is newer[1]
    rig.disks[0].broken = rig.disks[1].broken = False
    await rig.controller.settle()
