"""Execution errors: the same order again and again."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.readings import Clear, Trip, Warn
from tests.core.execution_reports import CANCELED, ORDER, REJECTED, TRADE, judge, times


@pytest.mark.parametrize(("count", "kind"), [(10, Trip), (9, Warn), (4, Clear)])
def test_the_same_order_again_and_again_at_the_limit_trips(count: int, kind: type) -> None:
    """A loop that has run away sends one order, under ever new ids or none; the order is named."""
    same = times(count, quantity=Decimal(2), price=Decimal(5))
    numbered = [replace(r, client_order_id=f"c{n}", execution_type=TRADE) for n, r in enumerate(same)]

    assert isinstance(judge(numbered, max_repeated_orders=10), kind)
    verdict = judge(same, max_repeated_orders=10)
    assert isinstance(verdict, kind)
    if isinstance(verdict, Trip):
        assert verdict.detail == (
            "account main: the same order (buy 2 BTC at 5) 10 times within 5 s reached the limit of 10"
        )


@pytest.mark.parametrize(
    "other", [{"symbol": "ETH"}, {"side": "sell"}, {"quantity": Decimal(3)}, {"price": Decimal(6)}, {"price": None}]
)
def test_orders_that_differ_in_anything_are_not_the_same(other: dict[str, Any]) -> None:
    """Symbol, side, quantity and price all count; 2 and 2.00 are one quantity."""
    order: dict[str, Any] = {"quantity": Decimal(2), "price": Decimal(5)}
    differing = times(1, **order) + times(1, **order | other)

    assert not isinstance(judge(differing, max_repeated_orders=2), Trip)
    assert isinstance(
        judge(times(1, **order) + times(1, **order | {"quantity": Decimal("2.00")}), max_repeated_orders=2), Trip
    )


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity"])
def test_what_is_no_number_is_the_same_as_what_is_not_told(number: str) -> None:
    """NaN, which equals nothing, does not hide a loop."""
    loop = times(1, quantity=None) + times(2, quantity=Decimal(number))

    assert isinstance(judge(loop, max_repeated_orders=3), Trip)


def test_order_is_what_it_was_when_it_was_sent() -> None:
    """A loop of orders at the market is one although each of them was filled at another price."""
    sent = [replace(ORDER, client_order_id=f"c{n}", received=999.0) for n in range(3)]
    filled = [replace(r, execution_type=TRADE, price=Decimal(n + 1), received=1000.0) for n, r in enumerate(sent)]

    assert isinstance(judge(sent + filled, max_repeated_orders=3), Trip)


def test_rejected_loop_is_a_loop_and_parts_of_one_order_are_none() -> None:
    """Rejections under one id count each; fills of one order, or that name none, do not."""
    assert isinstance(judge(times(3, REJECTED, quantity=None, client_order_id="a"), max_repeated_orders=3), Trip)
    parts = times(9, TRADE, quantity=None, client_order_id="a") + times(9, TRADE, quantity=None)
    assert not isinstance(judge(parts, max_repeated_orders=2), Trip)


def test_reports_of_no_order_repeat_none() -> None:
    """Cancellations alone are nothing that is repeated."""
    assert isinstance(judge(times(9, CANCELED), max_repeated_orders=1), Clear)
