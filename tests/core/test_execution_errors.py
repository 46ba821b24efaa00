"""Execution errors: each limit trips where it is reached, and no report is counted twice or passed over."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import ExecutionErrorsSettings
from ess_server.core.execution_window import MAX_EXECUTIONS
from ess_server.core.model import Scope, ScopeKind
from ess_server.core.readings import Clear, ExecutionReport, ExecutionType, Trip, Unknown, Warn
from ess_server.testing import START
from tests.core.execution_reports import CANCELED, EXPIRED, FAILED, NEW, REJECTED, TRADE, fill, judge, times


@pytest.mark.parametrize(("hits", "kind"), [(0, Clear), (1, Clear), (2, Warn), (3, Warn), (4, Trip), (5, Trip)])
def test_stop_losses_at_the_limit_trip_and_below_do_not(hits: int, kind: type) -> None:
    """The fourth of four trips, the second warns."""
    assert isinstance(judge(times(hits, TRADE, stop_loss=True), max_stop_losses=4), kind)


def test_stop_loss_counts_when_it_is_filled_and_once() -> None:
    """Placing or cancelling a protective stop is no hit, and two parts of one order are one."""
    placed = times(3, NEW, stop_loss=True) + times(3, CANCELED, stop_loss=True)
    parts = times(3, TRADE, stop_loss=True, client_order_id="a") + times(1, TRADE, stop_loss=True)

    assert isinstance(judge(placed, max_stop_losses=1), Clear)
    assert isinstance(judge(parts, max_stop_losses=2), Trip)
    assert isinstance(judge(parts, max_stop_losses=3), Warn)


@pytest.mark.parametrize("kind", [REJECTED, FAILED])
def test_failed_orders_at_the_limit_trip_and_below_do_not(kind: ExecutionType) -> None:
    """A rejection always counts, also with one client order id again and again: that is a loop."""
    assert isinstance(judge(times(3, kind, client_order_id="same"), max_failed_orders=3), Trip)
    assert isinstance(judge(times(2, kind), max_failed_orders=3), Warn)
    assert isinstance(judge(times(9, EXPIRED) + times(9, CANCELED) + times(9), max_failed_orders=1), Clear)


@pytest.mark.parametrize(("failed", "kind"), [(5, Trip), (4, Warn), (0, Clear)])
def test_share_of_failed_orders_at_the_limit_trips_and_below_does_not(failed: int, kind: type) -> None:
    """5 of 20 is 25 %."""
    reports = times(failed, REJECTED) + times(20 - failed)

    assert isinstance(judge(reports, max_failed_percent=Decimal(25)), kind)


def test_share_needs_enough_orders() -> None:
    """19 rejections of 19 prove no share of 20 orders; the twentieth does."""
    assert isinstance(judge(times(19, REJECTED), max_failed_percent=Decimal(50)), Clear)
    assert isinstance(judge(times(20, REJECTED), max_failed_percent=Decimal(50)), Trip)
    assert isinstance(judge(times(1, REJECTED), max_failed_percent=Decimal(100), min_orders=1), Trip)


def test_order_told_several_times_counts_once_in_the_share() -> None:
    """Parts and repetitions of what was accepted must not thin out what was not; nor does an order that failed."""
    accepted = times(1, NEW, client_order_id="a") + times(50, TRADE, client_order_id="a") + times(50, TRADE)
    failed = times(1, NEW, client_order_id="b") + times(1, FAILED, client_order_id="b")

    verdict = judge(accepted + failed, max_failed_percent=Decimal(50), min_orders=2)

    assert isinstance(verdict, Trip)
    assert "50 % of 2 orders rejected or failed" in verdict.detail


def test_windows_reach_to_their_ends() -> None:
    """An order as old as the window counts, an older one does not; repeated orders have a window of their own."""
    old, older = times(1, REJECTED, received=940.0), times(1, REJECTED, received=939.99)
    same = times(1, quantity=None, received=995.0)

    assert isinstance(judge(old, max_failed_orders=1), Trip)
    assert isinstance(judge(older, max_failed_orders=1), Clear)
    assert isinstance(judge(older, max_failed_orders=1, repeat_window=timedelta(minutes=5)), Clear)
    assert isinstance(judge(same + times(1, quantity=None), max_repeated_orders=2), Trip)
    assert isinstance(judge(same + times(1, quantity=None, received=994.9), max_repeated_orders=2), Warn)
    longer: dict[str, Any] = {"max_repeated_orders": 2, "repeat_window": timedelta(minutes=5)}
    assert isinstance(judge(same + times(1, quantity=None, received=900.0), **longer), Trip)


def test_report_that_arrived_at_no_number_counts() -> None:
    """An uptime that cannot be compared is within every window."""
    assert isinstance(judge(times(1, REJECTED, received=float("nan")), max_failed_orders=1), Trip)


@pytest.mark.parametrize(("late", "kind"), [(4, Trip), (3, Warn), (1, Clear)])
def test_orders_after_a_stop_at_the_limit_trip_and_below_do_not(late: int, kind: type) -> None:
    """Placements and fills that were marked count, each order once; the others do not, and nor do ends of orders."""
    marked = times(late - 1, after_stop=True) + times(1, TRADE, after_stop=True)
    parts = times(late, TRADE, after_stop=True, client_order_id="same")

    verdict = judge(marked + times(9) + times(9, CANCELED, after_stop=True), max_orders_after_stop=4)

    assert isinstance(verdict, kind)
    assert isinstance(judge(parts, max_orders_after_stop=2), Warn)
    if isinstance(verdict, Trip):
        assert "4 orders placed or filled after a stop within 60 s reached the limit of 4" in verdict.detail


def test_of_several_limits_the_one_used_most_is_reported() -> None:
    """All are watched; the nearest decides, and the reading is dated by the latest report."""
    late = START + timedelta(seconds=1)
    reports = times(3, REJECTED, received=999.0) + times(1, TRADE, stop_loss=True, time=late)
    verdict = judge(reports, max_failed_orders=4, max_stop_losses=3)

    assert isinstance(verdict, Warn)
    assert verdict.detail == ("account main: 3 orders rejected or failed within 60 s is past 75 % of the limit of 4")
    assert (verdict.measure.value, verdict.measure.limit, verdict.measure.time) == (Decimal(3), Decimal(4), late)


def test_nothing_reported_is_no_error() -> None:
    """With every limit set, silence is Clear at the time of the evaluation, and others' errors are their own."""
    limits = {"max_stop_losses": 1, "max_failed_orders": 1, "max_repeated_orders": 1}
    percents = {"max_failed_percent": Decimal(1), "max_slippage_percent": Decimal(1)}
    verdict = judge(times(5, REJECTED, account="other"), **limits, **percents)

    assert isinstance(verdict, Clear)
    assert (verdict.measure.value, verdict.measure.time) == (Decimal(0), START)


def test_more_reports_than_are_kept_are_unknown() -> None:
    """A flood that pushes older reports out cannot be counted; what it shows of a breach still trips."""
    flood = times(MAX_EXECUTIONS, CANCELED)

    assert isinstance(judge(flood, max_failed_orders=1), Unknown)
    assert isinstance(judge(flood + times(1, REJECTED), max_failed_orders=1), Trip)
    assert isinstance(judge(flood[1:], max_failed_orders=1), Clear)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("account", "", "is empty"),
        ("max_stop_losses", 0, "0 is not 1 to 1000"),
        ("max_failed_orders", 1001, "1001 is not 1 to 1000"),
        ("max_repeated_orders", -1, "-1 is not 1 to 1000"),
        ("min_orders", 0, "0 is not 1 to 1000"),
        ("max_failed_percent", Decimal(0), "0 is not above 0 and at most 100"),
        ("max_failed_percent", Decimal("100.1"), "100.1 is not above 0 and at most 100"),
        ("max_slippage_percent", Decimal("NaN"), "NaN is not above 0"),
        ("max_slippage_percent", 2.5, "2.5 is not a Decimal"),
        ("window", timedelta(0), "0 s is not above 0 s"),
        ("repeat_window", timedelta(days=2), "at most 1 day"),
        ("window", timedelta(seconds=0.999), "0.999 s is shorter than 1 s"),
        ("max_orders_after_stop", 0, "0 is not 1 to 1000"),
    ],
)
def test_setting_out_of_range_is_refused_by_name(field: str, value: Any, problem: str) -> None:
    """The error names the field and what it may be."""
    valid: dict[str, Any] = {"account": "main", "max_stop_losses": 3}
    with pytest.raises(InvalidRequestError) as refused:
        ExecutionErrorsSettings(**valid | {field: value})

    assert refused.value.field == field
    assert problem in str(refused.value)


def test_no_limit_at_all_is_refused() -> None:
    """An evaluator that watches nothing would be a false comfort; every limit there is gets named."""
    with pytest.raises(InvalidRequestError, match=r"max_stop_losses: is missing.*max_orders_after_stop: set one"):
        ExecutionErrorsSettings(account="main")


def test_defaults_are_of_the_account_and_ends_of_ranges_are_taken() -> None:
    """Name and scope follow the account unless they are set."""
    settings = ExecutionErrorsSettings(account="main", max_stop_losses=1000, max_failed_percent=Decimal(100))
    own = ExecutionErrorsSettings(account="main", max_stop_losses=1, name="n", scope=Scope(ScopeKind.VENUE, "v"))

    assert (settings.name, str(settings.scope)) == ("execution_errors/main", "account/main")
    assert (own.name, str(own.scope)) == ("n", "venue/v")


REPORTS = st.builds(
    lambda kind, side, price, ident, received: fill(
        price, side=side, execution_type=kind, client_order_id=ident, received=received
    ),
    st.sampled_from(ExecutionType),
    st.sampled_from(["buy", "sell", ""]),
    st.sampled_from([None, "100", "101", "104", "96", "NaN", "0"]),
    st.sampled_from(["", "a", "b"]),
    st.floats(900, 1000),
)


@pytest.mark.traced
@given(st.lists(REPORTS, max_size=12))
def test_no_series_with_a_breach_is_anything_but_a_trip(reports: list[ExecutionReport]) -> None:
    """Over any reports: enough failures, or a fill far off, within the window always trip, whatever else is there."""
    verdict = judge(reports, max_failed_orders=3, max_slippage_percent=Decimal(4))
    within = [r for r in reports if not r.received < 940]
    failures = sum(r.execution_type in (REJECTED, FAILED) for r in within)
    trades = [r for r in within if r.execution_type is TRADE]
    bad = {"buy": ["104"], "sell": ["96"], "": ["104", "96"]}
    slipped = any(str(r.price) in bad[r.side] for r in trades)

    assert isinstance(verdict, Trip) == (failures >= 3 or slipped)
    if isinstance(verdict, Clear | Warn):
        assert all(str(r.price) in ("100", "101", "104", "96") for r in trades)
