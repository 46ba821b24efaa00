"""The dead man's switch on Binance USD-M: real ccxt against the paper venue, a timer for each symbol."""

import asyncio
from datetime import timedelta

from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.dead_man import CALL_WITHIN, SYMBOLS_A_CALL
from ess_server.venue.paper import Fault, FaultKind
from tests.venue.floor import Floor

FAR = timedelta(milliseconds=700)
"""Most of what an answer takes from the other side of the world and back, twice."""


async def test_as_many_symbols_as_a_call_has_are_armed_from_far_away(floor: Floor, client: BinanceUsdmClient) -> None:
    """Their requests do not queue up: the last symbols of a list would have no timer, or one that nobody stops."""
    floor.trade_everywhere(SYMBOLS_A_CALL)
    floor.venue.faults.add(Fault(kind=FaultKind.DELAY, path="countdownCancelAll", delay=FAR, times=None))
    symbols = sorted(await client.dead_man.order_symbols())
    async with asyncio.timeout(CALL_WITHIN.total_seconds()):
        await client.dead_man.arm(timedelta(seconds=60), symbols)

    floor.venue.clock.skew += timedelta(seconds=61)
    floor.venue.books.tick()
    assert len(symbols) == SYMBOLS_A_CALL
    assert not floor.account.open_orders
