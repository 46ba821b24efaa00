"""The newest state to everyone at once; one that never reads misses messages and delays nobody."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ess_server.core.broadcast import FULL_PHASE, PHASES, BroadcastEndedError, StateBroadcast
from ess_server.core.pace import COMFORTABLE, Pace

from .disks import turns, waits
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop

HEARTBEAT = timedelta(milliseconds=250)


class Listener:
    """A subscriber whose transport holds one message: the next one is taken when that one was read."""

    def __init__(self, broadcast: StateBroadcast) -> None:
        self._subscription = broadcast.subscribe()
        self._held: bytes | None = None
        self._is_full, self._has_room = asyncio.Event(), asyncio.Event()
        self.sent = 0
        self._serving = asyncio.get_running_loop().create_task(self._subscription.served(self._take, self._count))

    async def _take(self, message: bytes) -> None:
        self._held = message
        self._is_full.set()
        await self._has_room.wait()

    def _count(self) -> None:
        self.sent += 1

    async def next(self) -> bytes:
        """Read a message. Raises what ended the subscription."""
        full = asyncio.ensure_future(self._is_full.wait())
        await asyncio.wait([full, self._serving], return_when=asyncio.FIRST_COMPLETED)
        full.cancel()
        if self._held is None:
            await self._serving
        message, self._held = self._held, None
        assert message is not None
        self._is_full.clear()
        self._has_room.set()
        self._has_room = asyncio.Event()
        return message

    def close(self) -> None:
        """Leave."""
        self._serving.cancel()
        self._subscription.close()


def pace(cost: float = 0.0) -> Pace:
    """Return the pace of a machine on which nothing costs anything, or ``cost`` seconds for each look at the clock."""
    spent = 0.0

    def busy() -> float:
        nonlocal spent
        spent += cost
        return spent

    return Pace(HEARTBEAT, timedelta(seconds=1), busy)


class Source:
    """A state that counts how often it was rendered."""

    def __init__(self) -> None:
        self.rendered = 0

    def render(self) -> bytes:
        """Return the number of this rendering."""
        self.rendered += 1
        return str(self.rendered).encode()


@pytest.fixture
def source() -> Source:
    """What is told."""
    return Source()


@pytest.fixture
async def broadcast(source: Source) -> AsyncIterator[StateBroadcast]:
    """A broadcast that sends heartbeats."""
    broadcast = StateBroadcast(source.render, pace())
    beating = asyncio.create_task(broadcast.run())
    yield broadcast
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


def crowd(broadcast: StateBroadcast, number: int) -> list[Listener]:
    """Return so many subscribers."""
    return [Listener(broadcast) for _ in range(number)]


async def test_everyone_gets_the_same_bytes(source: Source) -> None:
    """A change is rendered once and reaches every phase in the same step."""
    broadcast = StateBroadcast(source.render, pace())
    everyone = crowd(broadcast, FULL_PHASE * PHASES + 3)
    broadcast.publish()
    assert [await one.next() for one in everyone] == [b"1"] * len(everyone)
    assert source.rendered == 1


async def test_one_that_never_reads_delays_nobody(source: Source) -> None:
    """The slow one gets what was on its way to it, misses what came meanwhile, then gets the newest: nothing queues."""
    broadcast = StateBroadcast(source.render, pace())
    slow, quick = crowd(broadcast, 2)
    for number in range(1, 5):
        broadcast.publish()
        assert await quick.next() == str(number).encode()
    assert await slow.next() == b"1"
    assert await slow.next() == b"4"
    assert await waits(slow.next())


async def test_newest_message_is_given_once(source: Source) -> None:
    """A message is returned once; the next call waits for a newer one, and only for those after subscribing."""
    broadcast = StateBroadcast(source.render, pace())
    broadcast.publish()
    one = Listener(broadcast)
    assert await waits(one.next())
    broadcast.publish()
    assert await one.next() == b"2"
    assert await waits(one.next())


async def test_each_message_that_was_taken_is_counted(source: Source) -> None:
    """What is still on its way is not: a transport that takes nothing is not a subscriber that was seen."""
    broadcast = StateBroadcast(source.render, pace())
    one = Listener(broadcast)
    for _ in range(3):
        broadcast.publish()
        await turns(3)
    assert one.sent == 0
    await one.next()
    await turns(6)
    assert one.sent == 1
    await one.next()
    await turns(6)
    assert one.sent == 2


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), asyncio.CancelledError()])
@pytest.mark.parametrize("waits", [True, False])
async def test_transport_that_fails_ends_the_subscription(source: Source, error: BaseException, *, waits: bool) -> None:
    """At once or later: whoever serves it learns why, the others go on, and nothing more is sent to it."""
    broadcast = StateBroadcast(source.render, pace())
    sends = 0

    async def fail(_: bytes) -> None:
        nonlocal sends
        sends += 1
        if waits:
            await asyncio.sleep(0.01)
        raise error

    other = Listener(broadcast)
    serving = asyncio.create_task(broadcast.subscribe().served(fail, lambda: None))
    await turns(2)
    broadcast.publish()
    with pytest.raises(type(error)):
        await serving
    broadcast.publish()
    assert await other.next() == b"1"
    assert await other.next() == b"2"
    assert sends == 1


async def test_failure_after_leaving_is_nobodys(source: Source) -> None:
    """The transport may find out only after the subscriber was given up: then there is nobody to tell."""
    broadcast = StateBroadcast(source.render, pace())
    fails = asyncio.Event()

    async def fail(_: bytes) -> None:
        await fails.wait()
        raise ConnectionResetError

    one = broadcast.subscribe()
    serving = asyncio.create_task(one.served(fail, lambda: None))
    await turns(2)
    broadcast.publish()
    await turns(3)
    serving.cancel()
    one.close()
    one.close()
    fails.set()
    await turns(6)
    assert serving.cancelled()


async def test_nothing_is_sent_before_the_first_message_was(source: Source) -> None:
    """What is published while the first message is still being handed over comes after it."""
    broadcast = StateBroadcast(source.render, pace())
    one, taken = broadcast.subscribe(), []

    async def take(message: bytes) -> None:
        taken.append(message)

    broadcast.publish()
    await turns(3)
    assert taken == []
    serving = asyncio.create_task(one.served(take, lambda: None))
    await turns(3)
    assert taken == [b"1"]
    serving.cancel()


async def test_waiting_subscriber_is_woken(source: Source) -> None:
    """A subscriber that waits gets the message in the step after it is published."""
    broadcast = StateBroadcast(source.render, pace())
    one = asyncio.create_task(Listener(broadcast).next())
    await turns(3)
    broadcast.publish()
    await turns(6)
    assert one.done()
    assert await one == b"1"


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


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single message is sent at once."""
    monkeypatch.setattr("ess_server.core.broadcast.AT_ONCE", 1)


@pytest.mark.usefixtures("small_steps")
async def test_wave_without_end_starves_nobody(source: Source) -> None:
    """Changes in every step of the loop: the last of many phases is served all the same."""
    broadcast = StateBroadcast(source.render, pace())
    everyone = crowd(broadcast, 8)
    waiting = [asyncio.create_task(one.next()) for one in everyone]
    await turns(20)
    for _ in range(16):
        broadcast.publish()
        await turns(1)
        assert len(broadcast._queue) <= 8
    assert all(one.done() for one in waiting)


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


async def test_end_is_told_after_the_last_message(source: Source) -> None:
    """The last message reaches everyone before the end does, also those who wait, and late comers end at once."""
    broadcast = StateBroadcast(source.render, pace())
    one, other = crowd(broadcast, 2)
    waiting = asyncio.create_task(one.next())
    await turns(3)
    broadcast.end()
    assert await waiting == b"1"
    assert await other.next() == b"1"
    for subscription in (one, other, Listener(broadcast)):
        with pytest.raises(BroadcastEndedError):
            await subscription.next()


async def test_end_is_told_although_nothing_can_be_rendered() -> None:
    """A last message that cannot be made keeps nobody waiting."""

    def fail() -> bytes:
        raise RuntimeError

    broadcast = StateBroadcast(fail, pace())
    waiting = asyncio.create_task(Listener(broadcast).next())
    await turns(3)
    with pytest.raises(RuntimeError):
        broadcast.end()
    await turns(6)
    assert waiting.done()
    with pytest.raises(BroadcastEndedError):
        await waiting
