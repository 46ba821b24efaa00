"""The OKX client: real ccxt reads, cancels and closes on the paper venue over TLS."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.flatten import BelowMinimumError
from ess_server.core.venue_snapshot import OpenOrder, Position
from ess_server.venue import ccxt_okx
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_okx import BUDGET, OkxClient
from ess_server.venue.paper import Fault, FaultKind, Operation, grew_or_flipped
from ess_server.venue.paper.model import ConditionalRequest, Side, TriggerType
from ess_server.venue.reading import complete
from ess_server.venue.strict import VenueError
from tests.venue.clients import flatten
from tests.venue.floor import Floor

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def stop(floor: Floor, kind: str, trigger: TriggerType = TriggerType.STOP) -> None:
    """Place a conditional order of a kind."""
    trailing = trigger is TriggerType.TRAILING
    wanted = ConditionalRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        trigger=trigger,
        quantity=Decimal(1),
        trigger_price=None if trailing else Decimal(50000),
        callback_percent=Decimal(5) if trailing else None,
        kind=kind,
    )
    floor.books.place_conditional("main", wanted)


async def test_orders_of_all_pages_and_all_kinds_are_read_and_cancelled(floor: Floor, okx: OkxClient) -> None:
    """A hundred and one orders and every kind of conditional order are shown, and gone after one cancel."""
    floor.rest_many("BTCUSDT", 101)
    for kind in ("conditional", "oco", "trigger"):
        stop(floor, kind)
    stop(floor, "", TriggerType.TRAILING)
    shown = await complete(okx)

    assert (len(shown.orders), sum(o.conditional for o in shown.orders), shown.unnamed) == (105, 4, ())
    await okx.cancel(shown.orders)
    assert floor.flat


async def test_what_is_held_in_both_margin_modes_is_one_position_and_closes(floor: Floor, okx: OkxClient) -> None:
    """Cross and isolated rows of one side are summed up in base units, and each is closed in its own mode."""
    floor.hold("BTCUSDT", "2")
    floor.hold("BTCUSDT", "1", isolated=True)
    floor.hold("ETHUSDT", "-3", isolated=True)
    positions = (await okx.snapshot()).positions

    assert set(positions) == {
        Position(symbol=BTC, long=True, quantity=Decimal(3), hedged=False),
        Position(symbol=ETH, long=False, quantity=Decimal(3), hedged=False),
    }
    for number, position in enumerate(positions):
        await okx.close_position(position, f"ess-{number}")
    assert floor.flat


async def test_both_legs_of_long_short_mode_close_by_their_leg(floor: Floor, okx: OkxClient) -> None:
    """In long/short mode each leg is a position, and its close leaves the other."""
    floor.venue.books.set_hedged("main", hedged=True)
    floor.hold("BTCUSDT", "1", leg="LONG")
    floor.hold("BTCUSDT", "-1", leg="SHORT")
    long, short = sorted((await okx.snapshot()).positions, key=lambda p: not p.long)
    await okx.close_position(long, "ess-1")

    assert (await okx.snapshot()).positions == (short,)
    assert (short.hedged, short.quantity) == (True, 1)


async def test_a_close_is_split_at_the_market_maximum(floor: Floor, okx: OkxClient) -> None:
    """A position above what one market order may be goes in equal parts whose ids the venue takes."""
    for _ in range(3):
        floor.hold("BTCUSDT", "100")
    [position] = (await okx.snapshot()).positions
    await okx.close_position(position, "ess-1234abcd-77-1")

    closes = [e.details for e in floor.venue.journal.read(kinds=["order"]) if e.details["reduces"]]
    assert [c["quantity"] for c in closes] == [100, 100, 100]
    assert [c["client_id"] for c in closes] == [f"essx1234abcdx77x1x{n}" for n in range(3)]
    assert floor.flat


async def test_a_close_that_comes_late_is_not_carried_out(
    floor: Floor, okx: OkxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close carries an expiry: the venue refuses it when it arrives after that, also when it is sent once more."""
    monkeypatch.setattr(ccxt_okx, "SEND_WINDOW_MS", 50)
    floor.hold("BTCUSDT", "1")
    [position] = (await okx.snapshot()).positions
    late = Fault(
        kind=FaultKind.DELAY, operation=Operation.ORDER, delay=timedelta(milliseconds=100), applied=False, times=2
    )
    floor.venue.faults.add(late)
    with pytest.raises(EssError, match="50036"):
        await okx.close_position(position, "ess-1")

    assert not floor.flat
    assert floor.venue.faults.pending() == ()


async def test_a_wrong_clock_costs_one_refusal(floor: Floor, okx: OkxClient) -> None:
    """Where the venue finds a close too old because the clock was measured badly, it is measured anew."""
    floor.hold("BTCUSDT", "1")
    [position] = (await okx.snapshot()).positions
    okx._markets._ahead_ms += 5000
    await okx.close_position(position, "ess-1")

    assert floor.flat


async def test_a_close_that_waits_for_its_turn_does_not_grow_old(
    floor: Floor, okx: OkxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The validity begins when a request goes out: one that waits behind others is in time all the same."""
    monkeypatch.setattr(ccxt_okx, "SEND_WINDOW_MS", 200)
    floor.hold("BTCUSDT", "1")
    [position] = (await okx.snapshot()).positions
    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        for _ in range(ccxt_okx.CONCURRENCY):
            await okx._slots.acquire()
        group.create_task(okx.close_position(position, "ess-1"))
        await asyncio.sleep(0.3)  # longer than the validity
        for _ in range(ccxt_okx.CONCURRENCY):
            okx._slots.release()

    assert floor.flat


async def test_a_close_needs_a_snapshot_and_a_size(floor: Floor, okx: OkxClient) -> None:
    """A position that was not shown is not guessed at; less than a lot is below the minimum."""
    wanted = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    with pytest.raises(VenueUnknownError, match="margin mode"):
        await okx.close_position(wanted, "ess-1")
    floor.hold("BTCUSDT", "1")
    await okx.snapshot()
    dust = Position(symbol=BTC, long=True, quantity=Decimal("0.0001"), hedged=False)
    with pytest.raises(BelowMinimumError):
        await okx.close_position(dust, "ess-2")

    assert floor.venue.journal.read(kinds=["refused"]) == []


async def test_a_size_that_is_no_multiple_of_the_lot_is_not_dust(floor: Floor, okx: OkxClient) -> None:
    """The exchange has changed its lots: what is held is asked to be closed again, not called too small."""
    floor.hold("BTCUSDT", "2")
    [position] = (await okx.snapshot()).positions
    body = '{"code":"1","msg":"","data":[{"sCode":"51121","sMsg":"no multiple of the lot size"}]}'
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.ORDER, body=body))
    with pytest.raises(VenueError, match="51121"):
        await okx.close_position(position, "ess-1")


async def test_a_cancel_that_is_refused_raises_and_the_rest_is_cancelled(floor: Floor, okx: OkxClient) -> None:
    """One order of a batch that cannot be named does not keep the others, and is told."""
    floor.rest_many("BTCUSDT", 25)
    shown = await okx.snapshot()
    strange = OpenOrder(id="1", symbol="NO-SUCH-SWAP", conditional=False, reduce_only=False)
    gone = OpenOrder(id="1", symbol=BTC, conditional=False, reduce_only=False)
    with pytest.raises(EssError, match="51001"):
        await okx.cancel([*shown.orders, gone, strange])

    assert floor.flat


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.POSITIONS, "{}"),
        (Operation.POSITIONS, "[]"),
        (Operation.POSITIONS, ""),
        (Operation.POSITIONS, '{"code":"0","msg":""}'),
        (Operation.POSITIONS, '{"code":"0","data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","pos":"1"}]}'),
        (Operation.ORDERS, '{"code":"1","data":[{"sCode":"0"}]}'),
        (Operation.ORDERS, '{"code":"0","data":[[]]}'),
        (Operation.ORDERS, '{"code":"0","data":[{"instId":"BTC-USDT-SWAP","side":"buy"}]}'),
        (Operation.ORDERS, "<html></html>"),
    ],
)
async def test_a_reply_that_is_not_what_it_should_be_is_unknown(
    floor: Floor, okx: OkxClient, operation: Operation, body: str
) -> None:
    """No garbled list of orders or positions reads as an empty one."""
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=operation, body=body))
    with pytest.raises(EssError):
        await okx.snapshot()

    assert (await okx.snapshot()).positions == ()


async def test_one_endpoints_limit_stops_no_other(floor: Floor, okx: OkxClient) -> None:
    """A refusal for one endpoint's rate is an error of that call only."""
    floor.rest("BTCUSDT", "0.1")
    shown = await okx.snapshot()
    refusal = Fault(kind=FaultKind.STATUS, status=429, body='{"code":"50011","msg":"Too Many Requests","data":[]}')
    floor.venue.faults.add(refusal)
    with pytest.raises(EssError, match="50011"):
        await okx.equity()
    await okx.cancel(shown.orders)

    assert floor.flat


async def test_a_wrong_clock_is_set_and_the_call_made_again(floor: Floor, okx: OkxClient) -> None:
    """Half a minute of skew costs one more request."""
    floor.venue.clock.skew = timedelta(seconds=-40)
    floor.hold("BTCUSDT", "1")

    assert len((await okx.snapshot()).positions) == 1


async def test_a_market_that_cannot_be_looked_up_is_closed_under_its_own_id(floor: Floor, okx: OkxClient) -> None:
    """An unknown contract is read in contracts, named as unknown, and closed."""
    floor.hold("BTCUSDT", "1")
    for known in (okx._markets._symbols, okx._markets._ids, okx._markets._details):
        known.clear()
    okx._markets._symbols["X"] = "X"
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path="instruments", status=500, times=None))
    shown = await okx.snapshot()
    await okx.close_position(shown.positions[0], "ess-1")

    assert shown.unnamed == ("BTC-USDT-SWAP",)
    assert floor.flat


async def test_a_flatten_ends_flat_and_nothing_grows(floor: Floor, okx: OkxClient) -> None:
    """The whole flatten, through dropped sends, ends flat by the venue's own books."""
    floor.venue.set_limits(endpoint_percent=None)
    okx._budget = RequestBudget(SystemClock().uptime, replace(BUDGET, per_second=2000))
    floor.rest_many("BTCUSDT", 3)
    stop(floor, "oco")
    floor.hold("BTCUSDT", "2")
    floor.hold("ETHUSDT", "-3", isolated=True)
    for operation in (Operation.CANCEL, Operation.ORDER):
        floor.venue.faults.add(Fault(kind=FaultKind.DROP, operation=operation))
    await flatten(okx, within=10)

    assert floor.flat
    fills = floor.venue.journal.read(kinds=["fill"])
    assert grew_or_flipped(entry for entry in fills if entry.details["reduces"]) == []
