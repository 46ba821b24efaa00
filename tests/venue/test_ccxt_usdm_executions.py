"""Executions by pull: real ccxt against a paper venue on which an engine trades."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError
from ess_server.core.flatten import ReadBudgetError
from ess_server.core.order_ids import closing_order_id
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.core.venue_snapshot import Position
from ess_server.venue.budget import Purpose, RequestBudget
from ess_server.venue.ccxt_usdm import BUDGET, BinanceUsdmClient
from ess_server.venue.paper import Fault, FaultKind, Operation
from ess_server.venue.paper.model import ConditionalRequest, LegSide, OrderRef, Side, TriggerType

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
NEW, TRADE, CANCELED, REJECTED, EXPIRED = (
    ExecutionType.NEW,
    ExecutionType.TRADE,
    ExecutionType.CANCELED,
    ExecutionType.REJECTED,
    ExecutionType.EXPIRED,
)

GARBAGE = ["null", "{}", "<html>", "[1]", '[{"symbol": "BTCUSDT"}]', '{"positions": [{}], "assets": []}']


class Reader:
    """A client that has looked once, and what it told since."""

    def __init__(self, client: BinanceUsdmClient) -> None:
        self.client = client
        self.told: list[ExecutionReport] = []

    async def look(self) -> list[ExecutionReport]:
        """Look; returns what is new."""
        before = len(self.told)
        await self.client.executions(self.told.extend)
        return self.told[before:]


@pytest.fixture
async def reader(client: BinanceUsdmClient) -> Reader:
    """A reader of the account; what was there before the test is told already."""
    made = Reader(client)
    await made.look()
    return made


def _types(reports: list[ExecutionReport]) -> list[tuple[ExecutionType, str]]:
    return [(r.execution_type, r.symbol) for r in reports]


async def test_orders_and_fills_are_told_as_they_are_on_the_venue(floor: Any, reader: Reader) -> None:
    """Account, market, side, quantity, price, ids and the venue's time; each of them once, however often one looks."""
    order = floor.rest("ETHUSDT", "-2")
    floor.hold("BTCUSDT", "0.5")
    rested, sent, filled = await reader.look()

    assert (rested.execution_type, rested.side, rested.price) == (NEW, "sell", order.price)
    assert (sent.execution_type, sent.quantity, sent.price) == (NEW, Decimal("0.5"), None)
    [fill] = floor.account.fills
    assert (filled.execution_type, filled.side, filled.quantity, filled.price) == (
        TRADE,
        "buy",
        fill.quantity,
        fill.price,
    )
    assert filled.client_order_id == sent.client_order_id != rested.client_order_id
    assert {r.account for r in reader.told} == {"main"}
    assert abs(filled.time - datetime.now(UTC)) < timedelta(seconds=5)
    assert [await reader.look() for _ in range(3)] == [[], [], []]


async def test_what_was_before_the_first_look_is_not_told(floor: Any, client: BinanceUsdmClient) -> None:
    """Reading begins now: positions and orders that are there already are no news, whatever they did."""
    floor.hold("BTCUSDT", "1")
    floor.rest("BTCUSDT", "1")
    await client.prepare()
    reader = Reader(client)

    assert not await reader.look()
    assert not await reader.look()
    floor.hold("BTCUSDT", "-1")
    assert _types(await reader.look()) == [(NEW, BTC), (TRADE, BTC)]


async def test_a_round_trip_between_two_looks_is_seen(floor: Any, reader: Reader) -> None:
    """A position that was opened and closed meanwhile leaves no trace in the account's positions."""
    floor.hold("BTCUSDT", "1")
    floor.hold("BTCUSDT", "-1")

    assert Counter(_types(await reader.look())) == {(NEW, BTC): 2, (TRADE, BTC): 2}


async def test_old_orders_that_fill_are_told_with_their_age(
    floor: Any, connect: Callable[..., BinanceUsdmClient]
) -> None:
    """A resting order from before the first look is accepted then and not now: it is no order after a stop."""
    order = floor.rest("BTCUSDT", "1")
    reader = Reader(connect(floor))
    await reader.look()
    floor.books.set_mark("BTCUSDT", order.price)
    accepted, filled = await reader.look()

    assert _types([accepted, filled]) == [(NEW, BTC), (TRADE, BTC)]
    assert accepted.time < filled.time
    assert accepted.client_order_id == filled.client_order_id


@pytest.mark.parametrize("trigger", list(TriggerType))
@pytest.mark.parametrize("hedged", [False, True])
async def test_a_protective_stop_that_fills_is_a_stop_loss(
    open_floor: Callable[..., Awaitable[Any]],
    connect: Callable[..., BinanceUsdmClient],
    trigger: TriggerType,
    hedged: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Stops and trailing stops that can only reduce count; what takes profit, or opens, does not."""
    floor = await open_floor(hedged=hedged)
    reader = Reader(connect(floor))
    leg = LegSide.LONG if hedged else LegSide.BOTH
    floor.hold("BTCUSDT", "1", leg=leg)
    await reader.look()
    mark = floor.books.market.mark("BTCUSDT")
    below = trigger is not TriggerType.TAKE_PROFIT
    target = (mark * (Decimal("0.97") if below else Decimal("1.03"))).quantize(Decimal(1))
    floor.books.place_conditional(
        "main",
        ConditionalRequest(
            symbol="BTCUSDT",
            side=Side.SELL,
            trigger=trigger,
            quantity=Decimal(1),
            trigger_price=None if trigger is TriggerType.TRAILING else target,
            callback_percent=Decimal(1) if trigger is TriggerType.TRAILING else None,
            leg=leg,
            reduce_only=not hedged,
        ),
    )
    floor.books.set_mark("BTCUSDT", mark)
    floor.books.set_mark("BTCUSDT", target)
    reports = await reader.look()

    assert [r.stop_loss for r in reports if r.execution_type is TRADE] == [below]
    assert all(r.reduce_only for r in reports)


async def test_a_stop_that_opens_is_no_stop_loss(floor: Any, reader: Reader) -> None:
    """An entry by a stop order is an ordinary fill."""
    floor.protect("BTCUSDT", "1", reduce_only=False)
    floor.books.set_mark("BTCUSDT", floor.books.market.mark("BTCUSDT") * Decimal("0.89"))

    assert [(r.execution_type, r.stop_loss) for r in await reader.look()] == [(NEW, False), (TRADE, False)]


async def test_a_refused_stop_is_told(floor: Any, reader: Reader) -> None:
    """A protective stop that fired for nothing is a rejected order, once."""
    floor.rest("BTCUSDT", "1")
    floor.protect("BTCUSDT", "1")
    floor.books.set_mark("BTCUSDT", floor.books.market.mark("BTCUSDT") * Decimal("0.89"))
    floor.books.cancel_all("main", "BTCUSDT")
    floor.rest("BTCUSDT", "1")
    reports = [*await reader.look(), *await reader.look()]

    assert [r.detail for r in reports if r.execution_type is REJECTED] == [
        "a protective stop fired and its order was refused"
    ]


async def test_orders_that_end_unfilled_are_told(floor: Any, reader: Reader) -> None:
    """Cancelled and expired, within half a minute of their acceptance; told once each."""
    cancelled, expired = floor.rest("BTCUSDT", "1"), floor.rest("ETHUSDT", "1")
    await reader.look()
    floor.books.cancel("main", "BTCUSDT", OrderRef(id=cancelled.id))
    floor.books.expire_all("main", "ETHUSDT")

    assert [(r.execution_type, r.client_order_id) for r in await reader.look()] == [
        (CANCELED, cancelled.client_id),
        (EXPIRED, expired.client_id),
    ]
    assert not await reader.look()


async def test_a_liquidation_is_a_stop_loss(floor: Any, reader: Reader) -> None:
    """What the exchange closes by force counts like a stop that was hit, and is named."""
    floor.hold("BTCUSDT", "1")
    await reader.look()
    floor.books.liquidate("main", "BTCUSDT")

    assert [(r.execution_type, r.stop_loss, r.detail) for r in await reader.look()] == [
        (NEW, False, "liquidation by the exchange"),
        (TRADE, True, "liquidation by the exchange"),
    ]


async def test_closes_for_a_stop_are_left_out(floor: Any, reader: Reader) -> None:
    """The flatten's own orders are not what engines did: they neither trip nor count as orders after the stop."""
    floor.hold("BTCUSDT", "1")
    await reader.look()
    held = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    await reader.client.close_position(held, closing_order_id("stop-1", "abc", 1))

    assert not floor.positions
    assert not await reader.look()
    floor.hold("BTCUSDT", "1")
    assert len(await reader.look()) == 2


@pytest.mark.parametrize("path", ["allOrders", "userTrades", "allAlgoOrders", "account", "/order"])
@pytest.mark.parametrize("body", GARBAGE)
async def test_a_failed_look_loses_and_repeats_nothing(
    floor: Any, connect: Callable[..., BinanceUsdmClient], path: str, body: str
) -> None:
    """Whichever part of a look brings garbage: it fails, and the next one tells what is missing, and only that."""
    resting = floor.rest("BTCUSDT", "1")
    reader = Reader(connect(floor))
    await reader.look()
    floor.books.set_mark("BTCUSDT", resting.price)
    floor.hold("ETHUSDT", "1")
    operation = Operation.BALANCE if path == "account" else Operation.ORDERS
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=operation, path=path, body=body))
    with pytest.raises(EssError):
        await reader.look()
    await reader.look()

    assert Counter(_types(reader.told)) == {(NEW, BTC): 1, (TRADE, BTC): 1, (NEW, ETH): 1, (TRADE, ETH): 1}
    assert not await reader.look()


async def test_a_look_costs_little_and_never_more_than_its_bound(
    floor: Any, connect: Callable[..., BinanceUsdmClient]
) -> None:
    """A quiet look reads the orders, and the account unless equity was; a busy one eight markets and no more."""
    # The venue counts by the minute, and one of its minutes begins now.
    floor.venue.clock.skew = -timedelta(seconds=datetime.now(UTC).second)
    reader = Reader(connect(floor))
    await reader.look()

    async def weight() -> int:
        before = floor.venue.limiter.used_weight("127.0.0.1")
        await reader.look()
        return int(floor.venue.limiter.used_weight("127.0.0.1") - before)

    assert await weight() == 10
    await reader.client.equity()
    assert await weight() == 5
    floor.trade_everywhere(12)
    busy = [await weight() for _ in range(4)]
    assert busy == [10 + 8 * 10 + 5] * 3 + [15]
    assert Counter(r.execution_type for r in reader.told) == {NEW: 36, TRADE: 12}


async def test_looks_wait_while_others_need_the_budget(floor: Any, connect: Callable[..., BinanceUsdmClient]) -> None:
    """At the reserve executions are put off, equity is still read, and a later look tells everything."""
    client = connect(floor)
    reader = Reader(client)
    await reader.look()
    floor.hold("BTCUSDT", "1")
    budget = client._budget
    assert isinstance(budget, RequestBudget)
    budget.read(BUDGET.burst - BUDGET.reserve - 60, Purpose.FLATTEN)
    with pytest.raises(ReadBudgetError) as put_off:
        await reader.look()
    await client.equity()
    assert put_off.value.delay < timedelta(seconds=10)
    clock = SystemClock()
    budget._filled = clock.uptime() - 60

    assert _types(await reader.look()) == [(NEW, BTC), (TRADE, BTC)]
