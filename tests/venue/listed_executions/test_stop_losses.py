"""Executions by pull on exchanges whose lists cover all markets: which fills are stop losses."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from ess_server.venue.paper.model import ConditionalRequest, LegSide, Side, TriggerType
from tests.venue.listed_executions.desk import NEW, REJECTED, TRADE, Desk


@pytest.mark.parametrize("trigger", list(TriggerType))
async def test_a_protective_stop_that_fills_is_a_stop_loss(desk: Desk, trigger: TriggerType, *, hedged: bool) -> None:
    """Stops and trailing stops that can only reduce count; what takes profit does not."""
    leg = LegSide.LONG if hedged else LegSide.BOTH
    desk.floor.hold("BTCUSDT", "1", leg=leg.value)
    await desk.look()
    mark = desk.floor.books.market.mark("BTCUSDT")
    below = trigger is not TriggerType.TAKE_PROFIT
    target = (mark * (Decimal("0.97") if below else Decimal("1.03"))).quantize(Decimal(1))
    wanted = ConditionalRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        trigger=trigger,
        quantity=Decimal(1),
        trigger_price=None if trigger is TriggerType.TRAILING else target,
        callback_percent=Decimal(1) if trigger is TriggerType.TRAILING else None,
        leg=leg,
        reduce_only=not hedged,
    )
    desk.floor.books.place_conditional("main", wanted)
    desk.floor.books.set_mark("BTCUSDT", mark)
    desk.floor.books.set_mark("BTCUSDT", target)
    reports = await desk.look()

    assert [r.stop_loss for r in reports if r.execution_type is TRADE] == [below]
    assert all(r.reduce_only for r in reports)


async def test_a_stop_that_opens_is_no_stop_loss(desk: Desk) -> None:
    """An entry by a stop order is an ordinary fill."""
    desk.floor.protect("BTCUSDT", "1", reduce_only=False)
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal("0.89"))

    assert [r.stop_loss for r in await desk.look() if r.execution_type is TRADE] == [False]


async def test_a_refused_stop_is_told_once(desk: Desk) -> None:
    """A protective stop that fired for nothing is a rejected order, whichever part of the lists it stands in."""
    desk.floor.protect("BTCUSDT", "1")
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal("0.89"))
    for _ in range(7):
        await desk.look()

    assert Counter(r.execution_type for r in desk.told)[REJECTED] == 1


async def test_a_liquidation_is_a_stop_loss(desk: Desk) -> None:
    """What the exchange closes by force counts like a stop that was hit, and is named."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    desk.floor.books.liquidate("main", "BTCUSDT")

    assert [(r.execution_type, r.stop_loss, r.detail) for r in await desk.look()] == [
        (NEW, False, "liquidation by the exchange"),
        (TRADE, True, "liquidation by the exchange"),
    ]


def _conditional(desk: Desk, trigger: TriggerType, factor: str, **fields: Any) -> ConditionalRequest:
    mark = desk.floor.books.market.mark("BTCUSDT")
    price = (mark * Decimal(factor)).quantize(Decimal(1))
    return ConditionalRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        trigger=trigger,
        quantity=Decimal(1),
        trigger_price=price,
        reduce_only=True,
        **fields,
    )


@pytest.mark.parametrize("desk", ["okx"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "to", "counts"), [("oco", "0.97", True), ("oco", "1.03", False), ("trigger", "0.97", True)]
)
async def test_which_half_of_a_pair_fired_tells_a_stop_from_a_profit(
    desk: Desk,
    kind: str,
    to: str,
    counts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """OKX tells the half of a pair; of a trigger order, which tells nothing, the loss speaks."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    gain = _conditional(desk, TriggerType.TAKE_PROFIT, "1.03") if kind == "oco" else None
    wanted = _conditional(desk, TriggerType.STOP, "0.97", kind=kind, other=gain)
    desk.floor.books.place_conditional("main", wanted)
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal(to))

    assert [r.stop_loss for r in await desk.look() if r.execution_type is TRADE] == [counts]


@pytest.mark.parametrize("desk", ["bybit"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "counts"), [("StopLoss", True), ("PartialStopLoss", True), ("PartialTakeProfit", False)]
)
async def test_what_a_position_has_attached_is_known_by_its_name(
    desk: Desk,
    kind: str,
    counts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Bybit names the stop and the profit of a position, whole or in part."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    trigger, to = (TriggerType.STOP, "0.97") if counts else (TriggerType.TAKE_PROFIT, "1.03")
    desk.floor.books.place_conditional("main", _conditional(desk, trigger, to, kind=kind))
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal(to))

    assert [r.stop_loss for r in await desk.look() if r.execution_type is TRADE] == [counts]
