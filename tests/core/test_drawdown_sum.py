"""Drawdown of the sum of several accounts."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.evaluators import DrawdownEvaluator, DrawdownSettings
from ess_server.core.ports import Readings
from ess_server.core.readings import EquityReading, Trip, Unknown, Verdict
from ess_server.testing import START, FakeFeeds, FakeHealth, FakeMetrics
from tests.core.equities import BASELINE, NOW, USDT

SUM = {"main": "1000", "hedge": "500", "hedge + main": "1400"}


def judge_sum(**changes: EquityReading | None) -> Verdict:
    """The verdict on a sum of which everything is as it should be, but for the changes; it has lost 100."""
    metrics = FakeMetrics()
    for account, amount in SUM.items():
        whose = account.replace(" + ", "_")
        reading = replace(USDT, account=account, amount=Decimal(amount))
        reading = changes.get(whose, reading)  # type: ignore[assignment] # None is left out below
        if reading is not None:
            metrics.set(replace(reading, account=account), replace(BASELINE, high_water_mark=Decimal(1500)))
    settings = DrawdownSettings(
        accounts=("main", "hedge"), currency="USDT", confirm=2, max_drawdown_percent=Decimal(5), name="sum"
    )
    return DrawdownEvaluator(settings).evaluate(Readings(metrics, FakeHealth(), FakeFeeds()), NOW)


def test_sum_is_judged_by_its_own_reading_and_marks() -> None:
    """Not by those of its accounts, and a person reads which ones."""
    verdict = judge_sum()

    assert isinstance(verdict, Trip)
    assert verdict.detail == (
        "accounts hedge + main: drawdown 6.6666 % (equity 1400 USDT, high-water mark 1500) reached the limit of 5 %"
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "no equity yet"),
        (replace(USDT, amount=Decimal("NaN")), "the latest equity is NaN"),
        (replace(USDT, received=900.0), "100.0 s old"),
        (replace(USDT, time=START - timedelta(days=1)), "by its own time"),
        (replace(USDT, currency="EUR"), "in EUR, not in USDT"),
    ],
)
@pytest.mark.parametrize("whose", ["main", "hedge", "hedge_main"])
def test_sum_is_unknown_while_an_account_or_the_sum_is(whose: str, wrong: EquityReading | None, words: str) -> None:
    """A part that is missing is not zero, and the person reads which one."""
    verdict = judge_sum(**{whose: wrong})

    assert isinstance(verdict, Unknown)
    assert words in verdict.detail
    assert (f"hedge + main: {whose}: " in verdict.detail) == (whose in ("main", "hedge"))
