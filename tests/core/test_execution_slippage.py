"""Execution errors: fills at other prices than expected."""

from decimal import Decimal

import pytest

from ess_server.core.readings import Clear, Trip, Unknown, Warn
from tests.core.execution_reports import NEW, fill, judge


@pytest.mark.parametrize(
    ("side", "price", "kind"),
    [
        ("buy", "102", Trip),
        ("buy", "101.9999", Warn),
        ("buy", "90", Clear),
        ("sell", "98", Trip),
        ("sell", "98.0001", Warn),
        ("sell", "110", Clear),
        ("", "98", Trip),
        ("", "102", Trip),
        ("", "101.9999", Warn),
    ],
)
def test_slippage_at_the_limit_trips_and_below_does_not(side: str, price: str, kind: type) -> None:
    """2 % to the account's disadvantage; a better price is none, and without a side both ways are."""
    assert isinstance(judge([fill(price, side=side)], max_slippage_percent=Decimal(2)), kind)


def test_worst_fill_of_the_window_decides() -> None:
    """A hundred good fills hide no bad one; those without an expected price, and what is no fill, have no slippage."""
    fills = [fill("100")] * 100 + [fill("103")] + [fill("500", None), fill("500", execution_type=NEW)]
    verdict = judge(fills, max_slippage_percent=Decimal(3))

    assert isinstance(verdict, Trip)
    assert verdict.detail == "account main: slippage of 3 % within 60 s reached the limit of 3 %"
    assert isinstance(judge(fills[101:], max_slippage_percent=Decimal(3)), Clear)


@pytest.mark.parametrize("bad", [None, "NaN", "sNaN", "Infinity", "0", "-1"])
def test_fill_whose_slippage_cannot_be_told_is_unknown(bad: str | None) -> None:
    """Neither price may be nonsense; a breach beside it trips, and without a limit on slippage nobody asks."""
    odd = [fill(bad)] if bad is None else [fill(bad), fill("100", bad)]
    for one in odd:
        assert isinstance(judge([one], max_slippage_percent=Decimal(2)), Unknown)
        assert isinstance(judge([one, fill("102")], max_slippage_percent=Decimal(2)), Trip)
        assert isinstance(judge([one], max_stop_losses=2), Clear)
