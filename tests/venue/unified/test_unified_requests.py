"""Every request of every plan, as ccxt's real classes make it: where it goes, and the parameters that decide."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.dead_man import TIMERS
from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.deferred import Timed
from ess_server.venue.unified.client import UnifiedClient
from ess_server.venue.unified.table import UNIFIED
from tests.venue.unified.case import Case, compare, connect
from tests.venue.unified.cases import CASES
from tests.venue.unified.wire import Wire

pytestmark = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened."""
    async with AsyncExitStack() as stack:
        yield stack


async def _ready(case: Case, opened: AsyncExitStack, *, full: bool = False) -> tuple[UnifiedClient, Wire]:
    client, wire = connect(case, full=full)
    opened.push_async_callback(client.aclose)
    await client.prepare()
    wire.taken()
    return client, wire


async def test_preparing_asks_for_no_more_than_it_needs(case: Case, opened: AsyncExitStack) -> None:
    """Markets, the clock and the position mode; nothing that a key without other rights would be refused."""
    client, wire = connect(case)
    opened.push_async_callback(client.aclose)
    await client.prepare()

    compare(wire.taken(), case.prepare)
    assert client.hedge_mode is case.hedge_mode


async def test_every_list_is_asked_for(case: Case, opened: AsyncExitStack) -> None:
    """A flat account is flat after every scope, kind and product was read, each with its own parameters."""
    client, wire = await _ready(case, opened)
    shown = await client.snapshot()

    compare(wire.taken(), case.listing)
    assert (shown.orders, shown.positions, shown.unnamed) == ((), (), ())


async def test_whatever_the_lists_hold_is_shown(case: Case, opened: AsyncExitStack) -> None:
    """Orders of every kind and positions of every side, all pages, with the venue's names, sides and sizes."""
    client, wire = await _ready(case, opened, full=True)
    shown = await client.snapshot()

    compare(wire.taken(), [*case.listing, *case.pages])
    assert sorted(shown.orders, key=lambda o: o.id) == sorted(case.orders, key=lambda o: o.id)
    assert sorted(shown.positions, key=lambda p: p.symbol) == sorted(case.positions, key=lambda p: p.symbol)


async def test_cancelling_everything(case: Case, opened: AsyncExitStack) -> None:
    """Every order that is shown is covered by a request, with the pass for its kind."""
    client, wire = await _ready(case, opened, full=True)
    shown = await client.snapshot()
    wire.taken()
    await client.cancel(shown.orders)

    compare(wire.taken(), case.cancel_all)


async def test_cancelling_one_order_spares_the_others(case: Case, opened: AsyncExitStack) -> None:
    """An order that is not alone is cancelled by its id."""
    client, wire = await _ready(case, opened, full=True)
    shown = await client.snapshot()
    wire.taken()
    await client.cancel([next(o for o in shown.orders if o.id == case.orders[0].id)])

    compare(wire.taken(), case.cancel_first)


async def test_closing_only_reduces(case: Case, opened: AsyncExitStack) -> None:
    """Side, size and what keeps the order from opening anything, in each position mode, at market and bounded."""
    client, wire = await _ready(case, opened, full=True)
    for close in case.closes:
        shown = await client.snapshot()
        position = next(p for p in shown.positions if (p.symbol, p.long) == (close.symbol, close.long))
        wire.taken()
        limit = None if close.limit is None else Decimal(close.limit)
        wanted = replace(position, quantity=Decimal(close.quantity or position.quantity))
        await client.close_position(wanted, "ess-1", limit=limit)

        compare(wire.taken(), close.sent)


async def test_witness(case: Case, opened: AsyncExitStack) -> None:
    """It asks other endpoints than the lists do, and says nothing that they do not prove."""
    for full, expected in ((False, case.flat_witness), (True, case.full_witness)):
        client, wire = await _ready(case, opened, full=full)
        told = await client.witness()

        compare(wire.taken(), case.witness)
        assert replace(told, evidence="") == expected
        assert bool(told.evidence) == (expected != Witness()) or told.evidence


async def test_equity(case: Case, opened: AsyncExitStack) -> None:
    """One sum with its currency, or a refusal where the venue has none."""
    client, _ = await _ready(case, opened)
    if case.equity is None:
        with pytest.raises(VenueUnknownError):
            await client.equity()
    else:
        assert await client.equity() == case.equity


async def test_rights_of_the_key(case: Case, opened: AsyncExitStack) -> None:
    """Whether it may withdraw, where the venue tells."""
    client, _ = await _ready(case, opened)

    assert await client.withdraws() is case.withdraws


async def test_dead_man_switch(case: Case, opened: AsyncExitStack) -> None:
    """It is armed for each symbol or for the account, in the venue's unit, and what was armed is disarmed."""
    client, wire = await _ready(case, opened, full=True)
    assert isinstance(client, Timed) == bool(case.arm) == (UNIFIED[case.name].switch is not None)
    if not isinstance(client, Timed):
        return
    assert case.name in TIMERS
    each = TIMERS[case.name].each_symbol
    symbols = sorted(await client.dead_man.order_symbols())
    assert symbols == (sorted({o.symbol for o in case.orders}) if each else [])
    wire.taken()
    await client.dead_man.arm(timedelta(seconds=30), symbols)
    compare(wire.taken(), case.arm)

    await client.dead_man.disarm(symbols)
    compare(wire.taken(), case.disarm)


async def test_examination(case: Case, opened: AsyncExitStack) -> None:
    """What the plan says of itself and what the venue tells of key and mode arrive where they are judged."""
    client, _ = await _ready(case, opened, full=True)
    seen = await client.examine()

    assert (seen.exchange, seen.hedge_mode, seen.key.may_withdraw) == (case.name, case.hedge_mode, case.withdraws)
    assert seen.coverage is not None
    assert seen.coverage.checked_by is CheckedBy.REQUEST_SHAPE
    assert seen.load is not None
    assert (seen.load.positions, seen.load.orders + seen.load.conditional) == (len(case.positions), len(case.orders))
