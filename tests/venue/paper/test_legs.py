"""Cross and isolated legs of one symbol, and conditional orders in pairs."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ess_server.venue.paper.model import (
    ConditionalRequest,
    ConditionalStatus,
    OrderRequest,
    OrderType,
    Side,
    TriggerType,
)
from ess_server.venue.paper.refusal import Reason, Refused


def market(side: Side, quantity: str, *, isolated: bool, reduce_only: bool = False) -> OrderRequest:
    """A market order for the cross or the isolated leg."""
    return OrderRequest(
        symbol="BTCUSDT",
        side=side,
        type=OrderType.MARKET,
        quantity=Decimal(quantity),
        isolated=isolated,
        reduce_only=reduce_only,
    )


def test_cross_and_isolated_legs_are_apart(desk: Callable[..., Any]) -> None:
    """Property: an order that names the cross leg neither closes nor counts against the isolated one."""
    books = (made := desk()).books
    books.place("a", market(Side.BUY, "2", isolated=True))
    with pytest.raises(Refused) as refused:
        books.place("a", market(Side.SELL, "2", isolated=False, reduce_only=True))
    assert refused.value.reason is Reason.REDUCE_ONLY_REJECTED
    books.place("a", market(Side.SELL, "1", isolated=False))
    assert {(leg.isolated, leg.quantity) for leg in made.account.positions()} == {
        (True, Decimal(2)),
        (False, Decimal(-1)),
    }
    books.liquidate("a", "BTCUSDT")
    assert list(made.account.positions()) == []


def test_one_half_of_a_pair_ends_both(desk: Callable[..., Any]) -> None:
    """Property: whichever half is reached first places its order, once; the other never fires."""
    books = (made := desk()).books
    made.order("BUY", "1")
    half: dict[str, Any] = {"symbol": "BTCUSDT", "side": Side.SELL, "quantity": Decimal(1), "reduce_only": True}
    gain = ConditionalRequest(**half, trigger=TriggerType.TAKE_PROFIT, trigger_price=Decimal(61000))
    loss = ConditionalRequest(**half, trigger=TriggerType.STOP, trigger_price=Decimal(59000), other=gain)
    placed = books.place_conditional("a", loss)
    made.mark("61000")
    assert (placed.status, made.held()) == (ConditionalStatus.TRIGGERED, 0)
    made.order("BUY", "1")
    made.mark("58000")
    assert made.held() == 1


def test_both_halves_of_a_pair_are_checked(desk: Callable[..., Any]) -> None:
    """Property: a pair of which one half would fire at once is refused as a whole."""
    half: dict[str, Any] = {"symbol": "BTCUSDT", "side": Side.SELL, "quantity": Decimal(1)}
    gain = ConditionalRequest(**half, trigger=TriggerType.TAKE_PROFIT, trigger_price=Decimal(59000))
    loss = ConditionalRequest(**half, trigger=TriggerType.STOP, trigger_price=Decimal(59000), other=gain)
    made = desk()
    with pytest.raises(Refused) as refused:
        made.books.place_conditional("a", loss)
    assert refused.value.reason is Reason.WOULD_TRIGGER
    assert made.account.open_conditionals == {}
