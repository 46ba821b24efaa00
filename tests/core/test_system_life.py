"""The whole of one installation in process: how it starts, and how it ends."""

import asyncio

from ess_server.core.monitor import NEVER

from .disks import as_it_lies
from .installed import gate, system_over
from .rig import RecordingFlattener, Rig, opened
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


async def test_start_waits_for_the_first_look_at_the_tripwire(rig: Rig) -> None:
    """A disk that takes longer than a tick to tell keeps the server from serving before it is stopped."""
    system, tripwire = system_over(rig)
    tripwire.text = "x"
    tripwire.answers.clear()
    asyncio.get_running_loop().call_later(1, tripwire.answers.set)
    await system.start()
    assert rig.state.active
    assert tripwire.looks == 1
    await system.stop()


async def test_start_ends_without_proof_if_the_tripwire_cannot_be_looked_at(rig: Rig) -> None:
    """A disk that hangs does not keep the server from serving, but nothing is proven to a gate before it answers."""
    system, tripwire = system_over(rig)
    tripwire.answers.clear()
    began = running_clock().uptime()
    await system.start()
    assert running_clock().uptime() - began < 6
    assert system.monitor.proven_uptime == NEVER
    tripwire.answers.set()
    await asyncio.sleep(0.5)
    assert system.monitor.proven_uptime > began
    await system.stop()


async def test_start_reads_and_carries_out_before_it_serves(rig: Rig) -> None:
    """When the start has returned the tripwire was looked at, what stands was handed over, and the state is proven."""
    await rig.stop("account/main")
    flattener = RecordingFlattener()
    again = await opened(*(as_it_lies(d) for d in rig.disks), flattener=flattener)
    system, tripwire = system_over(again)
    assert system.subscribers.enforcement().revision == again.state.revision
    tripwire.text = "x"
    running_clock().advance(1)
    await system.start()
    assert sorted(flattener.wanted[0]) == ["main"]
    assert len(again.state.stops) == 2
    assert system.monitor.proven_uptime == running_clock().uptime()
    assert not system.watching.done()
    await system.stop()


async def test_gates_of_an_inactive_start_have_nothing_to_confirm(rig: Rig) -> None:
    """Where nothing is stopped no gate is waited for."""
    system, _ = system_over(rig)
    gate(system)
    assert system.subscribers.enforcement().complete


async def test_stop_ends_watching_and_waits_for_the_disk(rig: Rig) -> None:
    """An end returns when what is latched is on every disk, and nothing watches any more."""
    system, _ = system_over(rig)
    await system.start()
    watching = system.watching
    rig.disks[1].before.shut()
    rig.trigger()
    ending = asyncio.create_task(system.stop())
    await asyncio.sleep(60)
    assert (watching.done(), ending.done()) == (True, False)
    rig.disks[1].before.open()
    await ending
    assert rig.disks[1].shown.stops == rig.state.stops


async def test_stop_leaves_no_half_release(rig: Rig) -> None:
    """An end in the middle of a release waits for its second write, so that the next start is not in doubt."""
    system, _ = system_over(rig)
    await rig.stop()
    rig.disks[1].before.shut()
    reset = asyncio.create_task(rig.reset())
    await rig.disks[1].before.reached()
    ending = asyncio.create_task(system.stop())
    await asyncio.sleep(1)
    assert not ending.done()
    rig.disks[1].before.open()
    await ending
    assert not (await opened(*(as_it_lies(d) for d in rig.disks))).state.active
    await reset


async def test_stop_without_a_start(rig: Rig) -> None:
    """What was never started can be ended."""
    system, _ = system_over(rig)
    await system.stop()
