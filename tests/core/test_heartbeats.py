"""Heartbeats: to each in time, spread over phases, behind every change, and rarer where they cost too much."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ess_server.core.broadcast import FULL_PHASE, PHASES, StateBroadcast
from ess_server.core.pace import COMFORTABLE

from .disks import turns
from .listeners import HEARTBEAT, Listener, Source, crowd, pace
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


@pytest.fixture
async def broadcast(source: Source) -> AsyncIterator[StateBroadcast]:
    """A broadcast that sends heartbeats."""
    broadcast = StateBroadcast(source.render, pace())
    beating = asyncio.create_task(broadcast.run())
    yield broadcast
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


async def test_heartbeat_comes_in_time(broadcast: StateBroadcast) -> None:
    """Without any change each subscriber gets a message every heartbeat, whichever phase it is in."""
    everyone = crowd(broadcast, FULL_PHASE * PHASES)
    await asyncio.gather(*(one.next() for one in everyone))
    for one in everyone[:: FULL_PHASE * 3]:
        for _ in range(3):
            await one.next()
        began = running_clock().uptime()
        for _ in range(8):
            await one.next()
        assert running_clock().uptime() - began == pytest.approx(8 * HEARTBEAT.total_seconds(), abs=0.01)


async def test_heartbeats_are_spread_over_phases(broadcast: StateBroadcast) -> None:
    """Full phases are served one after the other, so that a stop never queues behind one burst for all."""
    everyone = crowd(broadcast, FULL_PHASE * PHASES)
    arrivals: set[float] = set()

    async def arrive(one: Listener) -> None:
        await one.next()
        arrivals.add(round(running_clock().uptime(), 4))

    await asyncio.gather(*(arrive(one) for one in everyone))
    assert len(arrivals) == PHASES


async def test_few_subscribers_share_a_phase(broadcast: StateBroadcast, source: Source) -> None:
    """A handful of subscribers costs one rendering a heartbeat, and nobody costs none."""
    await asyncio.sleep(10)
    assert source.rendered == 0
    few = crowd(broadcast, 10)
    await asyncio.sleep(10)
    assert source.rendered == pytest.approx(40, abs=1)
    for one in few:
        one.close()
    before = source.rendered
    await asyncio.sleep(10)
    assert source.rendered == before


async def test_place_that_was_left_is_taken_again(source: Source) -> None:
    """Whoever leaves makes room in its phase."""
    broadcast = StateBroadcast(source.render, pace())
    everyone = crowd(broadcast, FULL_PHASE * PHASES + PHASES)
    assert {len(p.members) for p in broadcast._phases} == {FULL_PHASE + 1}
    everyone[0].close()
    Listener(broadcast)
    assert {len(p.members) for p in broadcast._phases} == {FULL_PHASE + 1}


async def test_heartbeats_go_on_after_a_stall(broadcast: StateBroadcast, source: Source) -> None:
    """A loop that was blocked catches up with the present, not with every heartbeat that it missed."""
    one = Listener(broadcast)
    await one.next()
    running_clock().advance(60)
    before = source.rendered
    await asyncio.sleep(1)
    assert source.rendered - before <= 6
    await one.next()


@pytest.mark.usefixtures("small_steps")
async def test_wave_stands_in_for_heartbeats(broadcast: StateBroadcast, source: Source) -> None:
    """While a change is on its way to a crowd no heartbeat is made, and afterwards they go on."""
    everyone = crowd(broadcast, FULL_PHASE * PHASES)
    await asyncio.gather(*(one.next() for one in everyone))
    broadcast.publish()
    rendered = source.rendered
    for _ in range(PHASES):
        running_clock().advance(HEARTBEAT.total_seconds() / PHASES)
        await turns(1)
    assert source.rendered == rendered
    await asyncio.sleep(2 * HEARTBEAT.total_seconds())
    assert source.rendered >= rendered + PHASES


async def test_heartbeats_grow_rarer_where_they_cost_too_much(source: Source) -> None:
    """Where a message to each would take too much of a core they are spread, at most half a lease apart."""
    broadcast = StateBroadcast(source.render, pace(cost=FULL_PHASE * 1e-4))
    beating = asyncio.create_task(broadcast.run())
    everyone = crowd(broadcast, FULL_PHASE * PHASES)
    await asyncio.sleep(2)
    before = source.rendered
    await asyncio.sleep(10)
    assert (source.rendered - before) / PHASES == pytest.approx(20, abs=1)
    assert FULL_PHASE * PHASES * 1e-4 / COMFORTABLE > 0.5
    del everyone
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
