"""Conditional orders."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from ess_server.venue.paper.model import (
    ConditionalRequest,
    ConditionalStatus,
    LegSide,
    OrderRef,
    OrderStatus,
    Side,
    TriggerType,
)
from ess_server.venue.paper.refusal import Reason, Refused


def wish(side: str, trigger: str, at: str | None = None, quantity: str = "0.5", **more: object) -> ConditionalRequest:
    """Return a conditional order on BTCUSDT."""
    return ConditionalRequest(
        symbol="BTCUSDT",
        side=Side(side),
        trigger=TriggerType(trigger),
        trigger_price=None if at is None else Decimal(at),
        quantity=Decimal(quantity),
        **more,
    )


@pytest.mark.parametrize(
    ("side", "trigger", "at", "before", "fires"),
    [
        ("SELL", "STOP", "59000", "59000.1", "59000"),
        ("BUY", "STOP", "61000", "60999.9", "61000"),
        ("SELL", "TAKE_PROFIT", "61000", "60999.9", "61000"),
        ("BUY", "TAKE_PROFIT", "59000", "59000.1", "59000"),
    ],
)
def test_triggers_fire_exactly_at_their_mark(
    desk: Callable[..., object], *, side: str, trigger: str, at: str, before: str, fires: str
) -> None:
    """Property: each kind waits one tick before its trigger and places its order at it."""
    d = desk()
    item = d.books.place_conditional("a", wish(side, trigger, at))
    d.mark(before)
    assert (item.status, d.held()) == (ConditionalStatus.NEW, Decimal(0))
    d.mark(fires)
    assert (item.status, abs(d.held())) == (ConditionalStatus.TRIGGERED, Decimal("0.5"))
    assert d.account.find_order(OrderRef(item.order_id)).status is OrderStatus.FILLED


def test_a_trigger_already_reached_is_refused(desk: Callable[..., object]) -> None:
    """Property: a stop that the present mark would fire is refused."""
    d = desk()
    with pytest.raises(Refused) as caught:
        d.books.place_conditional("a", wish("SELL", "STOP", "60000"))
    assert caught.value.reason is Reason.WOULD_TRIGGER


def test_a_trailing_order_follows_and_fires_on_the_way_back(desk: Callable[..., object]) -> None:
    """Property: a trailing sell waits for its activation, keeps the highest mark and fires one callback below it."""
    d = desk()
    d.order("BUY", "0.5")
    item = d.books.place_conditional(
        "a",
        wish("SELL", "TRAILING", reduce_only=True, callback_percent=Decimal(1), activation_price=Decimal(61000)),
    )
    for mark in ("60000", "59000", "61000", "62000", "61380.1"):
        d.mark(mark)
        assert item.status is ConditionalStatus.NEW
    d.mark("61380")
    assert (item.status, d.held()) == (ConditionalStatus.TRIGGERED, Decimal(0))


def test_close_position_closes_the_whole_leg_whatever_its_size(desk: Callable[..., object]) -> None:
    """Property: a close-position stop takes the size that the leg has when it fires."""
    d = desk()
    d.order("BUY", "0.5")
    d.books.place_conditional("a", wish("SELL", "STOP", "59000", "0", close_position=True))
    d.order("BUY", "0.7")
    d.mark("58000")
    assert d.held() == 0


def test_a_fired_order_that_is_refused_opens_nothing(desk: Callable[..., object]) -> None:
    """Property: a reduce-only stop that fires without its position is REJECTED and changes nothing."""
    d = desk()
    item = d.books.place_conditional("a", wish("SELL", "STOP", "59000", reduce_only=True))
    d.mark("58000")
    assert (item.status, d.held()) == (ConditionalStatus.REJECTED, Decimal(0))
    assert not d.account.open_orders


def test_cancel_all_leaves_conditional_orders_and_the_other_way_round(desk: Callable[..., object]) -> None:
    """Property: ordinary and conditional orders are cancelled by calls of their own."""
    d = desk()
    order = d.order("BUY", "0.5", "59000")
    item = d.books.place_conditional("a", wish("SELL", "STOP", "58000"))
    assert d.books.cancel_all("a", "BTCUSDT") == [order]
    assert item.status is ConditionalStatus.NEW
    assert d.books.cancel_all_conditionals("a", "BTCUSDT") == [item]
    with pytest.raises(Refused):
        d.books.cancel_conditional("a", OrderRef(item.id))


def test_hedge_mode_triggers_close_their_own_leg(desk: Callable[..., object]) -> None:
    """Property: a stop on one leg leaves the other untouched."""
    d = desk(hedged=True)
    d.order("BUY", "0.5", leg="LONG")
    d.order("SELL", "0.5", leg="SHORT")
    d.books.place_conditional("a", wish("SELL", "STOP", "59000", leg=LegSide.LONG))
    d.mark("58000")
    assert (d.held("LONG"), d.held("SHORT")) == (Decimal(0), Decimal("-0.5"))
