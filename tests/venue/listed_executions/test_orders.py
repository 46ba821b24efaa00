"""Executions by pull on exchanges whose lists cover all markets: orders and fills, each once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ess_server.core.errors import EssError
from ess_server.core.order_ids import closing_order_id
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.venue import bybit_executions, okx_executions
from ess_server.venue.listed_executions import OVERLAP_MS, ListedHistory
from ess_server.venue.paper import Fault, FaultKind, Operation
from ess_server.venue.paper.model import OrderRef
from tests.venue.listed_executions.desk import BTC, CANCELED, ETH, NEW, TRADE, Desk


def _types(reports: list[ExecutionReport]) -> list[tuple[ExecutionType, str]]:
    return [(r.execution_type, r.symbol) for r in reports]


async def test_orders_and_fills_are_told_as_they_are_on_the_venue(desk: Desk) -> None:
    """Account, market, side, quantity in base units, price, the venue's time; once each, however often one looks."""
    order = desk.floor.rest("ETHUSDT", "-2")
    desk.floor.hold("BTCUSDT", "0.5")
    rested, sent, filled = await desk.look()

    assert (rested.execution_type, rested.side, rested.quantity, rested.price) == (
        NEW,
        "sell",
        Decimal(2),
        order.price,
    )
    assert (sent.execution_type, sent.quantity, sent.price) == (NEW, Decimal("0.5"), None)
    [fill] = desk.floor.account.fills
    assert (filled.execution_type, filled.side, filled.quantity) == (TRADE, "buy", fill.quantity)
    assert (filled.price, filled.stop_loss, filled.symbol) == (fill.price, False, BTC)
    assert {r.account for r in desk.told} == {"main"}
    assert abs(filled.time - datetime.now(UTC)) < timedelta(seconds=5)
    desk.reopen()
    assert [await desk.look() for _ in range(2)] == [[], []]


async def test_old_orders_that_fill_are_told_with_their_age(desk: Desk) -> None:
    """A resting order from before reading began is accepted then and not now: it is no order after a stop."""
    order = desk.floor.rest("BTCUSDT", "1")
    desk.history = ListedHistory()
    desk.reopen()
    assert not await desk.look()
    assert order.price is not None
    desk.floor.books.set_mark("BTCUSDT", order.price)
    accepted, filled = await desk.look()

    assert _types([accepted, filled]) == [(NEW, BTC), (TRADE, BTC)]
    assert accepted.time < filled.time


async def test_orders_that_end_unfilled_are_told(desk: Desk) -> None:
    """Cancelled within half a minute of their acceptance; told once each."""
    cancelled = desk.floor.rest("BTCUSDT", "1")
    await desk.look()
    desk.floor.books.cancel("main", "BTCUSDT", OrderRef(id=cancelled.id))

    assert _types(await desk.look()) == [(CANCELED, BTC)]
    assert not await desk.look()


async def test_closes_for_a_stop_are_left_out(desk: Desk) -> None:
    """The flatten's own orders are not what engines did, in whatever letters the venue lets them be named."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    (held,) = (await desk.client.snapshot()).positions
    await desk.client.close_position(held, closing_order_id("stop-1", "abc", 1))

    assert not desk.floor.positions
    assert not await desk.look()


async def test_pages_are_read_to_their_end(desk: Desk) -> None:
    """More orders and fills than the largest page holds are all told."""
    for _ in range(60):
        desk.floor.hold("BTCUSDT", "0.1")
        desk.floor.hold("BTCUSDT", "-0.1")
    await desk.look()

    assert Counter(r.execution_type for r in desk.told) == {NEW: 120, TRADE: 120}


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize(
    "body", ["null", "{}", "<html>", '{"code":"0","data":[{}],"retCode":0,"result":{"list":[{}]}}']
)
async def test_a_failed_look_loses_and_repeats_nothing(desk: Desk, part: int, body: str) -> None:
    """Whichever request of a look brings garbage: it fails, and the next one tells what is missing, and only that."""
    resting = desk.floor.rest("BTCUSDT", "1")
    await desk.look()
    assert resting.price is not None
    desk.floor.books.set_mark("BTCUSDT", resting.price)
    desk.floor.hold("ETHUSDT", "1")
    for n in range(part + 1):
        kind = FaultKind.BODY if n == part else FaultKind.DELAY
        desk.floor.venue.faults.add(Fault(kind=kind, operation=Operation.ORDERS, body=body))
    try:
        await desk.look()
    except EssError:
        assert not desk.floor.venue.faults.pending()
    desk.floor.venue.faults.clear()
    await desk.look()

    assert Counter(_types(desk.told)) == {(NEW, BTC): 1, (TRADE, BTC): 1, (NEW, ETH): 1, (TRADE, ETH): 1}


async def test_more_than_a_look_reads_is_told_and_not_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are told, the failure says that some are missing, and the look after half a minute is whole again."""
    monkeypatch.setattr(okx_executions, "MAX_PAGES", 1)
    monkeypatch.setattr(bybit_executions, "MAX_PAGES", 1)
    for _ in range(60):
        desk.floor.hold("BTCUSDT", "0.1")
        desk.floor.hold("BTCUSDT", "-0.1")
    with pytest.raises(EssError, match="not all of them were read"):
        await desk.look()
    assert Counter(r.execution_type for r in desk.told)[TRADE] == 100
    desk.history.read_to += OVERLAP_MS + 1

    assert not await desk.look()
