"""The dead man's switch on OKX: real ccxt against the paper venue."""

import asyncio
from datetime import timedelta

import pytest

from ess_server.core.errors import EssError
from ess_server.venue.ccxt_okx import OkxClient
from tests.venue.floor import Floor

A_SECOND = 1.05
"""The exchange takes one such request a second."""


async def test_the_timer_cancels_orders_by_the_venues_clock_unless_stopped(floor: Floor, okx: OkxClient) -> None:
    """One timer for the account: it takes every contract's orders and no position, and a stopped one never fires."""
    floor.rest("BTCUSDT", "0.1")
    floor.rest("ETHUSDT", "0.1")
    floor.hold("BTCUSDT", "1")
    timer = okx.dead_man
    assert await timer.order_symbols() == frozenset()
    await timer.arm(timedelta(seconds=60), ())
    with pytest.raises(EssError, match="Too Many Requests"):
        await timer.disarm(())
    await asyncio.sleep(A_SECOND)
    await timer.disarm(())
    pass_a_minute(floor)
    assert len(floor.account.open_orders) == 2

    await asyncio.sleep(A_SECOND)
    await okx.prepare()
    await timer.arm(timedelta(seconds=60), ())
    pass_a_minute(floor)
    assert not floor.account.open_orders
    assert len(list(floor.account.positions())) == 1


async def test_a_time_that_the_venue_refuses_is_an_error(okx: OkxClient) -> None:
    """Below ten seconds nothing is armed, and nobody believes it is."""
    with pytest.raises(EssError):
        await okx.dead_man.arm(timedelta(seconds=5), ())


def pass_a_minute(floor: Floor) -> None:
    """Move the venue's clock past the timer."""
    floor.venue.clock.skew += timedelta(seconds=61)
    floor.venue.books.tick()
