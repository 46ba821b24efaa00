"""The keeper of a dead man's switch: on time, never after its end, and the last word is the one that stops."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

import pytest

from ess_server.core.dead_man import IDLE_LOOKS, DeadMan
from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.testing import FakeClock
from ess_server.venue.dead_man import CALL_WITHIN, COVERING, RENEWING, RETRY, SILENCE, DeadManKeeper
from ess_server.venue.upkeep import Faults
from tests.core.virtual_time import VirtualTimeLoop

AFTER = timedelta(seconds=60)
VALID = timedelta(seconds=2)


class Venue:
    """A switch whose requests arrive ``latency`` after they are sent, also when nobody waits for them any more."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.resting = frozenset({"A"})
        self.latency = 0.05
        self.looking = 0.0
        self.failing: Exception | None = None
        self.unread: Exception | None = None
        self.heard: list[tuple[float, str, tuple[str, ...]]] = []
        self.timers: dict[str, float] = {}

    async def order_symbols(self) -> frozenset[str]:
        """See ``DeadManSwitch``."""
        await asyncio.sleep(self.looking)
        if self.unread:
            raise self.unread
        return self.resting

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch``."""
        await self._request("arm", after.total_seconds(), symbols)

    async def failing_arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """All of them are set but one."""
        await self._request("arm", after.total_seconds(), symbols)
        raise VenueUnknownError("one was refused")

    async def disarm(self, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch``."""
        await self._request("disarm", 0, symbols)

    async def _request(self, what: str, seconds: float, symbols: Sequence[str]) -> None:
        if self.failing:
            raise self.failing
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrive() -> None:
            self.heard.append((self.clock.uptime(), what, tuple(symbols)))
            for symbol in symbols:
                self.timers[symbol] = seconds and self.clock.uptime() + seconds
            if not arrived.done():
                arrived.set_result(None)

        loop.call_later(self.latency, arrive)
        await arrived

    def times(self, what: str) -> list[float]:
        """When such requests arrived."""
        return [round(at, 2) for at, heard, _ in self.heard if heard == what]


class Desk:
    """A keeper over such a venue, and what it told."""

    def __init__(self, clock: FakeClock, wanted: DeadMan, most: int | None) -> None:
        self.clock = clock
        self.venue = Venue(clock)
        self.server_heard: float | None = None
        self.faults: list[str] = []
        self.armed: list[tuple[str, ...]] = []
        self.keeper = DeadManKeeper(
            "main",
            self.venue,
            wanted,
            clock=clock,
            valid=VALID,
            heard=lambda: clock.uptime() if self.server_heard is None else self.server_heard,
            on_armed=lambda _, symbols: self.armed.append(tuple(symbols)),
            faults=Faults(clock, lambda _, detail: self.faults.append(detail)),
            most=most,
        )


Story = Callable[[Desk], Coroutine[Any, Any, None]]


@pytest.fixture
def play() -> Callable[..., Desk]:
    """Play a story beside a running keeper, in virtual time that begins at 0."""

    def played(story: Story, most: int | None = None, **wanted: Any) -> Desk:
        loop = VirtualTimeLoop()
        try:
            start = loop.clock.uptime()
            desk = Desk(loop.clock, DeadMan(after=AFTER, **wanted), most)

            async def run() -> None:
                running = asyncio.ensure_future(desk.keeper.run())
                await story(desk)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

            loop.run_until_complete(run())
            desk.venue.heard = [(at - start, what, symbols) for at, what, symbols in desk.venue.heard]
            return desk
        finally:
            loop.close()

    return played


def test_it_is_renewed_every_third_and_told_before(play: Callable[..., Desk]) -> None:
    """At once, then every third of its length; the server knows of a timer before the venue does."""

    async def story(_: Desk) -> None:
        await asyncio.sleep(45)

    desk = play(story)

    assert desk.venue.times("arm") == [0.05, 20.1, 40.15]
    assert {symbols for _, _, symbols in desk.venue.heard} == {("A",)}
    assert desk.armed[0] == ("A",)
    assert desk.faults == []


def test_a_failed_renewal_is_told_and_tried_again_soon(play: Callable[..., Desk]) -> None:
    """Not after another third, and not as often as would be a flood; the fault is told once."""

    async def story(desk: Desk) -> None:
        desk.venue.failing = VenueUnknownError("busy")
        await asyncio.sleep(3)
        desk.venue.failing = None
        await asyncio.sleep(1)

    desk = play(story)

    assert desk.faults == [f"{RENEWING}: busy"]
    assert len(desk.venue.times("arm")) == 1
    assert desk.venue.times("arm")[0] <= 3 + RETRY.total_seconds() + 0.1


def test_a_renewal_of_many_symbols_that_keeps_failing_is_no_flood(play: Callable[..., Desk]) -> None:
    """One symbol that the venue refuses must not use up the request limit that a stop needs: tried again once."""

    async def story(desk: Desk) -> None:
        desk.venue.arm = desk.venue.failing_arm  # type: ignore[method-assign] # the venue answers, and refuses one
        await asyncio.sleep(39)

    desk = play(story, most=20)

    assert desk.venue.times("arm") == [0.05, 0.6, 20.65]
    assert desk.faults == [f"{RENEWING}: one was refused"]


def test_symbols_without_a_timer_are_told(play: Callable[..., Desk]) -> None:
    """Beyond what the venue takes requests for nothing is armed, and a person hears that it is so."""

    async def story(desk: Desk) -> None:
        desk.venue.resting = frozenset("ABC")
        await asyncio.sleep(30)
        desk.venue.resting = frozenset("AB")
        await asyncio.sleep(30)

    desk = play(story, most=2)

    assert {symbols for _, _, symbols in desk.venue.heard} == {("A", "B")}
    assert [COVERING in fault for fault in desk.faults] == [True]


@pytest.mark.parametrize("error", [ReadBudgetError(timedelta(seconds=9)), VenueUnknownError("no list")])
def test_what_cannot_be_read_changes_nothing(play: Callable[..., Desk], error: Exception) -> None:
    """Timers that run are renewed although it is not known which symbols have orders."""

    async def story(desk: Desk) -> None:
        await asyncio.sleep(1)
        desk.venue.unread = error
        await asyncio.sleep(100)

    desk = play(story)

    assert len(desk.venue.times("arm")) == 6
    assert desk.venue.times("disarm") == []


def test_a_symbol_without_orders_is_stopped_and_never_left_to_run_out(play: Callable[..., Desk]) -> None:
    """Until then it is renewed: at no moment does a timer of ours run out, at which it would cancel new orders."""

    async def story(desk: Desk) -> None:
        await asyncio.sleep(1)
        desk.venue.resting = frozenset({"B"})
        for _ in range(20 * IDLE_LOOKS + 60):
            await asyncio.sleep(1)
            assert all(due == 0 or due > desk.clock.uptime() for due in desk.venue.timers.values())

    desk = play(story)

    assert [symbols for _, what, symbols in desk.venue.heard if what == "disarm"] == [("A",)]
    assert desk.venue.timers["A"] == 0
    assert desk.armed[-1] == ("B",)


def test_a_server_that_stands_still_lets_it_run_out(play: Callable[..., Desk]) -> None:
    """Without its word nothing is renewed; when it speaks again that goes on, and what lapsed is told."""

    async def story(desk: Desk) -> None:
        await asyncio.sleep(1)
        desk.server_heard = desk.clock.uptime()
        await asyncio.sleep(90)
        desk.server_heard = None
        await asyncio.sleep(1)

    desk = play(story)

    assert all(at <= 1 + SILENCE.total_seconds() or at > 90 for at in desk.venue.times("arm"))
    assert len(desk.venue.times("arm")) == 2
    assert "the server was not heard for 5 s" in desk.faults[0]
    assert "not renewed for 9" in desk.faults[-1]


def test_after_the_end_nothing_is_renewed(play: Callable[..., Desk]) -> None:
    """The stop is the last that the venue hears, of every timer that may run."""

    async def story(desk: Desk) -> None:
        await asyncio.sleep(30)
        assert await desk.keeper.disarm()
        await asyncio.sleep(200)

    desk = play(story, armed=("old",))

    assert desk.venue.heard[-1][1:] == ("disarm", ("A", "old"))
    assert set(desk.venue.timers.values()) == {0}
    assert desk.armed[-1] == ()


@pytest.mark.parametrize("latency", [0.05, 1.0, 1.9, 2.5, 3.5])
def test_a_renewal_that_arrives_late_arrives_before_the_stop(play: Callable[..., Desk], latency: float) -> None:
    """One in flight is waited for, and one whose reply never came is valid no more when the stop is sent."""

    async def story(desk: Desk) -> None:
        desk.venue.latency = latency
        await asyncio.sleep(0.01)
        ending = asyncio.ensure_future(desk.keeper.disarm())
        await asyncio.sleep(0.01)
        desk.venue.latency = 0.05
        assert await ending

    desk = play(story)
    heard = [what for _, what, _ in desk.venue.heard]

    # Up to what a venue takes at all: the request and its validity.
    assert latency <= (CALL_WITHIN + VALID).total_seconds()
    assert heard == ["arm", "disarm"]


def test_an_end_while_it_looks_is_followed_by_no_renewal(play: Callable[..., Desk]) -> None:
    """What was found out is not acted on any more."""

    async def story(desk: Desk) -> None:
        desk.venue.looking = 1.5
        await asyncio.sleep(22)
        assert await desk.keeper.disarm()
        await asyncio.sleep(60)

    desk = play(story, armed=("A",))

    assert [what for _, what, _ in desk.venue.heard] == ["arm", "disarm"]


def test_a_stop_that_fails_twice_is_not_said_to_have_worked(play: Callable[..., Desk]) -> None:
    """The server must know that the venue may cancel after its end."""

    async def story(desk: Desk) -> None:
        await asyncio.sleep(1)
        desk.venue.failing = VenueUnknownError("busy")
        assert not await desk.keeper.disarm()

    desk = play(story)

    assert "stopping" in desk.faults[-1]


def test_a_process_that_comes_only_to_stop_arms_nothing(play: Callable[..., Desk]) -> None:
    """After a kill in the middle of the end the next one stops what runs, and starts no timer anew."""

    async def story(desk: Desk) -> None:
        await asyncio.sleep(100)
        assert await desk.keeper.disarm()

    desk = play(story, armed=("A", "B"), ended=True)

    assert [heard[1:] for heard in desk.venue.heard] == [("disarm", ("A", "B"))]
