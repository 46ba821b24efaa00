"""Drawdown: at the limit trips, below does not, and what cannot be known is never Clear."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import DrawdownEvaluator, DrawdownSettings
from ess_server.core.ports import Readings
from ess_server.core.readings import Baseline, Clear, EquityReading, Instant, Trip, Unknown, Verdict, Warn
from ess_server.testing import START, FakeClock, FakeFeeds, FakeHealth, FakeMetrics
from tests.core.equities import BASELINE, NOW, USDT
from tests.exploration import explored


def limited(account: str = "main", **limits: Any) -> DrawdownEvaluator:
    """An evaluator of one account with these limits."""
    return DrawdownEvaluator(DrawdownSettings(name="d", account=account, **limits))


def judge(
    equity: EquityReading | str,
    baseline: Baseline | None = BASELINE,
    *,
    daily: str | None = None,
    drawdown: str | None = None,
    currency: str = "",
    now: Instant = NOW,
) -> Verdict:
    """The verdict on one reading."""
    metrics = FakeMetrics()
    metrics.set(equity if isinstance(equity, EquityReading) else replace(USDT, amount=Decimal(equity)), baseline)
    evaluator = limited(
        max_daily_loss_percent=None if daily is None else Decimal(daily),
        max_drawdown_percent=None if drawdown is None else Decimal(drawdown),
        currency=currency,
    )
    return evaluator.evaluate(Readings(metrics, FakeHealth(), FakeFeeds()), now)


@pytest.mark.parametrize(
    ("equity", "kind"),
    [("900", Trip), ("899.99", Trip), ("900.01", Warn), ("0.01", Trip), ("1000", Clear), ("5000", Clear)],
)
def test_daily_loss_at_the_limit_trips_and_below_does_not(equity: str, kind: type) -> None:
    """10 % of an opening of 1000 is reached at 900, to the last digit."""
    assert isinstance(judge(equity, daily="10"), kind)


@pytest.mark.parametrize(("equity", "kind"), [("1800", Trip), ("1800.0000000001", Warn), ("1950", Clear)])
def test_drawdown_at_the_limit_trips_and_below_does_not(equity: str, kind: type) -> None:
    """10 % of a high-water mark of 2000 is reached at 1800, to the last digit."""
    assert isinstance(judge(equity, drawdown="10"), kind)


@pytest.mark.parametrize(
    ("equity", "tier"), [("950.01", 0), ("950", 50), ("925.01", 50), ("925", 75), ("910", 90), ("900.01", 90)]
)
def test_warning_names_the_highest_tier_that_is_reached(equity: str, tier: int) -> None:
    """At 50, 75 and 90 percent of the limit, the tier itself included."""
    verdict = judge(equity, daily="10")

    assert tier == (verdict.tier_percent if isinstance(verdict, Warn) else 0)


def test_of_two_limits_the_one_with_the_larger_share_used_is_reported() -> None:
    """Both losses are watched, whichever limit is nearer decides, and the words say which."""
    daily = judge("950", daily="6", drawdown="99")
    drawdown = judge("1000", daily="6", drawdown="60")
    both = judge("900", daily="10", drawdown="55")

    assert isinstance(daily, Warn)
    assert (Decimal(5), Decimal(6)) == (daily.measure.value, daily.measure.limit)
    assert "daily loss 5 %" in daily.detail
    assert isinstance(drawdown, Warn)
    assert (Decimal(50), Decimal(60)) == (drawdown.measure.value, drawdown.measure.limit)
    assert "drawdown 50 %" in drawdown.detail
    assert isinstance(both, Trip)


def test_trip_tells_reading_mark_and_limit_in_one_sentence() -> None:
    """A person woken by it needs no other page."""
    verdict = judge("870.5", daily="10")

    assert isinstance(verdict, Trip)
    assert verdict.detail == (
        "account main: daily loss 12.95 % (equity 870.5 USDT, 2026-01-05 opened at 1000) reached the limit of 10 %"
    )
    assert verdict.measure.time == START


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1"])
def test_equity_that_proves_nothing_is_unknown(amount: str) -> None:
    """NaN, infinity, zero and below are neither a breach nor its absence."""
    verdict = judge(amount, daily="10", drawdown="10")

    assert isinstance(verdict, Unknown)
    assert "latest equity is" in verdict.detail


@pytest.mark.parametrize("mark", ["NaN", "Infinity", "0", "-5"])
def test_baseline_that_proves_nothing_is_unknown(mark: str) -> None:
    """A repository that computes nonsense is not believed, for either mark."""
    for baseline in (replace(BASELINE, high_water_mark=Decimal(mark)), replace(BASELINE, day_open=Decimal(mark))):
        assert isinstance(judge("1000", baseline, daily="10", drawdown="10"), Unknown)


@pytest.mark.parametrize(
    ("received", "words"),
    [
        (984.99, "15.0 s old, and 15 s are allowed"),
        (float("-inf"), "no equity since the start"),
        (float("nan"), "nan s old"),
        (float("inf"), "s old"),
        (1015.1, "s old"),
    ],
)
def test_equity_that_did_not_arrive_lately_is_unknown(received: float, words: str) -> None:
    """Age is measured by the uptime of arrival; one that is no number, or absurd, is too old."""
    verdict = judge(replace(USDT, received=received), daily="10")

    assert isinstance(verdict, Unknown)
    assert words in verdict.detail


@pytest.mark.parametrize("received", [985.0, 1000.0, 1000.01])
def test_equity_within_its_age_counts(received: float) -> None:
    """Up to max_age, and when it arrived a moment after the evaluation began."""
    assert isinstance(judge(replace(USDT, received=received), daily="10"), Clear)


@pytest.mark.parametrize("behind", [20, 2, 0, -2, -5])
def test_source_whose_clock_is_a_little_off_is_believed(behind: float) -> None:
    """Up to max_age and 5 s behind, and 5 s ahead: no clock of a venue is that of this host."""
    assert isinstance(judge(replace(USDT, time=START - timedelta(seconds=behind)), daily="10"), Clear)


@pytest.mark.parametrize(
    ("behind", "words"),
    [(20.1, "20.1 s old by its own time"), (-5.1, "5.1 s from the future"), (86400 * 3, "259200.0 s old")],
)
def test_reading_that_is_old_or_from_the_future_by_its_own_time_is_unknown(behind: float, words: str) -> None:
    """What a source repeats, or held back, arrives lately and says nothing about now, not even that it is a loss."""
    verdict = judge(replace(USDT, amount=Decimal(1), time=START - timedelta(seconds=behind)), daily="10")

    assert isinstance(verdict, Unknown)
    assert words in verdict.detail


def test_missing_account_and_missing_baseline_are_unknown() -> None:
    """Nothing read yet, or nothing to measure from, is no all-clear."""
    never = limited("other", max_drawdown_percent=Decimal(10)).evaluate(
        Readings(FakeMetrics(), FakeHealth(), FakeFeeds()), NOW
    )
    lost = judge("1000", None, daily="10")

    assert never == Unknown("account other: no equity yet")
    assert isinstance(lost, Unknown)
    assert "rebaseline" in lost.detail


def test_equity_in_another_currency_than_configured_is_unknown() -> None:
    """A breach in one currency must not look like a gain in another."""
    verdict = judge("1000", daily="10", currency="BTC")

    assert verdict == Unknown("account main: the latest equity is in USDT, not in BTC")
    assert isinstance(judge("1000", daily="10", currency="USDT"), Clear)


@pytest.mark.parametrize("value", ["0", "-1", "100.01", "NaN", "sNaN", "Infinity"])
def test_limit_out_of_range_is_refused(value: str) -> None:
    """A limit that can never trip, or always does, is a mistake; the field is named."""
    with pytest.raises(InvalidRequestError, match=r"max_daily_loss_percent: .* is not above 0 and at most 100"):
        judge("1000", daily=value)
    with pytest.raises(InvalidRequestError, match="max_drawdown_percent"):
        judge("1000", drawdown=value)


def test_limits_and_tiers_at_the_ends_of_their_ranges_are_taken() -> None:
    """A loss of everything, 1 and 99 percent of the limit, an age of a whole day."""
    evaluator = limited(max_daily_loss_percent=Decimal(100), max_age=timedelta(days=1), warn_percent=(1, 99))
    metrics = FakeMetrics()
    tiers = []
    for amount in ("990", "10.01", "10"):
        metrics.set(replace(USDT, amount=Decimal(amount)), BASELINE)
        verdict = evaluator.evaluate(Readings(metrics, FakeHealth(), FakeFeeds()), NOW)
        assert isinstance(verdict, Warn)
        tiers.append(verdict.tier_percent)

    assert tiers == [1, 1, 99]


def test_limit_that_is_no_decimal_is_refused() -> None:
    """A float has lost digits already."""
    with pytest.raises(InvalidRequestError, match=r"max_drawdown_percent: 5\.0 is not a Decimal"):
        limited(max_drawdown_percent=5.0)


def test_no_limit_at_all_is_refused() -> None:
    """An evaluator that watches nothing would be a false comfort."""
    with pytest.raises(InvalidRequestError, match="set one"):
        limited()


@pytest.mark.parametrize("tiers", [(0, 50), (50, 100), (75, 50), (50, 50)])
def test_warn_tiers_must_rise_between_1_and_99(tiers: tuple[int, ...]) -> None:
    """A tier at the limit or out of order would never be seen."""
    with pytest.raises(InvalidRequestError, match="warn_percent"):
        limited(max_drawdown_percent=Decimal(5), warn_percent=tiers)


def test_max_age_out_of_range_is_refused() -> None:
    """Neither an age that no reading can have nor one beyond a day."""
    for age in (timedelta(0), timedelta(days=1, seconds=1)):
        with pytest.raises(InvalidRequestError, match="max_age"):
            limited(max_drawdown_percent=Decimal(5), max_age=age)


AMOUNTS = st.one_of(st.integers(1, 3000).map(Decimal), st.sampled_from([Decimal(a) for a in ("NaN", "0", "-7")]))
STEPS = st.lists(st.tuples(st.floats(0.001, 30), AMOUNTS, st.booleans()), min_size=1, max_size=30)


@explored(200)
@given(STEPS)
def test_verdict_follows_the_series_and_is_never_clear_past_a_limit(steps: list[tuple[float, Decimal, bool]]) -> None:
    """Over any series with gaps and unusable readings: Trip exactly past the limit, Clear only with a fresh reading."""
    clock = FakeClock()
    metrics = MemoryMetricsRepository(clock, ZoneInfo("UTC"))
    evaluator = limited(max_drawdown_percent=Decimal(20), max_age=timedelta(seconds=15))
    highest, usable, latest, received = Decimal(0), Decimal(0), Decimal("NaN"), float("-inf")
    for pause, amount, arrives in steps:
        clock.advance(pause)
        if arrives:
            metrics.record_equity(replace(USDT, amount=amount, time=clock.now(), received=clock.uptime()))
            latest, received = amount, clock.uptime()
            if amount.is_finite() and amount > 0:
                # What two in a row have shown; the first is believed.
                highest = max(highest, min(usable, amount)) if usable else amount
                usable = amount
        verdict = evaluator.evaluate(Readings(metrics, FakeHealth(), FakeFeeds()), clock.instant())

        if not latest.is_finite() or latest <= 0 or clock.uptime() - received > 15:
            assert isinstance(verdict, Unknown)
        else:
            assert isinstance(verdict, Trip) == (latest <= highest * Decimal("0.8"))
            assert isinstance(verdict, Clear) == (latest > highest * Decimal("0.9"))
