"""The contract of ``MetricsRepository``: the latest equity of an account."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event, Thread
from zoneinfo import ZoneInfo

import pytest

from ess_server.core.ports import MetricsRepository
from ess_server.core.readings import Baseline
from ess_server.testing import START, FakeClock
from tests.contract.metrics_repository.entries import baseline, equity, execution, flow, marks


def test_account_is_none_before_the_first_reading(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Neither a flow nor an execution makes an equity."""
    metrics.record_cash_flow(flow(clock, 5, "f"))
    metrics.record_execution(execution("e", 1))

    assert metrics.account("main") is None
    assert metrics.account("other") is None


def test_latest_equity_and_baseline_are_returned_per_account(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Readings of one account say nothing of another."""
    for amount in (1000, 1200, 1200, 900):
        clock.advance(1)
        metrics.record_equity(equity(clock, amount))
    metrics.record_equity(equity(clock, 7, account="other"))
    known = metrics.account("main")

    assert known is not None
    assert known.equity == equity(clock, 900)
    assert known.baseline == Baseline(high_water_mark=Decimal(1200), day=START.date(), day_open=Decimal(1000))
    assert marks(metrics, "other") == (7, 7)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-1"])
def test_reading_that_is_not_usable_is_the_latest_and_moves_nothing(
    metrics: MetricsRepository, clock: FakeClock, amount: str
) -> None:
    """It is shown, so that an evaluator knows that it does not know; the baseline stays, before and after it."""
    metrics.record_equity(equity(clock, amount))
    first = baseline(metrics)
    clock.advance(1)
    metrics.record_equity(equity(clock, 1000))
    for _ in range(2):
        metrics.record_equity(equity(clock, amount))
    known = metrics.account("main")

    assert first is None
    assert known is not None
    assert str(known.equity.amount) == amount
    assert marks(metrics) == (1000, 1000)


def test_reading_that_was_overtaken_is_not_the_latest_but_counts_for_the_baseline(
    metrics: MetricsRepository, clock: FakeClock
) -> None:
    """A late good reading hides no breach; what it says of the past is still true."""
    first = equity(clock, 1200)
    clock.advance(1)
    metrics.record_equity(equity(clock, 900))
    metrics.record_equity(replace(first, received=clock.uptime()))
    known = metrics.account("main")

    assert known is not None
    assert known.equity.amount == 900
    assert marks(metrics) == (1200, 1200)


def test_reading_that_only_repeats_itself_does_not_look_fresh(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Same time, same equity, later arrival: a source that has frozen. A different equity of that time is news."""
    frozen = equity(clock, 1000)
    metrics.record_equity(frozen)
    clock.advance(60)
    metrics.record_equity(replace(frozen, received=clock.uptime()))
    repeated = metrics.account("main")
    metrics.record_equity(replace(frozen, amount=Decimal(990), received=clock.uptime()))
    corrected = metrics.account("main")
    metrics.record_equity(frozen)

    assert repeated is not None
    assert repeated.equity == frozen
    assert corrected is not None
    assert corrected.equity.amount == 990
    assert corrected.equity.received == clock.uptime()
    assert metrics.account("main") == corrected


def test_of_readings_of_one_instant_the_last_to_arrive_counts(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Two sources may read at once; neither is older."""
    for amount in (1000, 900, 950):
        metrics.record_equity(equity(clock, amount))
    known = metrics.account("main")

    assert known is not None
    assert known.equity.amount == 950


def test_reading_from_the_future_counts_as_of_now(metrics: MetricsRepository, clock: FakeClock) -> None:
    """A reporter whose clock is a year ahead cannot make every later reading look old; what it claimed is shown."""
    ahead = clock.now() + timedelta(days=365)
    metrics.record_equity(replace(equity(clock, 1000), time=ahead))
    first = metrics.account("main")
    clock.advance(1)
    metrics.record_equity(equity(clock, 900))
    known = metrics.account("main")

    assert known is not None
    assert first is not None
    assert first.equity.time == ahead
    assert known.equity == equity(clock, 900)
    assert known.baseline == Baseline(high_water_mark=Decimal(1000), day=START.date(), day_open=Decimal(1000))


def test_readings_count_after_the_wall_clock_went_back(metrics: MetricsRepository, clock: FakeClock) -> None:
    """An hour back is no hour of blindness."""
    metrics.record_equity(equity(clock, 1000))
    clock.jump(-3600)
    clock.advance(1)
    metrics.record_equity(equity(clock, 800))
    known = metrics.account("main")

    assert known is not None
    assert known.equity.amount == 800
    assert known.equity.received == clock.uptime()
    assert marks(metrics) == (1000, 1000)


def test_times_in_another_zone_are_the_same_times(metrics: MetricsRepository, clock: FakeClock) -> None:
    """A reading stamped in Tokyo is as old as one stamped in UTC."""
    reading = equity(clock, 1000)
    metrics.record_equity(replace(reading, time=reading.time.astimezone(ZoneInfo("Asia/Tokyo"))))
    known = metrics.account("main")

    assert known is not None
    assert known.equity == reading


def test_reads_from_another_thread_see_whole_records(metrics: MetricsRepository, clock: FakeClock) -> None:
    """While one thread writes, others never see an equity two steps above the mark or reports out of order."""
    done, failures = Event(), list[str]()

    def read() -> None:
        while not done.is_set():
            known = metrics.account("main")
            if known and (known.baseline is None or known.equity.amount > known.baseline.high_water_mark + 1):
                failures.append(str(known))
            times = [r.received for r in metrics.executions("main", 0.0)]
            if times != sorted(times):
                failures.append(str(times))

    readers = [Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(500):
        clock.advance(0.01)
        metrics.record_equity(equity(clock, 1000 + number))
        metrics.record_execution(execution(f"e{number}", clock.uptime()))
    done.set()
    for reader in readers:
        reader.join(10)

    assert failures == []
