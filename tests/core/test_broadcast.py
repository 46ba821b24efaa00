"""The newest state to everyone at once; one that never reads misses messages and delays nobody."""

import asyncio

import pytest

from ess_server.core.broadcast import AT_ONCE, FULL_PHASE, PHASES, SETTLED, BroadcastEndedError, StateBroadcast

from .disks import turns, waits
from .listeners import Listener, Source, crowd, pace
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


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
        await asyncio.sleep(1)
    assert one.sent == 0
    await one.next()
    await asyncio.sleep(SETTLED)
    await turns(3)
    assert one.sent == 1
    await one.next()
    await asyncio.sleep(SETTLED)
    await turns(3)
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


async def test_transport_that_cannot_be_driven_ends_the_subscription(source: Source) -> None:
    """One that gives way without waiting for anything would never be asked again: that is said, not passed over."""
    broadcast = StateBroadcast(source.render, pace())
    serving = asyncio.create_task(broadcast.subscribe().served(lambda _: asyncio.sleep(0), lambda: None))
    await turns(2)
    broadcast.publish()
    with pytest.raises(TypeError, match="futures"):
        await serving


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_end_of_a_message_after_leaving_is_nobodys(source: Source, error: Exception | None) -> None:
    """The transport may take it or fail only after the subscriber was given up: nobody is told, nobody was seen."""
    broadcast = StateBroadcast(source.render, pace())
    goes_on = asyncio.Event()
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, problem: told.append(problem))

    async def take(_: bytes) -> None:
        await goes_on.wait()
        if error:
            raise error

    one = broadcast.subscribe()
    serving = asyncio.create_task(one.served(take, lambda: told.append(one)))
    await turns(2)
    broadcast.publish()
    await turns(3)
    serving.cancel()
    one.close()
    one.close()
    goes_on.set()
    await asyncio.sleep(2 * SETTLED)
    assert serving.cancelled()
    assert not told


async def test_message_that_was_taken_late_is_noticed_then(source: Source) -> None:
    """Without anything newer to send: it is counted when the transport has room again, not at the next message."""
    broadcast = StateBroadcast(source.render, pace())
    one = Listener(broadcast)
    broadcast.publish()
    await asyncio.sleep(100 * SETTLED)
    assert one.sent == 0
    await one.next()
    await turns(3)
    assert one.sent == 1


async def test_crowd_is_counted_in_steps(source: Source) -> None:
    """What a wave has sent is looked through in parts, so that a trigger comes in between, and all of it is."""
    broadcast = StateBroadcast(source.render, pace())
    everyone = crowd(broadcast, 2 * AT_ONCE + 1)
    broadcast.publish()
    await asyncio.gather(*(one.next() for one in everyone))
    counted = set()
    for _ in range(6):
        await asyncio.sleep(SETTLED)
        counted.add(sum(one.sent for one in everyone))
    assert max(counted) == len(everyone)
    assert counted & {AT_ONCE, 2 * AT_ONCE}


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
async def test_wave_comes_before_its_count(source: Source) -> None:
    """As long as one of the crowd has not been told yet, nothing else is done for those who have."""
    broadcast = StateBroadcast(source.render, pace())
    counted_while: list[int] = []

    async def take(_: bytes) -> None:
        running_clock().advance(SETTLED)
        await asyncio.sleep(0.1 * SETTLED)

    serving = [
        asyncio.create_task(broadcast.subscribe().served(take, lambda: counted_while.append(len(broadcast._queue))))
        for _ in range(8)
    ]
    await turns(2)
    broadcast.publish()
    await asyncio.sleep(20 * SETTLED)
    assert counted_while == [0] * 8
    for one in serving:
        one.cancel()


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
