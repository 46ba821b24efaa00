"""Stories beside a running keeper."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ess_server.core.dead_man import DeadMan
from tests.core.virtual_time import VirtualTimeLoop
from tests.venue.dead_man.keeper import AFTER, Desk, Story


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
