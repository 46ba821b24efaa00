"""A release: only by a person, only of what that person has seen, on every disk before it is true."""

import asyncio
from typing import Any

import pytest

from ess_server.core.errors import InvalidRequestError, ResetRefusedError, RevisionMismatchError
from ess_server.core.model import Action, Actor, Credential, Scope
from ess_server.core.release import Outcome

from .disks import turns
from .rig import ANNA, Rig
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop


async def test_release_order(rig: Rig) -> None:
    """The store is written first, the latch file second; memory and broadcast follow when both are done."""
    await rig.stop()
    store, latch = rig.disks
    store.after.shut()
    latch.after.shut()
    told = len(rig.told)
    reset = asyncio.create_task(rig.reset())
    await store.after.reached()
    assert (store.shown.stops, len(latch.shown.stops)) == ((), 1)
    store.after.open()
    await latch.after.reached()
    assert (latch.shown.stops, rig.state.active, len(rig.told)) == ((), True, told)
    latch.after.open()
    result = await reset
    assert (result.outcome, result.state.active, rig.state.active) == (Outcome.RELEASED, False, False)
    assert rig.told[told:] == [rig.state]


async def test_release_is_on_both_disks(rig: Rig) -> None:
    """What was released is INACTIVE on every record at a new revision, and the person's words are in the log."""
    stop = (await rig.stop("account/main")).stop
    result = await rig.reset(reason="false alarm", overrides=frozenset({"B", "A"}), rebaseline=True, request_id="r")
    assert result.stops == (stop,)
    assert [d.shown.revision for d in rig.disks] == [result.state.revision] * 2
    assert rig.newest.kind == "stop.released"
    assert (rig.newest.actor, rig.newest.summary, rig.newest.stop_id) == (ANNA, "false alarm", stop.stop_id)
    assert dict(rig.newest.details) == {
        "scopes": "account/main",
        "named_revision": str(stop.revision),
        "overrides": "A, B",
        "rebaseline": "yes",
        "request_id": "r",
    }


async def test_release_of_several_names_no_single_stop(rig: Rig) -> None:
    """A release of everything names all scopes, and no stop in particular."""
    await rig.stop("account/main")
    await rig.stop("symbol/X")
    result = await rig.reset()
    assert len(result.stops) == 2
    assert rig.newest.stop_id == ""
    assert dict(rig.newest.details)["scopes"] == "account/main, symbol/X"


async def test_other_scopes_stay(rig: Rig) -> None:
    """Releasing one scope leaves the others, and their higher revisions do not matter."""
    first = (await rig.stop("account/main")).stop
    other = (await rig.stop("symbol/X")).stop
    await rig.reset(scope=Scope.parse("account/main"), revision=first.revision)
    assert rig.state.stops == (other,)


Changes = dict[str, Any]

MISMATCHES: dict[str, tuple[Changes, str]] = {
    "older than the stop": ({"revision": -1}, "after the"),
    "never issued": ({"revision": 1}, "was never issued"),
    "another store": ({"store_id": "elsewhere"}, "store_id: this server follows store"),
}


@pytest.mark.parametrize(("changes", "words"), MISMATCHES.values(), ids=MISMATCHES.keys())
async def test_mismatch_is_refused(rig: Rig, changes: Changes, words: str) -> None:
    """A reset that names another revision or store than that of what it would release is refused, and logged."""
    await rig.stop()
    if "revision" in changes:
        changes = {"revision": rig.state.revision + changes["revision"]}
    with pytest.raises(RevisionMismatchError, match=words):
        await rig.reset(**changes)
    await rig.controller.settle()
    assert rig.state.active
    assert (rig.newest.kind, rig.newest.actor) == ("reset.refused", ANNA)
    assert dict(rig.newest.details)["reason"] == "mended"


async def test_right_store_is_accepted(rig: Rig) -> None:
    """A reset that names this store is a reset of this store."""
    await rig.stop()
    assert not (await rig.reset(store_id=rig.state.store_id)).state.active


async def test_what_is_not_stopped_cannot_be_released(rig: Rig) -> None:
    """A scope without a stop of its own is refused, and the answer names what stands instead."""
    with pytest.raises(ResetRefusedError, match="standing stops: none"):
        await rig.reset()
    await rig.stop("symbol/X")
    with pytest.raises(ResetRefusedError, match=r"NOT_STOPPED: account/main is not stopped itself.*: symbol/X"):
        await rig.reset(scope=Scope.parse("account/main"))


INVALID: dict[str, tuple[Changes, str]] = {
    "no revision": ({"revision": 0}, "revision"),
    "negative revision": ({"revision": -4}, "revision"),
    "no reason": ({"reason": " \n"}, "reason"),
    "long reason": ({"reason": "ä" * 513}, "reason"),
    "long id": ({"request_id": "ä" * 33}, "request_id"),
    "nobody": ({"actor": Actor(id="peer", credential=Credential.NONE)}, "requested_by"),
}


@pytest.mark.parametrize(("changes", "field"), INVALID.values(), ids=INVALID.keys())
@pytest.mark.parametrize("verb", ["reset", "hold"])
async def test_invalid_field_is_named(rig: Rig, verb: str, changes: Changes, field: str) -> None:
    """A field that is missing or too long is named; nothing changes, and the attempt is in the log."""
    await rig.stop()
    before = rig.state
    with pytest.raises(InvalidRequestError) as caught:
        await getattr(rig, verb)(**changes)
    assert caught.value.field == field
    await rig.controller.settle()
    assert rig.state is before
    assert rig.newest.kind == f"{verb}.refused"


async def test_limits_of_fields_are_allowed(rig: Rig) -> None:
    """The longest reason and id and a named person without a credential are accepted."""
    await rig.stop()
    actor = Actor(id="peer", credential=Credential.NONE, requested_by="anna")
    assert not (await rig.reset(reason="x" * 1024, request_id="r" * 64, actor=actor)).state.active


async def test_hold_refuses_what_was_not_seen(rig: Rig) -> None:
    """A hold of a stop that has gained a cause since the person looked is refused."""
    await rig.stop()
    seen = rig.state.revision
    await rig.stop()
    with pytest.raises(RevisionMismatchError):
        await rig.hold(revision=seen)
    await rig.controller.settle()
    assert rig.newest.kind == "hold.refused"
    assert rig.state.stops[0].action is Action.FLATTEN


async def test_held_stop_can_be_released(rig: Rig) -> None:
    """A reset releases a held stop as any other."""
    await rig.stop()
    await rig.hold()
    assert not (await rig.reset()).state.active


async def test_caller_that_goes_away_changes_nothing(rig: Rig) -> None:
    """A release whose caller is cancelled between the two writes is finished all the same."""
    await rig.stop()
    rig.disks[1].before.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[1].before.reached()
    reset.cancel()
    await asyncio.gather(reset, return_exceptions=True)
    assert rig.state.active
    rig.disks[1].before.open()
    await rig.resets.settle()
    assert not rig.state.active
    assert all(d.shown.stops == () for d in rig.disks)


async def test_exit_waits_for_a_release_being_written(rig: Rig) -> None:
    """Settling ends when a release under way is on both disks, so that an exit does not leave half of one."""
    await rig.stop()
    rig.disks[1].before.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[1].before.reached()
    settling = asyncio.create_task(rig.resets.settle())
    await turns()
    assert not settling.done()
    rig.disks[1].before.open()
    await settling
    assert not rig.state.active
    assert (await reset).outcome is Outcome.RELEASED


async def test_resets_take_turns(rig: Rig) -> None:
    """A second reset is judged when the first is done, so it finds nothing left to release."""
    await rig.stop()
    request = rig.request()
    results = await asyncio.gather(rig.resets.reset(request), rig.resets.reset(request), return_exceptions=True)
    assert [type(r).__name__ for r in results] == ["ReleaseResult", "ResetRefusedError"]
