"""The fakes that are shipped for users' tests: they do what their ports say, and no more."""

from dataclasses import replace
from datetime import UTC, date, timedelta
from decimal import Decimal

import pytest

from ess_server.core.ports import Clock, EmergencyConditionEvaluator, Readings
from ess_server.core.readings import (
    Baseline,
    CashFlow,
    Clear,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    Instant,
)
from ess_server.testing import START, FakeClock, FakeMetrics, ScriptedEvaluator, clear, fake_readings, trip

EQUITY = EquityReading(account="main", amount=Decimal(1000), currency="USDT", time=START, received=1000.0)
BASELINE = Baseline(high_water_mark=Decimal(2000), day=date(2026, 1, 5), day_open=Decimal(1000))
FLOW = CashFlow(account="main", id="f", amount=Decimal(5), currency="USDT", time=START)
REPORT = ExecutionReport(
    account="main",
    id="e",
    symbol="BTC/USDT:USDT",
    execution_type=ExecutionType.NEW,
    side="buy",
    client_order_id="c",
    quantity=None,
    price=None,
    expected_price=None,
    stop_loss=False,
    strategy="",
    detail="",
    time=START,
    received=2.0,
)


def test_clock_stands_still_until_it_is_moved() -> None:
    """Both clocks advance together, in seconds or as a timedelta; a jump moves the wall clock alone."""
    fake = FakeClock(uptime=5.0)
    clock: Clock = fake
    before = (clock.now(), clock.uptime(), clock.now(), clock.uptime())
    fake.advance(1.5)
    fake.advance(timedelta(seconds=1))
    fake.jump(-3600)
    fake.jump(timedelta(seconds=60))

    assert before == (START, 5.0, START, 5.0)
    assert START.tzinfo is UTC
    assert fake.instant() == Instant(START + timedelta(seconds=2.5 - 3540), 7.5)


def test_clock_refuses_to_take_uptime_back() -> None:
    """No test can ask for what no machine does; nothing is moved."""
    fake = FakeClock()
    with pytest.raises(ValueError, match="uptime never goes back"):
        fake.advance(-1)

    assert fake.instant() == Instant(START, 1000.0)


def test_metrics_return_what_was_set_or_recorded() -> None:
    """A baseline that was set stays beside later equity, and none is made up."""
    metrics = FakeMetrics()
    metrics.record_equity(EQUITY)
    recorded = metrics.account("main")
    metrics.set(EQUITY, BASELINE)
    metrics.record_equity(replace(EQUITY, amount=Decimal(900)))
    later = metrics.account("main")

    assert recorded is not None
    assert recorded.baseline is None
    assert later is not None
    assert later.equity.amount == 900
    assert later.baseline == BASELINE
    assert metrics.account("other") is None


def test_metrics_keep_every_call() -> None:
    """Flows and reports once per id, names that were rebaselined in order."""
    metrics = FakeMetrics()
    flows = [metrics.record_cash_flow(f) for f in (FLOW, FLOW, replace(FLOW, account="other"))]
    reports = [metrics.record_execution(r) for r in (REPORT, REPORT, replace(REPORT, id="older", received=1.0))]
    metrics.rebaseline(["main", "other"])

    assert flows == [True, False, True]
    assert reports == [True, False, True]
    assert [f.account for f in metrics.flows] == ["main", "other"]
    assert [r.id for r in metrics.executions("main", 0.0)] == ["older", "e"]
    assert [r.id for r in metrics.executions("main", 2.0)] == ["e"]
    assert list(metrics.executions("other", 0.0)) == []
    assert metrics.rebaselined == ["main", "other"]


def test_scripted_evaluator_says_what_it_is_told_and_counts() -> None:
    """Clear until told otherwise; an exception in place of a verdict is raised."""
    scripted = ScriptedEvaluator("e")
    evaluator: EmergencyConditionEvaluator = scripted
    readings: Readings = fake_readings()
    now = FakeClock().instant()
    first = evaluator.evaluate(readings, now)
    scripted.verdict = trip(START, "12")
    second = evaluator.evaluate(readings, now)
    scripted.verdict = ZeroDivisionError("boom")
    with pytest.raises(ZeroDivisionError):
        evaluator.evaluate(readings, now)

    assert isinstance(first, Clear)
    assert first == clear(START)
    assert second == trip(START, "12")
    assert scripted.evaluations == 3
