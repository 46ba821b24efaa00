"""The Bybit client: real ccxt reads, cancels and closes on the paper venue over TLS."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.errors import EssError
from ess_server.core.flatten import BelowMinimumError
from ess_server.core.venue_snapshot import Position
from ess_server.venue.bybit_calls import LIMIT_PAUSE_S
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.paper import Fault, FaultKind, Operation, grew_or_flipped
from tests.venue.clients import flatten
from tests.venue.floor import Floor

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


async def test_orders_of_all_pages_are_read_and_cancelled_at_once(floor: Floor, bybit: BybitClient) -> None:
    """Over a hundred orders of both kinds on four symbols are shown, and gone by one cancel per settle coin."""
    floor.rest_many("BTCUSDT", 91)
    for _ in range(10):
        floor.protect("ETHUSDT", "0.1")
    floor.rest("SOLUSDT", "0.1")
    floor.rest("BNBUSDT", "0.1")
    floor.venue.set_limits(endpoint_percent=20)
    shown = await bybit.snapshot()

    told = [(o.symbol, o.conditional, o.reduce_only) for o in shown.orders]
    assert (told.count((BTC, False, False)), told.count((ETH, True, True)), shown.unnamed) == (91, 10, ())
    await bybit.cancel(shown.orders)
    assert floor.flat
    assert floor.venue.journal.read(kinds=["limited"]) == []


async def test_orders_of_a_few_symbols_take_no_other_symbols_with_them(floor: Floor, bybit: BybitClient) -> None:
    """An order on a symbol that is not stopped, placed just before the cancel, stays."""
    floor.rest("BTCUSDT", "0.1")
    floor.rest("ETHUSDT", "0.1")
    shown = await bybit.snapshot()
    floor.rest("SOLUSDT", "0.1")
    await bybit.cancel(shown.orders)

    assert [o.symbol for o in (await bybit.snapshot()).orders] == ["SOL/USDT:USDT"]


async def test_a_part_of_a_symbols_orders_goes_by_name(floor: Floor, bybit: BybitClient) -> None:
    """Orders that are not given stay, and what is gone already is no error."""
    floor.rest_many("BTCUSDT", 4)
    for _ in range(3):
        floor.protect("BTCUSDT", "0.1")
    floor.rest("ETHUSDT", "0.1")
    shown = (await bybit.snapshot()).orders
    given = [o for o in shown if o.symbol == BTC and not o.conditional][1:]
    for _ in range(2):
        await bybit.cancel(given)

    assert {o.id for o in (await bybit.snapshot()).orders} == {o.id for o in shown} - {o.id for o in given}
    assert (len(floor.account.open_conditionals), len(floor.account.open_orders)) == (3, 2)


async def test_both_legs_of_hedge_mode_close_by_their_leg(floor: Floor, bybit: BybitClient) -> None:
    """In hedge mode each leg is a position, and its close leaves the other."""
    floor.venue.books.set_hedged("main", hedged=True)
    floor.hold("BTCUSDT", "1", leg="LONG")
    floor.hold("BTCUSDT", "-1", leg="SHORT")
    long, short = sorted((await bybit.snapshot()).positions, key=lambda p: not p.long)
    await bybit.close_position(long, "ess-1")

    assert (await bybit.snapshot()).positions == (short,)
    assert (short.hedged, short.quantity) == (True, Decimal(1))


async def test_a_close_is_split_at_the_market_maximum(floor: Floor, bybit: BybitClient) -> None:
    """A position above what one market order may be goes in equal parts, none of which grows or flips it."""
    for _ in range(3):
        floor.hold("BTCUSDT", "100")
    opened = floor.venue.journal.last_seq
    [position] = (await bybit.snapshot()).positions
    await bybit.close_position(position, "ess-1234abcd-77-1")

    closes = [e.details for e in floor.venue.journal.read(kinds=["order"], after=opened)]
    assert [(c["quantity"], c["client_id"]) for c in closes] == [(100, f"ess-1234abcd-77-1-{n}") for n in range(3)]
    assert grew_or_flipped(floor.venue.journal.read(after=opened)) == []
    assert floor.flat


async def test_sends_are_valid_below_two_seconds_and_reads_longer(floor: Floor, bybit: BybitClient) -> None:
    """What arrives two seconds old is refused as a send and taken as a read; the clock is then measured anew."""
    floor.hold("BTCUSDT", "1")
    floor.venue.clock.skew = timedelta(seconds=2)
    [position] = (await bybit.snapshot()).positions
    assert floor.venue.journal.read(kinds=["refused"]) == []
    await bybit.close_position(position, "ess-1")

    [late] = floor.venue.journal.read(kinds=["refused"])
    assert (late.details["code"], late.details["path"]) == (10002, "/v5/order/create")
    assert floor.flat


@pytest.mark.parametrize("refusals", [1, 2])
async def test_an_endpoints_limit_is_gone_round_or_waited_for(floor: Floor, bybit: BybitClient, refusals: int) -> None:
    """What is refused for the limit of single orders goes as a batch; if that is refused too, in the next second."""
    floor.hold("BTCUSDT", "1")
    [position] = (await bybit.snapshot()).positions
    for _ in range(refusals):
        floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=10006))
    await bybit.close_position(position, "ess-1")

    assert len(floor.venue.journal.read(kinds=["fault"])) == refusals
    assert floor.flat


async def test_twenty_positions_are_closed_within_the_limits_of_one_second(floor: Floor, bybit: BybitClient) -> None:
    """Ten by single orders and ten by batches of one: nobody waits, and no batch is refused."""
    for symbol in list(floor.venue.books.market.instruments)[:20]:
        floor.hold(symbol, "100")
    positions = (await bybit.snapshot()).positions
    assert len(positions) == 20
    await asyncio.gather(*(bybit.close_position(p, f"ess-{n}") for n, p in enumerate(positions)))

    limited = floor.venue.journal.read(kinds=["limited"])
    last = floor.venue.journal.read(kinds=["fill"])[-1]
    assert {entry.details["path"] for entry in limited} <= {"/v5/order/create"}
    assert all((last.at - entry.at).total_seconds() < LIMIT_PAUSE_S for entry in limited)
    assert floor.flat


async def test_what_a_batch_refuses_is_told_as_ever(floor: Floor, bybit: BybitClient) -> None:
    """The way round has the refusals of the straight one: too small is told apart from what is gone."""
    gone = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=10006))
    with pytest.raises(EssError, match="110017"):
        await bybit.close_position(gone, "ess-1")

    assert not floor.account.fills


async def test_what_cannot_be_closed_is_told_apart(floor: Floor, bybit: BybitClient) -> None:
    """Less than a step is below the minimum; a position that is gone is an error, and nothing opens."""
    dust = Position(symbol=BTC, long=True, quantity=Decimal("0.0001"), hedged=False)
    with pytest.raises(BelowMinimumError):
        await bybit.close_position(dust, "ess-1")
    gone = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    with pytest.raises(EssError, match="110017"):
        await bybit.close_position(gone, "ess-2")

    assert floor.flat


def listed(*rows: object, cursor: object = "") -> str:
    """A page as the exchange sends it."""
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": rows, "nextPageCursor": cursor}})


ROW = {"symbol": "BTCUSDT", "side": "Buy"}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.POSITIONS, "{}"),
        (Operation.POSITIONS, "[]"),
        (Operation.POSITIONS, ""),
        (Operation.POSITIONS, "null"),
        (Operation.POSITIONS, '{"result":{"list":[]}}'),
        (Operation.POSITIONS, '{"retCode":0,"retMsg":"OK"}'),
        (Operation.POSITIONS, '{"retCode":0,"result":{"list":null}}'),
        (Operation.POSITIONS, listed({**ROW, "size": "1"})),
        (Operation.POSITIONS, listed({**ROW, "size": "1", "positionIdx": 2})),
        (Operation.POSITIONS, listed({**ROW, "size": "x", "positionIdx": 0})),
        (Operation.POSITIONS, listed({**ROW, "size": "1", "positionIdx": 0, "side": ""})),
        (Operation.ORDERS, '{"retCode":10016,"retMsg":"Server error.","result":{"list":[]}}'),
        (Operation.ORDERS, listed(ROW)),
        (Operation.ORDERS, listed(cursor=1)),
        (Operation.ORDERS, "<html></html>"),
    ],
)
async def test_a_reply_that_is_not_what_it_should_be_is_unknown(
    floor: Floor, bybit: BybitClient, operation: Operation, body: str
) -> None:
    """No garbled list of orders or positions reads as an empty one."""
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=operation, body=body))
    with pytest.raises(EssError):
        await bybit.snapshot()

    assert (await bybit.snapshot()).positions == ()


async def test_a_list_that_never_ends_is_unknown(floor: Floor, bybit: BybitClient) -> None:
    """Pages that always name a next one do not read for ever."""
    body = listed({**ROW, "size": "0", "positionIdx": 0}, cursor="a")
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS, body=body, times=None))
    with pytest.raises(EssError, match="does not end"):
        await bybit.snapshot()


async def test_a_flatten_ends_flat_through_dropped_and_empty_replies(floor: Floor, bybit: BybitClient) -> None:
    """With cancels and closes whose replies are lost, and an empty page, all ends flat, nothing grows or flips."""
    floor.rest_many("BTCUSDT", 21)
    for _ in range(2):
        floor.protect("ETHUSDT", "0.1")
    floor.hold("BTCUSDT", "2")
    floor.hold("ETHUSDT", "-3")
    opened = floor.venue.journal.last_seq
    for operation in (Operation.CANCEL, Operation.ORDER):
        floor.venue.faults.add(Fault(kind=FaultKind.DROP, operation=operation))
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS))
    await flatten(bybit, within=10)

    assert floor.flat
    assert floor.venue.faults.pending() == ()
    assert grew_or_flipped(floor.venue.journal.read(after=opened)) == []
