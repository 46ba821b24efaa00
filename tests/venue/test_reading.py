"""What a snapshot may leave unread, so that a flatten which takes many rounds does not use its limit up."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from ess_server.venue.budget import Purpose
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.paper import Fault, FaultKind, Operation
from ess_server.venue.reading import FRESH, MOST_LEFT_OUT, ReadingEconomy

HELD = Position(symbol="BTC/USDT:USDT", long=True, quantity=Decimal(1), hedged=False)
ORDER = OpenOrder(id="1", symbol="BTC/USDT:USDT", conditional=False, reduce_only=False)


def closed(economy: ReadingEconomy) -> ReadingEconomy:
    """Close the position once more."""
    with economy.closing(HELD):
        return economy


def test_orders_are_left_out_while_a_close_has_more_to_do() -> None:
    """Only after a snapshot without orders, for what was asked to be closed, and not many times in a row."""
    economy = ReadingEconomy()
    economy.begin()
    economy.whole([ORDER], [HELD])
    assert not closed(economy).positions_first
    closed(economy).whole([], [HELD])
    assert not economy.positions_first
    for _ in range(MOST_LEFT_OUT):
        assert closed(economy).positions_first
        assert economy.suffices([HELD])
    assert not closed(economy).positions_first
    assert not economy.suffices([HELD])


def test_what_is_not_being_closed_leaves_nothing_out() -> None:
    """Another position, none at all, and dust whose close was never sent: the orders are read."""
    economy = ReadingEconomy()
    economy.whole([], [HELD])
    other = Position(symbol="ETH/USDT:USDT", long=True, quantity=Decimal(1), hedged=False)
    assert not closed(economy).suffices([other])
    assert not economy.suffices([])
    economy.whole([], [HELD])
    with pytest.raises(BelowMinimumError), economy.closing(HELD):
        raise BelowMinimumError("dust")
    assert not economy.positions_first


def test_after_a_failure_positions_come_first_and_never_suffice() -> None:
    """A reading that began and was not heard of again makes the next one try the cheap list first."""
    economy = ReadingEconomy()
    economy.begin()
    assert economy.positions_first
    assert not economy.suffices([HELD])
    economy.whole([], [HELD])
    assert not economy.positions_first


def test_a_dear_rest_is_left_out_where_there_is_work_and_never_twice_without_a_send() -> None:
    """Something shown is enough once; then something has to be sent before it is enough again."""
    economy = ReadingEconomy()
    assert not economy.partly([], [])
    assert economy.partly([ORDER], [])
    assert not economy.partly([ORDER], [])
    economy.cancelling()
    assert economy.partly([], [HELD])
    economy.whole([], [])
    assert economy.expects_nothing
    assert economy.partly([], [HELD])


def test_a_flat_account_does_not_read_what_others_need() -> None:
    """Once the witness has agreed, snapshots are sweeps; whatever is sent, or a witness that denies, ends that."""
    economy = ReadingEconomy()
    assert economy.purpose is Purpose.FLATTEN
    economy.whole([], [])
    economy.testify(Witness(positions=False))
    assert economy.purpose is Purpose.SWEEPING
    economy.cancelling()
    assert economy.purpose is Purpose.FLATTEN
    economy.testify(Witness())
    assert closed(economy).purpose is Purpose.FLATTEN
    economy.testify(Witness(positions=True))
    assert economy.purpose is Purpose.FLATTEN


def test_an_account_that_is_read_again_and_again_lets_others_go_first() -> None:
    """After a dozen snapshots it retries, and is as fresh as any other when it was proven flat in between."""
    economy = ReadingEconomy()
    for _ in range(FRESH):
        assert economy.purpose is Purpose.FLATTEN
        economy.begin()
        economy.whole([ORDER], [])
    assert economy.purpose is Purpose.RETRYING
    economy.testify(Witness(positions=False))
    assert economy.purpose is Purpose.SWEEPING
    economy.begin()
    economy.cancelling()
    assert economy.purpose is Purpose.FLATTEN


async def test_a_denied_list_costs_little_until_the_witness_agrees(
    open_floor: Callable[..., Awaitable[Any]], connect: Callable[..., BinanceUsdmClient]
) -> None:
    """Once the witness has denied an empty list of positions, the lists of orders are left until it does no more."""
    floor = await open_floor()
    client = connect(floor)
    await client.prepare()
    floor.hold("BTCUSDT", "1")
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS, times=3, body="[]"))
    assert (await client.snapshot()).positions == ()
    assert (await client.witness()).positions is True
    before = floor.venue.limiter._weights["127.0.0.1"].used
    for _ in range(2):
        with pytest.raises(VenueUnknownError, match="the account holds some"):
            await client.snapshot()
    assert floor.venue.limiter._weights["127.0.0.1"].used - before == 4 * 5
    assert len((await client.snapshot()).positions) == 1
    assert not client._economy.positions_first


async def test_rounds_of_closing_cost_little(
    open_floor: Callable[..., Awaitable[Any]], connect: Callable[..., BinanceUsdmClient]
) -> None:
    """A position that closes bit by bit is read for a sixteenth of the weight; orders that come are seen in the end."""
    floor = await open_floor()
    client = connect(floor)
    await client.prepare()
    floor.hold("BTCUSDT", "1")
    floor.books.market.liquidity = Decimal(6000)

    def weight() -> int:
        return int(floor.venue.limiter._weights["127.0.0.1"].used)

    shown = await client.snapshot()
    spent = []
    for number in range(MOST_LEFT_OUT + 2):
        await client.close_position(shown.positions[0], f"ess-00000000-1-{number}")
        floor.books.tick()
        before = weight()
        shown = await client.snapshot()
        spent.append(weight() - before)
        if not number:
            floor.rest("BTCUSDT", "0.1")
        assert shown.positions[0].quantity == Decimal(1) - Decimal("0.1") * (number + 1)

    assert spent == [85, *([5] * MOST_LEFT_OUT), 85]
    assert len(shown.orders) == 1


async def test_a_venue_that_fails_is_asked_for_positions_first(
    open_floor: Callable[..., Awaitable[Any]], connect: Callable[..., BinanceUsdmClient]
) -> None:
    """While positions cannot be read the dear lists are not asked for; once they can, everything is read."""
    floor = await open_floor()
    client = connect(floor)
    await client.prepare()
    floor.rest("BTCUSDT", "0.1")
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, operation=Operation.POSITIONS, times=3))
    for _ in range(3):
        with pytest.raises(Exception, match="503"):
            await client.snapshot()
    asked = [e for e in floor.venue.journal.read(kinds=["fault"]) if "positionRisk" in str(e.details["path"])]
    assert len(asked) == 3
    assert len((await client.snapshot()).orders) == 1
