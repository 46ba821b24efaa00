"""The contract of ``MetricsRepository``, checked on every adapter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from zoneinfo import ZoneInfo

import pytest

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.account_book import MAX_CURRENCIES
from ess_server.core.errors import InvalidRequestError
from ess_server.core.execution_window import MAX_EXECUTIONS
from ess_server.core.ports import MetricsRepository
from ess_server.core.readings import Baseline, CashFlow, EquityReading, ExecutionReport, ExecutionType
from ess_server.core.recent_ids import MAX_IDS
from ess_server.testing import START, FakeClock

ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture(params=["memory", "sqlite"])
def metrics(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[MetricsRepository]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryMetricsRepository(clock, ZONE)
        return
    repository = SqliteMetricsRepository(tmp_path / "metrics.db", clock, ZONE)
    yield repository
    repository.close()
    assert repository.problem == ""


def equity(clock: FakeClock, amount: str | int, account: str = "main", currency: str = "USDT") -> EquityReading:
    """Equity read and received now."""
    return EquityReading(
        account=account, amount=Decimal(amount), currency=currency, time=clock.now(), received=clock.uptime()
    )


def flow(clock: FakeClock, amount: str | int, ident: str, account: str = "main", currency: str = "USDT") -> CashFlow:
    """A cash flow of now."""
    return CashFlow(account=account, id=ident, amount=Decimal(amount), currency=currency, time=clock.now())


def execution(ident: str, received: float, account: str = "main") -> ExecutionReport:
    """An execution report."""
    return ExecutionReport(
        account=account,
        id=ident,
        symbol="BTC/USDT:USDT",
        execution_type=ExecutionType.TRADE,
        side="buy",
        client_order_id="c",
        quantity=Decimal(1),
        price=Decimal(100),
        expected_price=None,
        stop_loss=False,
        strategy="",
        detail="",
        time=START,
        received=received,
    )


def baseline(metrics: MetricsRepository, account: str = "main") -> Baseline | None:
    """The baseline of an account that has readings."""
    known = metrics.account(account)
    assert known is not None
    return known.baseline


def marks(metrics: MetricsRepository, account: str = "main") -> tuple[Decimal | int, Decimal | int]:
    """High-water mark and opening of an account that has a baseline."""
    known = baseline(metrics, account)
    assert known is not None
    return known.high_water_mark, known.day_open


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


def test_cash_flow_counts_once_per_account(metrics: MetricsRepository, clock: FakeClock) -> None:
    """The same id again moves nothing; in another account it is another flow."""
    for account in ("main", "other"):
        metrics.record_equity(equity(clock, 1000, account))
    clock.advance(1)
    taken = [metrics.record_cash_flow(flow(clock, 500, "f", account)) for account in ("main", "main", "other")]
    for account in ("main", "other"):
        metrics.record_equity(equity(clock, 1500, account))

    assert taken == [True, False, True]
    assert marks(metrics, "main") == marks(metrics, "other") == (1500, 1500)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_cash_flow_without_a_finite_amount_is_refused_whole(
    metrics: MetricsRepository, clock: FakeClock, amount: str
) -> None:
    """The field is named, no baseline is poisoned, and the id stays free for the corrected report."""
    metrics.record_equity(equity(clock, 1000))
    with pytest.raises(InvalidRequestError, match="amount"):
        metrics.record_cash_flow(flow(clock, amount, "f"))
    clock.advance(1)

    assert metrics.record_cash_flow(flow(clock, 500, "f"))

    metrics.record_equity(equity(clock, 1500))

    assert marks(metrics) == (1500, 1500)


def test_deposit_in_either_order_is_neither_drawdown_nor_gain(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Reported before the equity that contains it or after it, the marks move by it exactly once."""
    metrics.record_equity(equity(clock, 1000))
    clock.advance(10)
    early, late = flow(clock, 500, "early"), flow(clock, 250, "late")
    metrics.record_cash_flow(early)
    before = marks(metrics)
    clock.advance(10)
    metrics.record_equity(equity(clock, 1750))
    metrics.record_cash_flow(late)

    assert before == (1000, 1000)
    assert marks(metrics) == (1750, 1750)


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


def test_currencies_are_kept_apart(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Equity in one currency and flows in another do not touch each other's baseline."""
    metrics.record_equity(equity(clock, 1000))
    clock.advance(1)
    metrics.record_equity(equity(clock, 2, currency="BTC"))
    in_btc = marks(metrics)
    clock.advance(1)
    metrics.record_cash_flow(flow(clock, 1, "btc", currency="BTC"))
    metrics.record_equity(equity(clock, 1000))

    assert in_btc == (2, 2)
    assert marks(metrics) == (1000, 1000)


def test_currencies_are_bounded(metrics: MetricsRepository, clock: FakeClock) -> None:
    """One too many has an equity without a baseline; the others keep theirs, and its flows are known all the same."""
    for number in range(MAX_CURRENCIES + 1):
        clock.advance(1)
        metrics.record_equity(equity(clock, 1000, currency=f"C{number}"))
    surplus = baseline(metrics)
    taken = [metrics.record_cash_flow(flow(clock, 5, "f", currency=f"C{MAX_CURRENCIES}")) for _ in range(2)]
    clock.advance(1)
    metrics.record_equity(equity(clock, 900, currency="C0"))

    assert surplus is None
    assert taken == [True, False]
    assert marks(metrics) == (1000, 1000)


def test_day_begins_in_the_configured_zone(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Midnight in Berlin is 23:00 UTC in winter."""
    clock.jump(datetime(2026, 1, 5, 22, 59, 59, tzinfo=UTC) - clock.now())
    metrics.record_equity(equity(clock, 1000))
    clock.advance(1)
    metrics.record_equity(equity(clock, 900))

    assert marks(metrics) == (1000, 900)


def test_executions_are_returned_from_an_uptime_on_oldest_first(metrics: MetricsRepository) -> None:
    """At or after it, in the order of arrival by uptime even when two threads swap places."""
    for ident, received in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 3.0), ("e", 4.0)):
        metrics.record_execution(execution(ident, received))
    metrics.record_execution(execution("x", 9.0, account="other"))

    assert [r.id for r in metrics.executions("main", 2.0)] == ["c", "b", "d", "e"]
    assert list(metrics.executions("main", 4.5)) == []
    assert list(metrics.executions("nobody", 0.0)) == []


def test_execution_counts_once_per_account(metrics: MetricsRepository) -> None:
    """The same id again is told from a new one."""
    taken = [metrics.record_execution(execution("e", 1.0, account)) for account in ("main", "main", "other")]

    assert taken == [True, False, True]
    assert len(metrics.executions("main", 0.0)) == 1


def test_executions_and_their_ids_are_bounded(metrics: MetricsRepository) -> None:
    """The newest are kept; an id that was forgotten with its report is new again, a recent one is not."""
    for number in range(MAX_EXECUTIONS + 5):
        metrics.record_execution(execution(f"e{number}", float(number)))
    kept = metrics.executions("main", 0.0)

    assert len(kept) == MAX_EXECUTIONS
    assert (kept[0].id, kept[-1].id) == ("e5", f"e{MAX_EXECUTIONS + 4}")
    assert not metrics.record_execution(execution(f"e{MAX_EXECUTIONS}", 1e6))
    assert metrics.record_execution(execution("e0", 1e6))


def test_flow_ids_are_bounded(metrics: MetricsRepository, clock: FakeClock) -> None:
    """The newest ids are known, the oldest are forgotten, and memory does not grow with every flow."""
    for number in range(MAX_IDS + 2):
        clock.advance(1)
        metrics.record_cash_flow(flow(clock, 1, f"f{number}"))

    assert not metrics.record_cash_flow(flow(clock, 1, "f2"))
    assert metrics.record_cash_flow(flow(clock, 1, "f1"))


def test_rebaseline_starts_from_the_latest_usable_reading(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Neither the old high nor a NaN since then; other accounts keep theirs, and unknown ones are no error."""
    for account in ("main", "other"):
        metrics.record_equity(equity(clock, 2000, account))
    for amount in ("1000", "NaN"):
        clock.advance(1)
        metrics.record_equity(equity(clock, amount))
    metrics.rebaseline(["main", "never-seen"])

    assert marks(metrics) == (1000, 1000)
    assert marks(metrics, "other") == (2000, 2000)
    assert metrics.account("never-seen") is None


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


def untrusted(clock: FakeClock) -> MemoryMetricsRepository:
    """A repository whose earlier baselines were lost."""
    return MemoryMetricsRepository(clock, ZONE, trusted=False)


Start = Callable[[MetricsRepository, FakeClock], None]


def _reading_then_rebaseline(metrics: MetricsRepository, clock: FakeClock) -> None:
    metrics.record_equity(equity(clock, 1000))
    metrics.rebaseline(["main"])


def _rebaseline_then_reading(metrics: MetricsRepository, clock: FakeClock) -> None:
    metrics.rebaseline(["main"])
    metrics.record_equity(equity(clock, 1000))


@pytest.mark.parametrize("start", [_reading_then_rebaseline, _rebaseline_then_reading])
def test_lost_baselines_stay_lost_until_a_person_starts_them_anew(clock: FakeClock, start: Start) -> None:
    """The equity is read, the baseline is not believed; rebaseline ends that for the accounts it names."""
    metrics = untrusted(clock)
    metrics.record_equity(equity(clock, 1000, "other"))
    start(metrics, clock)

    assert baseline(metrics, "other") is None
    assert marks(metrics) == (1000, 1000)
