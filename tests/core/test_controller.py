"""An activation: memory, then disk, then broadcast, then the rest; never refused, never lost, never held up."""

import asyncio
from dataclasses import replace

import pytest

from ess_server.core.controller import BROADCAST_AT_LATEST
from ess_server.core.events import EmergencyResetEvent, EmergencyStopEvent
from ess_server.core.model import Action, Work

from .disks import Disk
from .rig import ANNA, HEDGE, MAIN, RecordingFlattener, Rig, activation, cause, opened, parts
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


def hang(*disks: Disk) -> None:
    """From now on nothing reaches these disks."""
    for disk in disks:
        disk.before.shut()


async def test_memory_is_first(rig: Rig) -> None:
    """The call itself makes the state ACTIVE; nothing was written or told by then."""
    latching = rig.trigger()
    assert rig.state.active
    assert rig.state.stops == (latching.stop,)
    assert (rig.disks[0].written, rig.told, latching.told.is_set()) == ([], [], False)


async def test_disk_is_before_broadcast(rig: Rig) -> None:
    """With a disk that answers nothing is told before one record is on it."""
    written_when_told: list[int] = []
    rig.controller.on_change(lambda _: written_when_told.append(sum(len(d.written) for d in rig.disks)))
    hang(rig.disks[1])
    latching = rig.trigger()
    await latching.told.wait()
    assert written_when_told == [1]
    assert rig.controller.is_durable(latching.stop)
    assert rig.disks[0].shown.stops == (latching.stop,)
    rig.disks[1].before.open()


@pytest.mark.parametrize("broken", [False, True], ids=["hang", "fail"])
async def test_broadcast_does_not_wait_for_the_disk(rig: Rig, broken: bool) -> None:  # noqa: FBT001 - parametrised
    """When no disk answers gates are told after 25 ms, and that the stop is not durable yet."""
    if broken:
        for disk in rig.disks:
            disk.broken = True
    else:
        hang(*rig.disks)
    began = running_clock().uptime()
    latching = rig.trigger()
    await latching.told.wait()
    assert running_clock().uptime() - began == pytest.approx(BROADCAST_AT_LATEST.total_seconds(), abs=0.001)
    assert rig.told == [rig.state]
    assert not rig.controller.is_durable(latching.stop)
    for disk in rig.disks:
        disk.broken = False
        disk.before.open()
    await rig.controller.settle()


async def test_late_durability_is_told(rig: Rig) -> None:
    """A stop that was told before it was durable is tried until it is, and told again then."""
    for disk in rig.disks:
        disk.broken = True
    latching = rig.trigger()
    await asyncio.sleep(60)
    assert (len(rig.told), rig.controller.is_durable(latching.stop)) == (1, False)
    rig.disks[1].broken = False
    await asyncio.sleep(2)
    assert (len(rig.told), rig.controller.is_durable(latching.stop)) == (2, True)
    assert rig.disks[1].shown.stops == (latching.stop,)
    rig.disks[0].broken = False
    await rig.controller.settle()


async def test_exit_waits_until_the_stop_is_on_disk(rig: Rig) -> None:
    """Settling ends when every record holds the stop, not before, however long that takes."""
    hang(*rig.disks)
    rig.trigger()
    settling = asyncio.ensure_future(rig.controller.settle())
    await asyncio.sleep(3600)
    assert not settling.done()
    rig.disks[0].before.open()
    await asyncio.sleep(1)
    assert not settling.done()
    rig.disks[1].before.open()
    await settling
    assert rig.disks[0].shown.stops == rig.disks[1].shown.stops == rig.state.stops


async def test_everything_else_is_after_the_broadcast(rig: Rig) -> None:
    """Venues and sinks hear of a stop when gates have been told, in that order."""
    order: list[str] = []
    rig.controller.on_change(lambda _: order.append("gates"))
    flattener, bus = parts(rig)
    flattener.set_work = lambda _: order.append("venues")  # type: ignore[method-assign]  # listens in
    bus.publish = lambda _: order.append("sinks")  # type: ignore[method-assign]  # listens in
    await rig.stop()
    assert order == ["gates", "venues", "sinks"]


async def test_venues_get_the_work(rig: Rig) -> None:
    """What the stops ask for is handed to the venues, whole, each time it changes."""
    flattener, _ = parts(rig)
    await rig.stop("account/main", Action.CANCEL)
    stop = rig.state.stops[0]
    assert flattener.wanted[-1] == {"main": Work(account="main", stop_id=stop.stop_id, action=Action.CANCEL)}
    await rig.stop("", Action.FLATTEN)
    assert {a: w.action for a, w in flattener.wanted[-1].items()} == {"main": Action.FLATTEN, "hedge": Action.FLATTEN}


async def test_paused_accounts_get_none_but_newer_work(rig: Rig) -> None:
    """A pause takes the work of a standing stop away; what is stopped after it is worked on all the same."""
    flattener, _ = parts(rig)
    await rig.stop()
    rig.controller.pause([MAIN.id])
    assert list(flattener.wanted[-1]) == [HEDGE.id]
    rig.controller.carry_out()
    assert list(flattener.wanted[-1]) == [HEDGE.id]
    await rig.stop("account/main", Action.CANCEL)
    assert flattener.wanted[-1][MAIN.id].action is Action.CANCEL
    rig.controller.pause(())
    assert flattener.wanted[-1][MAIN.id].action is Action.FLATTEN


async def test_each_kind_of_activation_is_told_apart(rig: Rig) -> None:
    """The log tells a new stop from one that was joined and one whose action rose, with the stop as it stands."""
    _, bus = parts(rig)
    for action in (Action.CANCEL, Action.BLOCK, Action.FLATTEN):
        await rig.stop("account/main", action)
    assert rig.kinds[-3:] == bus.kinds[-3:] == ["stop.activated", "stop.joined", "stop.raised"]
    event = bus.events[-1]
    assert isinstance(event, EmergencyStopEvent)
    assert event.stop == rig.state.stops[0]
    assert dict(event.details) == {"action": "FLATTEN", "source": "MANUAL"}
    assert (event.revision, event.scope, event.actor, event.summary) == (
        rig.state.revision,
        "account/main",
        ANNA,
        "fat finger",
    )


async def test_evidence_of_an_evaluator(rig: Rig) -> None:
    """Evaluator, reading, limit and request are details of the event."""
    odd = replace(activation(), cause=cause("", evaluator="drawdown", reading="11", limit="10"), request_id="r")
    rig.controller.activate(odd)
    await rig.controller.settle()
    facts = {"evaluator": "drawdown", "reading": "11", "limit": "10", "request_id": "r"}
    assert facts.items() <= dict(rig.newest.details).items()
    assert rig.newest.summary == "no reason given"


async def test_repeated_request_is_answered_at_once(rig: Rig) -> None:
    """The same id again is the same stop, at the same revision, and not told again."""
    first = rig.trigger(request_id="r")
    again = rig.trigger(request_id="r")
    assert again.stop == first.stop
    assert again.told.is_set()
    await rig.controller.settle()
    assert (len(rig.told), rig.kinds.count("stop.activated")) == (1, 1)


async def test_repeated_request_after_a_release_is_new(rig: Rig) -> None:
    """An id deduplicates against a standing stop only: after a release it stops again."""
    first = rig.trigger(request_id="r")
    await rig.controller.settle()
    await rig.reset()
    again = rig.trigger(request_id="r")
    assert rig.state.active
    assert again.stop.revision > first.stop.revision
    await rig.controller.settle()


async def test_revisions_only_rise(rig: Rig) -> None:
    """Whatever happens, every transition takes a number above all before it."""
    seen: list[int] = [rig.state.revision]
    rig.controller.on_change(lambda state: seen.append(state.revision))
    for scope in ("account/main", "account/main", "", "symbol/X"):
        await rig.stop(scope)
    await rig.hold()
    await rig.reset()
    await rig.stop()
    assert seen == sorted(set(seen))


async def test_a_stop_survives_a_start(rig: Rig) -> None:
    """What was durable is ACTIVE in the process that comes after, with cause and action, and carried out again."""
    stop = (await rig.stop("account/main")).stop
    flattener = RecordingFlattener()
    again = await opened(*(Disk(d.store) for d in rig.disks), flattener=flattener)
    assert again.state.stops == (stop,)
    again.controller.carry_out()
    assert flattener.wanted[-1][MAIN.id].action is Action.FLATTEN


async def test_release_event_carries_what_stood(rig: Rig) -> None:
    """Sinks get a release as an object with the stops that it released, as they stood."""
    stop = (await rig.stop()).stop
    await rig.reset()
    event = parts(rig)[1].events[-1]
    assert isinstance(event, EmergencyResetEvent)
    assert (event.stops, event.revision, event.kind) == ((stop,), rig.state.revision, "stop.released")


async def test_details_are_sorted_and_none_is_empty(rig: Rig) -> None:
    """A draft is at the present revision and carries only facts that say something."""
    draft = rig.controller.draft("kind", "words", facts={"b": "2", "a": "1", "c": ""})
    assert draft.details == (("a", "1"), ("b", "2"))
    assert (draft.revision, draft.time) == (rig.state.revision, running_clock().now())
