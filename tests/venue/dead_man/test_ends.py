"""The keeper of a dead man's switch: never after its end, and the last word is the one that stops."""

import asyncio
from collections.abc import Callable

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.venue.dead_man import CALL_WITHIN
from tests.venue.dead_man.keeper import VALID, Desk


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
