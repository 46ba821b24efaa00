"""The Bybit client: real ccxt reads, cancels and closes on the paper venue over TLS."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError
from ess_server.core.flatten import BelowMinimumError, FlattenSettings, LocalFlattener
from ess_server.core.model import Account, Action, Work
from ess_server.core.venue_snapshot import Position
from ess_server.testing.waiting import eventually
from ess_server.venue.budget import RequestBudget
from ess_server.venue.bybit_calls import LIMIT_PAUSE_S
from ess_server.venue.ccxt_bybit import BUDGET, BybitClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import (
    Fault,
    FaultKind,
    Operation,
    PaperConfig,
    PaperVenue,
    grew_or_flipped,
    open_session,
)
from ess_server.venue.paper.model import ConditionalRequest, LegSide, OrderRequest, OrderType, Side, TriggerType

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
QUICK = FlattenSettings(
    verify_gap=timedelta(milliseconds=30),
    quiet_window=timedelta(milliseconds=60),
    sweep_interval=timedelta(milliseconds=300),
)


class Floor:
    """A paper venue, an account on it, and the hands of an engine."""

    def __init__(self, venue: PaperVenue, client: BybitClient) -> None:
        self.venue = venue
        self.client = client
        self.account = venue.books.account("main")

    def hold(self, symbol: str, quantity: str, leg: LegSide = LegSide.BOTH) -> None:
        """Trade so much, sold below zero."""
        amount = Decimal(quantity)
        side = Side.BUY if amount > 0 else Side.SELL
        wanted = OrderRequest(symbol=symbol, side=side, type=OrderType.MARKET, quantity=abs(amount), leg=leg)
        self.venue.books.place("main", wanted)

    def rest(self, symbol: str, count: int = 1) -> None:
        """Place buys that rest."""
        price = Decimal(int(self.venue.books.market.mark(symbol) * Decimal("0.98")))
        for _ in range(count):
            wanted = OrderRequest(
                symbol=symbol, side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.1"), price=price
            )
            self.venue.books.place("main", wanted)

    def stop(self, symbol: str, count: int = 1) -> None:
        """Place stops that reduce."""
        wanted = ConditionalRequest(
            symbol=symbol,
            side=Side.SELL,
            trigger=TriggerType.STOP,
            quantity=Decimal("0.1"),
            trigger_price=Decimal(1000),
            reduce_only=True,
        )
        for _ in range(count):
            self.venue.books.place_conditional("main", wanted)

    @property
    def flat(self) -> bool:
        """Whether the venue's own books have neither order nor position."""
        account = self.account
        return not (account.open_orders or account.open_conditionals or any(account.positions()))


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    """A venue in one-way mode with a prepared client."""
    async with AsyncExitStack() as stack:
        venue = PaperVenue(PaperConfig(tick=None))
        venue.add_account("main", key="k", secret="s", balances={"USDT": Decimal(10**9)})
        await venue.start(cert_dir=tmp_path)
        stack.push_async_callback(venue.stop)
        clock = SystemClock()
        client = BybitClient(
            Account(id="main", venue="v"),
            Credentials("k", "s"),
            clock=clock,
            budget=RequestBudget(clock.uptime, BUDGET),
            session=open_session(venue.ca_file, "127.0.0.1", venue.port),
        )
        stack.push_async_callback(client.aclose)
        await client.prepare()
        yield Floor(venue, client)


async def test_orders_of_all_pages_are_read_and_cancelled_at_once(floor: Floor) -> None:
    """Over a hundred orders of both kinds on four symbols are shown, and gone by one cancel per settle coin."""
    floor.rest("BTCUSDT", 91)
    floor.stop("ETHUSDT", 10)
    floor.rest("SOLUSDT")
    floor.rest("BNBUSDT")
    floor.venue.set_limits(endpoint_percent=20)
    shown = await floor.client.snapshot()

    told = [(o.symbol, o.conditional, o.reduce_only) for o in shown.orders]
    assert (told.count((BTC, False, False)), told.count((ETH, True, True)), shown.unnamed) == (91, 10, ())
    await floor.client.cancel(shown.orders)
    assert floor.flat
    assert floor.venue.journal.read(kinds=["limited"]) == []


async def test_orders_of_a_few_symbols_take_no_other_symbols_with_them(floor: Floor) -> None:
    """An order on a symbol that is not stopped, placed just before the cancel, stays."""
    floor.rest("BTCUSDT")
    floor.rest("ETHUSDT")
    shown = await floor.client.snapshot()
    floor.rest("SOLUSDT")
    await floor.client.cancel(shown.orders)

    assert [o.symbol for o in (await floor.client.snapshot()).orders] == ["SOL/USDT:USDT"]


async def test_a_part_of_a_symbols_orders_goes_by_name(floor: Floor) -> None:
    """Orders that are not given stay, and what is gone already is no error."""
    floor.rest("BTCUSDT", 4)
    floor.stop("BTCUSDT", 3)
    floor.rest("ETHUSDT")
    shown = (await floor.client.snapshot()).orders
    given = [o for o in shown if o.symbol == BTC and not o.conditional][1:]
    for _ in range(2):
        await floor.client.cancel(given)

    assert {o.id for o in (await floor.client.snapshot()).orders} == {o.id for o in shown} - {o.id for o in given}
    assert (len(floor.account.open_conditionals), len(floor.account.open_orders)) == (3, 2)


async def test_both_legs_of_hedge_mode_close_by_their_leg(floor: Floor) -> None:
    """In hedge mode each leg is a position, and its close leaves the other."""
    floor.venue.books.set_hedged("main", hedged=True)
    floor.hold("BTCUSDT", "1", LegSide.LONG)
    floor.hold("BTCUSDT", "-1", LegSide.SHORT)
    long, short = sorted((await floor.client.snapshot()).positions, key=lambda p: not p.long)
    await floor.client.close_position(long, "ess-1")

    assert (await floor.client.snapshot()).positions == (short,)
    assert (short.hedged, short.quantity) == (True, Decimal(1))


async def test_a_close_is_split_at_the_market_maximum(floor: Floor) -> None:
    """A position above what one market order may be goes in equal parts, none of which grows or flips it."""
    for _ in range(3):
        floor.hold("BTCUSDT", "100")
    opened = floor.venue.journal.last_seq
    [position] = (await floor.client.snapshot()).positions
    await floor.client.close_position(position, "ess-1234abcd-77-1")

    closes = [e.details for e in floor.venue.journal.read(kinds=["order"], after=opened)]
    assert [(c["quantity"], c["client_id"]) for c in closes] == [(100, f"ess-1234abcd-77-1-{n}") for n in range(3)]
    assert grew_or_flipped(floor.venue.journal.read(after=opened)) == []
    assert floor.flat


async def test_sends_are_valid_below_two_seconds_and_reads_longer(floor: Floor) -> None:
    """What arrives two seconds old is refused as a send and taken as a read; the clock is then measured anew."""
    floor.hold("BTCUSDT", "1")
    floor.venue.clock.skew = timedelta(seconds=2)
    [position] = (await floor.client.snapshot()).positions
    assert floor.venue.journal.read(kinds=["refused"]) == []
    await floor.client.close_position(position, "ess-1")

    [late] = floor.venue.journal.read(kinds=["refused"])
    assert (late.details["code"], late.details["path"]) == (10002, "/v5/order/create")
    assert floor.flat


@pytest.mark.parametrize("refusals", [1, 2])
async def test_an_endpoints_limit_is_gone_round_or_waited_for(floor: Floor, refusals: int) -> None:
    """What is refused for the limit of single orders goes as a batch; if that is refused too, in the next second."""
    floor.hold("BTCUSDT", "1")
    [position] = (await floor.client.snapshot()).positions
    for _ in range(refusals):
        floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=10006))
    await floor.client.close_position(position, "ess-1")

    assert len(floor.venue.journal.read(kinds=["fault"])) == refusals
    assert floor.flat


async def test_twenty_positions_are_closed_within_the_limits_of_one_second(floor: Floor) -> None:
    """Ten by single orders and ten by batches of one: nobody waits, and no batch is refused."""
    for symbol in list(floor.venue.books.market.instruments)[:20]:
        floor.hold(symbol, "100")
    positions = (await floor.client.snapshot()).positions
    assert len(positions) == 20
    await asyncio.gather(*(floor.client.close_position(p, f"ess-{n}") for n, p in enumerate(positions)))

    limited = floor.venue.journal.read(kinds=["limited"])
    last = floor.venue.journal.read(kinds=["fill"])[-1]
    assert {entry.details["path"] for entry in limited} <= {"/v5/order/create"}
    assert all((last.at - entry.at).total_seconds() < LIMIT_PAUSE_S for entry in limited)
    assert floor.flat


async def test_what_a_batch_refuses_is_told_as_ever(floor: Floor) -> None:
    """The way round has the refusals of the straight one: too small is told apart from what is gone."""
    gone = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=10006))
    with pytest.raises(EssError, match="110017"):
        await floor.client.close_position(gone, "ess-1")

    assert not floor.account.fills


async def test_what_cannot_be_closed_is_told_apart(floor: Floor) -> None:
    """Less than a step is below the minimum; a position that is gone is an error, and nothing opens."""
    dust = Position(symbol=BTC, long=True, quantity=Decimal("0.0001"), hedged=False)
    with pytest.raises(BelowMinimumError):
        await floor.client.close_position(dust, "ess-1")
    gone = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    with pytest.raises(EssError, match="110017"):
        await floor.client.close_position(gone, "ess-2")

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
async def test_a_reply_that_is_not_what_it_should_be_is_unknown(floor: Floor, operation: Operation, body: str) -> None:
    """No garbled list of orders or positions reads as an empty one."""
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=operation, body=body))
    with pytest.raises(EssError):
        await floor.client.snapshot()

    assert (await floor.client.snapshot()).positions == ()


async def test_a_list_that_never_ends_is_unknown(floor: Floor) -> None:
    """Pages that always name a next one do not read for ever."""
    body = listed({**ROW, "size": "0", "positionIdx": 0}, cursor="a")
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS, body=body, times=None))
    with pytest.raises(EssError, match="does not end"):
        await floor.client.snapshot()


async def test_a_flatten_ends_flat_through_dropped_and_empty_replies(floor: Floor) -> None:
    """With cancels and closes whose replies are lost, and an empty page, all ends flat, nothing grows or flips."""
    floor.rest("BTCUSDT", 21)
    floor.stop("ETHUSDT", 2)
    floor.hold("BTCUSDT", "2")
    floor.hold("ETHUSDT", "-3")
    opened = floor.venue.journal.last_seq
    for operation in (Operation.CANCEL, Operation.ORDER):
        floor.venue.faults.add(Fault(kind=FaultKind.DROP, operation=operation))
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS))
    flattener = LocalFlattener(
        (floor.client,), clock=SystemClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=Action.FLATTEN)})
    await eventually(lambda: flattener.progress()["main"].status.is_flat, within=10)
    await flattener.stop()

    assert floor.flat
    assert floor.venue.faults.pending() == ()
    assert grew_or_flipped(floor.venue.journal.read(after=opened)) == []
