"""Rows of Binance USD-M: what they mean, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import Position
from ess_server.venue.usdm_rows import (
    SizeRules,
    equity,
    hedge_mode,
    open_orders,
    open_positions,
    positions,
    size_rules,
    split,
)

ORDER = {"orderId": 7, "symbol": "BTCUSDT", "side": "BUY", "positionSide": "BOTH", "reduceOnly": False}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"}
MARKET = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"}


def leg(amount: Any, side: Any = "BOTH", symbol: Any = "BTCUSDT") -> dict[str, Any]:
    """A row of positionRisk; notional and entry price are such that a parser that trusts them drops it."""
    return {"symbol": symbol, "positionSide": side, "positionAmt": amount, "notional": "0", "entryPrice": "0"}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (leg("0.500"), (True, "0.500", False)),
        (leg("-2"), (False, "2", False)),
        (leg("3", "LONG"), (True, "3", True)),
        (leg("-3", "SHORT"), (False, "3", True)),
    ],
)
def test_the_sign_of_the_amount_is_the_side(row: dict[str, Any], wanted: tuple[bool, str, bool]) -> None:
    """A position counts whatever its notional or entry price say; its sign is its side."""
    long, quantity, hedged = wanted

    assert positions([row], str.lower) == (
        Position(symbol="btcusdt", long=long, quantity=Decimal(quantity), hedged=hedged),
    )


def test_rows_without_amount_are_no_positions() -> None:
    """Zero in every spelling is no position."""
    assert positions([leg("0"), leg("0.000", "LONG"), leg("-0.0", "SHORT")], str) == ()


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ({"positions": [leg("1"), leg("0.0"), leg("-2", "SHORT")]}, 2),
        ({"positions": []}, 0),
        ({"positions": [leg("1"), leg("much")]}, None),
        ({}, None),
        ([], None),
    ],
)
def test_what_an_account_holds_is_counted_or_not_told(reply: object, count: int | None) -> None:
    """A reply whose positions make no sense tells no number, and its equity still counts."""
    assert open_positions(reply) == count


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        "[]",
        [None],
        [leg("NaN")],
        [leg("Infinity")],
        [leg("")],
        [leg(None)],
        [leg(True)],
        [leg("1", "SIDEWAYS")],
        [leg("1", None)],
        [leg("1", symbol="")],
        [leg("1", symbol=None)],
        [leg("-1", "LONG")],
        [leg("1", "SHORT")],
        [leg("1"), {}],
    ],
)
def test_positions_that_make_no_sense_are_unknown(reply: object) -> None:
    """One row that cannot be understood makes the whole reply unknown."""
    with pytest.raises(VenueUnknownError):
        positions(reply, str)


@pytest.mark.parametrize(
    ("changes", "reduces"),
    [
        ({}, False),
        ({"reduceOnly": True}, True),
        ({"closePosition": True}, True),
        ({"positionSide": "LONG", "side": "SELL"}, True),
        ({"positionSide": "LONG"}, False),
        ({"positionSide": "SHORT"}, True),
        ({"positionSide": "SHORT", "side": "SELL"}, False),
        ({"reduceOnly": "true"}, False),
    ],
)
def test_only_orders_that_cannot_open_count_as_exits(changes: dict[str, Any], *, reduces: bool) -> None:
    """Reduce-only is what the exchange enforces: the flag, the whole-position flag, or a closing side in hedge mode."""
    (order,) = open_orders([{**ORDER, **changes}], str, conditional=False)

    assert (order.id, order.reduce_only, order.conditional) == ("7", reduces, False)


@pytest.mark.parametrize("missing", ["orderId", "symbol", "side", "positionSide"])
def test_an_order_without_its_fields_is_unknown(missing: str) -> None:
    """A row without id, symbol or side makes the reply unknown; a conditional order needs its own id."""
    with pytest.raises(VenueUnknownError):
        open_orders([{k: v for k, v in ORDER.items() if k != missing}], str, conditional=False)
    with pytest.raises(VenueUnknownError):
        open_orders([ORDER], str, conditional=True)


@pytest.mark.parametrize("reply", [None, [], {}, {"dualSidePosition": "true"}, {"dualSidePosition": 1}])
def test_position_mode_is_true_or_false(reply: object) -> None:
    """Anything but a boolean is unknown."""
    with pytest.raises(VenueUnknownError):
        hedge_mode(reply)


@pytest.mark.parametrize("reply", [None, [], {}])
def test_equity_needs_an_account(reply: object) -> None:
    """A reply without a margin balance is unknown."""
    with pytest.raises(VenueUnknownError):
        equity(reply)


def test_size_rules_are_the_stricter_of_both_filters() -> None:
    """The market filter rules unless it leaves something open with zero."""
    assert size_rules([LOT, MARKET]) == SizeRules(step=Decimal("0.001"), minimum=Decimal("0.001"), maximum=Decimal(120))
    assert size_rules([LOT, MARKET | {"stepSize": "0", "minQty": "0", "maxQty": "9999"}]) == SizeRules(
        step=Decimal("0.001"), minimum=Decimal("0.001"), maximum=Decimal(1000)
    )


@pytest.mark.parametrize("filters", [None, [], [LOT], [LOT | {"stepSize": "0"}, MARKET | {"stepSize": "0"}]])
def test_size_rules_that_cannot_be_are_unknown(filters: object) -> None:
    """Missing or impossible filters are no rules."""
    with pytest.raises(VenueUnknownError):
        size_rules(filters)


@given(
    steps=st.integers(0, 20_000),
    dust=st.decimals(0, 1, places=3).filter(lambda d: d < 1),
    minimum=st.integers(1, 50),
    factor=st.integers(2, 1000),
    step=st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("0.5"), Decimal(10)]),
)
def test_split_never_exceeds_the_position_nor_the_limits(
    steps: int, dust: Decimal, minimum: int, factor: int, step: Decimal
) -> None:
    """The parts are whole steps within minimum and maximum, never sum up to more than the position, miss no step."""
    quantity = (steps + dust) * step
    rules = SizeRules(step=step, minimum=minimum * step, maximum=minimum * factor * step)
    parts = split(quantity, rules)

    assert all(rules.minimum <= part <= rules.maximum and part % step == 0 for part in parts)
    assert sum(parts) == (steps * step if steps >= minimum else 0)
