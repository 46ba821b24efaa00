"""Closing within a price bound and in slices, at the default times: how often, for how long, and never beyond it."""

import asyncio
import random
from collections import deque
from decimal import Decimal

from ess_server.core.closing import ClosingRules
from ess_server.core.flatten import AccountFlattener, FlattenSettings
from ess_server.core.model import Account, Action, FlattenStatus
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.testing.exchange import FakeExchangeClient, Fault
from tests.core.flatten_rig import BTC, Rig, running, work

from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop
COLLARED = ClosingRules(collar=Decimal("0.01"))
ORDERS_IN_TEN_SECONDS = 300
"""Binance's limit of new orders of an account; a market order beyond it is refused like any other."""


class Distant(FakeExchangeClient):
    """A venue that is read in a tenth of a second."""

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``."""
        await asyncio.sleep(0.1)
        return await super().snapshot()


def timed(rules: ClosingRules, symbols: int = 1) -> Rig:
    """Return a rig in virtual time whose account holds two in each market, nobody of which buys within a bound."""
    rig = Rig(client=Distant(Account(id="main", venue="paper")))
    rig.flattener = AccountFlattener(
        rig.client,
        running_clock(),
        FlattenSettings(),
        on_progress=rig._progress,
        on_event=rig._event,
        rules=rules,
        rng=random.Random(7),
    )
    for symbol in [BTC, *(f"S{n}/USDT:USDT" for n in range(1, symbols))]:
        rig.client.hold(symbol, 2)
        rig.client.prices[symbol] = Decimal(100)
        rig.client.thin.add(symbol)
    return rig


async def test_bounded_closes_leave_room_for_the_market_orders() -> None:
    """Thirty positions that nobody takes within the bound do not use up the limit of orders of any ten seconds."""
    rig = timed(COLLARED, symbols=30)
    async with running(rig):
        rig.flattener.set_work(work())
        await asyncio.sleep(10)
        assert 30 <= len(rig.client.closes) < ORDERS_IN_TEN_SECONDS
        await asyncio.sleep(10)
        rig.client.closes.clear()
        await asyncio.sleep(9)
        assert 30 <= len(rig.client.closes) < ORDERS_IN_TEN_SECONDS - 30
        await asyncio.sleep(8)

        assert rig.status is FlattenStatus.FLAT


async def test_bounded_closes_that_are_refused_are_told_and_no_faster() -> None:
    """A venue that refuses them is no reason to ask more often, but one to call the account INCOMPLETE."""
    rig = timed(COLLARED, symbols=30)
    rig.client.faults["close_position"] = deque([Fault.REFUSED] * 1000)
    async with running(rig):
        rig.flattener.set_work(work())
        await asyncio.sleep(10)

        assert rig.status is FlattenStatus.INCOMPLETE
        assert rig.client.calls.count("close_position") < ORDERS_IN_TEN_SECONDS


async def test_stops_that_join_do_not_put_off_the_market_order() -> None:
    """Symbols that are stopped one after the other, each before the time is over, leave the first its own time."""
    rig = timed(COLLARED)
    async with running(rig):
        for count in range(1, 5):
            rig.flattener.set_work(work(symbols=tuple((f"S{n}/USDT:USDT", Action.FLATTEN) for n in range(count))))
            await asyncio.sleep(10)

        assert rig.client.closes[-1].limit is None
        assert rig.client.flat


async def test_what_was_released_in_between_begins_anew_within_its_bound() -> None:
    """A symbol whose stop was reset and came back is no more at market than one that is stopped for the first time."""
    rig = timed(COLLARED)
    other = ("S1/USDT:USDT", Action.FLATTEN)
    async with running(rig):
        rig.flattener.set_work(work(Action.BLOCK, symbols=((BTC, Action.FLATTEN), other)))
        await asyncio.sleep(20)
        rig.flattener.set_work(work(Action.BLOCK, symbols=(other,)))
        await asyncio.sleep(20)
        rig.flattener.set_work(work(Action.BLOCK, symbols=((BTC, Action.FLATTEN), other)))
        await asyncio.sleep(20)

        assert rig.client.closes[-1].limit == 99


async def test_a_slice_that_is_too_small_does_not_drop_the_price_bound() -> None:
    """Where the market takes no slice the position is closed as a whole, at no worse a price."""
    rig = timed(ClosingRules(collar=Decimal("0.01"), slices=20))
    rig.client.minimum = Decimal(1)
    rig.client.thin.clear()
    async with running(rig):
        rig.flattener.set_work(work())
        await asyncio.sleep(5)

    assert rig.client.flat
    sent = [(c.position.quantity, c.limit) for c in rig.client.closes]
    assert sent == [(Decimal("0.1"), Decimal(99)), (Decimal(2), Decimal(99))]


async def test_slices_leave_one_after_the_other() -> None:
    """Each slice is a close of its own, and together they are the position."""
    rig = timed(ClosingRules(slices=4))
    async with running(rig):
        rig.flattener.set_work(work())
        await asyncio.sleep(25)

    assert rig.client.flat
    assert [c.position.quantity for c in rig.client.closes] == [Decimal("0.5")] * 4
