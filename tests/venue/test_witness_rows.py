"""What the exchanges' account endpoints testify, and what is read beside the rows that matter."""

from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.venue import bybit_rows, okx_rows, usdm_rows
from ess_server.venue.usdm_rows import SizeRules, within

USDM: dict[str, Any] = {
    "totalPositionInitialMargin": "0",
    "totalOpenOrderInitialMargin": "0",
    "assets": [{"positionInitialMargin": "0", "openOrderInitialMargin": "0"}],
}
OKX_COIN = {"ccy": "USDT", "imr": "0", "ordFrozen": "0", "isoEq": "0"}
BYBIT_COIN = {"coin": "USDT", "totalPositionIM": "0", "totalOrderIM": "0"}


def okx(**changes: Any) -> dict[str, Any]:
    """A balance in futures mode; keywords change the row of its currency."""
    return {"code": "0", "data": [{"imr": "", "ordFroz": "", "isoEq": "0", "details": [{**OKX_COIN, **changes}]}]}


def bybit(**changes: Any) -> dict[str, Any]:
    """A balance; keywords change the row of its coin."""
    return {"result": {"list": [{"coin": [{**BYBIT_COIN, **changes}]}]}}


def test_margin_in_any_asset_is_seen() -> None:
    """A position or order that is margined in another asset than the first, or only in the total, is no secret."""
    second = {"positionInitialMargin": "0", "openOrderInitialMargin": "0.5"}
    seen = usdm_rows.witness({**USDM, "assets": [*USDM["assets"], second]})
    assert (seen.positions, seen.orders, seen.evidence) == (False, True, "margin of positions 0, of orders 0.5")
    assert usdm_rows.witness({**USDM, "totalPositionInitialMargin": "0.01"}).positions
    assert bybit_rows.witness(bybit(totalPositionIM="1")).positions
    assert okx_rows.witness(okx(isoEq="2")).positions


def test_what_orders_hold_is_no_position() -> None:
    """OKX counts orders within the margin of positions in some modes: what is held for them is taken off."""
    seen = okx_rows.witness(okx(imr="5", ordFrozen="5"))

    assert (seen.positions, seen.orders) == (False, True)
    assert okx_rows.witness(okx(imr="6", ordFrozen="5")).positions


def test_what_is_not_told_is_not_testified() -> None:
    """An account mode that tells no figures gives a witness that says nothing, not that all is flat."""
    silent = okx_rows.witness({"code": "0", "data": [{"imr": "", "ordFroz": "", "isoEq": "", "details": []}]})
    assert (silent.positions, silent.orders) == (None, None)
    silent = bybit_rows.witness(bybit(totalPositionIM="", totalOrderIM=""))
    assert (silent.positions, silent.orders) == (None, None)


@pytest.mark.parametrize(
    "read",
    [
        lambda: usdm_rows.witness([]),
        lambda: usdm_rows.witness({}),
        lambda: usdm_rows.witness({**USDM, "assets": {}}),
        lambda: usdm_rows.witness({**USDM, "assets": [{}]}),
        lambda: usdm_rows.witness({**USDM, "totalOpenOrderInitialMargin": "NaN"}),
        lambda: okx_rows.witness({"code": "1", "data": []}),
        lambda: okx_rows.witness({"code": "0", "data": [{}]}),
        lambda: okx_rows.witness(okx(imr="much")),
        lambda: bybit_rows.witness({"result": {"list": [{}]}}),
        lambda: bybit_rows.witness(bybit(totalOrderIM=None)),
        lambda: bybit_rows.witness({}),
    ],
)
def test_another_shape_is_unknown(read: Any) -> None:
    """A balance that is not exactly what it should be is unknown, never a witness."""
    with pytest.raises(VenueUnknownError):
        read()


@pytest.mark.parametrize("price", [None, "", "abc", "NaN", "0", "-1", [], True])
def test_a_missing_price_never_makes_a_position_unknown(price: Any) -> None:
    """A mark price that is not there or no price is None; the position is read all the same."""
    row = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "1", "markPrice": price}
    (position,) = usdm_rows.positions([row], str)

    assert position.price is None
    assert position.quantity == 1


@pytest.mark.parametrize(("selling", "expected"), [(True, "100.2"), (False, "100.1")])
def test_a_price_on_the_tick_stays_within_the_limit(expected: str, *, selling: bool) -> None:
    """Rounding makes a sell dearer and a buy cheaper, never the other way; without a known tick nothing is rounded."""
    rules = SizeRules(step=Decimal(1), minimum=Decimal(1), maximum=Decimal(9), tick=Decimal("0.1"))

    assert within(Decimal("100.15"), rules, selling=selling) == expected
    assert within(Decimal("100.1"), rules, selling=selling) == "100.1"
    assert within(Decimal("100.15"), None, selling=selling) == "100.15"
