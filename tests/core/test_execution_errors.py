"""Execution errors: each limit trips where it is reached, and no report is counted twice or passed over."""

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
from ess_server.core.evaluators import ExecutionErrorsEvaluator, ExecutionErrorsSettings
from ess_server.core.execution_window import MAX_EXECUTIONS
from ess_server.core.model import Scope, ScopeKind
from ess_server.core.ports import Readings
from ess_server.core.readings import Clear, ExecutionReport, ExecutionType, Instant, Trip, Unknown, Verdict, Warn
from ess_server.testing import START, FakeClock, FakeFeeds, FakeHealth

NOW = Instant(START, 1000.0)
NEW, TRADE, CANCELED = ExecutionType.NEW, ExecutionType.TRADE, ExecutionType.CANCELED
REJECTED, FAILED, EXPIRED = ExecutionType.REJECTED, ExecutionType.FAILED, ExecutionType.EXPIRED
ORDER = ExecutionReport(
    account="main",
    id="",
    symbol="BTC",
    execution_type=NEW,
    side="buy",
    client_order_id="",
    quantity=Decimal(2),
    price=None,
    expected_price=None,
    stop_loss=False,
    strategy="",
    detail="",
    time=START,
    received=1000.0,
)


def times(count: int, kind: ExecutionType = NEW, **changes: Any) -> list[ExecutionReport]:
    """That many orders, each of another quantity unless one is given."""
    return [replace(ORDER, **{"execution_type": kind, "quantity": Decimal(n + 1), **changes}) for n in range(count)]


def judge(reports: list[ExecutionReport], **limits: Any) -> Verdict:
    """The verdict on reports, each with an id of its own, by the limits given."""
    metrics = MemoryMetricsRepository(FakeClock(), ZoneInfo("UTC"))
    for number, report in enumerate(reports):
        metrics.record_execution(replace(report, id=f"x{number}"))
    evaluator = ExecutionErrorsEvaluator(ExecutionErrorsSettings(account="main", **limits))
    return evaluator.evaluate(Readings(metrics, FakeHealth(), FakeFeeds()), NOW)


def fill(price: str | None, expected: str | None = "100", side: str = "buy", **changes: Any) -> ExecutionReport:
    """A fill at a price."""
    given, wanted = (None if p is None else Decimal(p) for p in (price, expected))
    return replace(
        ORDER, **{"execution_type": TRADE, "side": side, "price": given, "expected_price": wanted, **changes}
    )


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


def test_reports_of_no_order_repeat_none() -> None:
    """Cancellations alone are nothing that is repeated."""
    assert isinstance(judge(times(9, CANCELED), max_repeated_orders=1), Clear)


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
