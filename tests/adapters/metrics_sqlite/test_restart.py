"""Figures that survive restarts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.account_book import NEVER
from ess_server.core.ports import MetricsRepository, Readings
from ess_server.core.readings import Trip, Unknown
from ess_server.testing import FakeClock, FakeFeeds, FakeHealth
from tests.adapters.metrics_sqlite.figures import DRAWDOWN, SOON, ZONE, equity, flow, known, marks, restart
from tests.exploration import explored

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.sampled_from([1, 60, 1000, 40_000])),
        st.tuples(st.just("equity"), st.sampled_from(["1000", "1100.5", "950", "NaN", "0"])),
        st.tuples(st.just("late"), st.sampled_from([0.5, 30, 1000, 5000])),
        st.tuples(st.just("flow"), st.sampled_from(["500", "-200", "0.25"])),
        st.tuples(st.just("late flow"), st.sampled_from([0.5, 30, 1000, 5000])),
        st.tuples(st.just("jump"), st.sampled_from([-100, 100])),
        st.tuples(st.just("rebaseline"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=30,
)


def perform(metrics: MetricsRepository, clock: FakeClock, name: str, value: Any, number: int) -> None:
    """Carry out what concerns any repository."""
    late = clock.now() - timedelta(seconds=value if name.startswith("late") else 0)
    if name == "rebaseline":
        metrics.rebaseline(["main"])
    elif name == "equity":
        metrics.record_equity(equity(clock, value))
    elif name == "late":
        metrics.record_equity(replace(equity(clock, 1050), time=late))
    elif name in ("flow", "late flow"):
        reported = replace(flow(clock, value if name == "flow" else 70, f"{number}"), time=late)

        assert [metrics.record_cash_flow(reported) for _ in range(2)] == [True, False]


@explored(40)
@given(OPERATIONS)
def test_restart_anywhere_gives_the_same_baselines_and_knows_the_same_flows(operations: list[tuple[str, Any]]) -> None:
    """Whatever was recorded, saved in whatever portions, a restarted repository goes on like one that never ended."""
    clock = FakeClock()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        model = MemoryMetricsRepository(clock, ZONE)
        metrics = SqliteMetricsRepository(path, clock, ZONE)
        for number, (name, value) in enumerate([*operations, ("restart", 0)]):
            if name == "advance":
                clock.advance(value)
            elif name == "jump":
                clock.jump(value)
            elif name == "flush":
                assert metrics.flush(SOON)
            elif name == "restart":
                metrics = restart(metrics, path, clock)
            perform(model, clock, name, value, number)
            perform(metrics, clock, name, value, number)

            assert seen(metrics) == seen(model)
        for number in range(len(operations)):
            repeated = flow(clock, 1, f"{number}")

            assert metrics.record_cash_flow(repeated) == model.record_cash_flow(repeated)
        assert metrics.problem == ""

        metrics.close(SOON)


def seen(metrics: MetricsRepository) -> str:
    """All but when the equity arrived."""
    found = metrics.account("main")
    return str(found and replace(found, equity=replace(found.equity, received=0.0)))


def test_equity_from_before_the_restart_is_shown_but_unknown(
    metrics: SqliteMetricsRepository, path: Path, clock: FakeClock
) -> None:
    """It keeps its time and counts as never received; the first new reading is judged by the old high-water mark."""
    metrics.record_equity(equity(clock, 1000))
    before = known(metrics)
    metrics = restart(metrics, path, clock)
    readings = Readings(metrics, FakeHealth(), FakeFeeds())
    restored, verdict = known(metrics), DRAWDOWN.evaluate(readings, clock.instant())
    clock.advance(1)
    metrics.record_equity(equity(clock, 890))

    assert restored.equity == replace(before.equity, received=NEVER)
    assert restored.baseline == before.baseline
    assert verdict == Unknown("account main: no equity since the start")
    assert isinstance(DRAWDOWN.evaluate(readings, clock.instant()), Trip)


def test_deposit_that_no_reading_contained_before_the_restart_counts_after_it(
    metrics: SqliteMetricsRepository, path: Path, clock: FakeClock
) -> None:
    """Its id is known, so it will not come again: it must wait for its reading across the restart."""
    metrics.record_equity(equity(clock, 1000))
    assert metrics.flush(SOON)
    clock.advance(1)
    metrics.record_cash_flow(flow(clock, 500, "deposit"))
    metrics = restart(metrics, path, clock)
    clock.advance(1)
    metrics.record_equity(equity(clock, 1400))

    assert marks(metrics) == (1500, 1500)

    metrics.close(SOON)


def test_rebaseline_survives_a_restart(metrics: SqliteMetricsRepository, path: Path, clock: FakeClock) -> None:
    """What was saved before it is replaced, not added to."""
    for amount in (2000, 1000):
        clock.advance(1)
        metrics.record_equity(equity(clock, amount))
    assert metrics.flush(SOON)
    metrics.rebaseline(["main"])
    metrics = restart(metrics, path, clock)

    assert marks(metrics) == (1000, 1000)

    metrics.close(SOON)
