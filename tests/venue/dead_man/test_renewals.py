"""The keeper of a dead man's switch: on time, for every symbol, and no flood of requests."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from ess_server.core.dead_man import IDLE_LOOKS
from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.venue.dead_man import COVERING, RENEWING, RETRY, SILENCE
from tests.venue.dead_man.keeper import Desk


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
    """One symbol that the venue refuses must not use up the request limit that a stop needs: it is tried ever later."""

    async def story(desk: Desk) -> None:
        desk.venue.arm = desk.venue.failing_arm  # type: ignore[method-assign] # the venue answers, and refuses one
        await asyncio.sleep(39)

    desk = play(story, most=20)

    assert desk.venue.times("arm") == [0.05, 0.6, 4.65, 24.7]
    assert desk.faults == [f"{RENEWING}: one was refused"]


def test_a_timer_that_has_run_out_is_told_once(play: Callable[..., Desk]) -> None:
    """Each time anew, and not with every second for which the venue stays away: the audit log is never cut."""

    async def story(desk: Desk) -> None:
        for _ in range(2):
            await asyncio.sleep(1)
            desk.venue.failing = VenueUnknownError("away")
            await asyncio.sleep(119)
            desk.venue.failing = None
            await asyncio.sleep(1)

    desk = play(story)

    assert sum("the venue has cancelled orders" in fault for fault in desk.faults) == 2


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
