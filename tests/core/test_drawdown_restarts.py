"""Drawdown over any sequence of readings and restarts: the verdicts are those without any restart."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.evaluators import DrawdownSettings
from ess_server.core.readings import Unknown
from ess_server.testing import FakeClock
from tests.core.drawdown_limits import BAD, NEAR_MIDNIGHT, of_one, of_sum, quick
from tests.core.losses import ZONE, Remembered, Watch
from tests.exploration import explored

SOON = timedelta(seconds=20)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("both"), st.integers(800, 1100)),
        st.tuples(st.sampled_from(["main", "hedge"]), st.one_of(BAD, st.integers(800, 1100).map(str))),
        st.tuples(st.just("late"), st.integers(800, 1100)),
        st.tuples(st.just("flow"), st.integers(-90, 90)),
        st.tuples(st.just("flow of hedge"), st.integers(-90, 90)),
        st.tuples(st.just("late flow"), st.integers(-90, 90)),
        st.tuples(st.just("gap"), st.sampled_from([5, 200, 2000, 50_000])),
        st.tuples(st.just("clock"), st.sampled_from([-30, 30])),
    ),
    min_size=1,
    max_size=20,
)


def perform(watch: Watch, name: str, value: Any) -> None:
    """Carry out one step; the clock is the caller's, because two watches share it."""
    late = watch.clock.now() - timedelta(seconds=2.5)
    match name:
        case "both":
            watch.read(value)
            watch.read(500, "hedge")
        case "main" | "hedge":
            watch.read(value, name)
        case "late":
            watch.read(value, at=late)
        case "flow":
            watch.move(value)
        case "flow of hedge":
            watch.move(value, "hedge")
        case "late flow":
            watch.move(value, at=late)


def compare(through: Watch, restarted: Watch) -> None:
    """One that has been restarted says the same, or that it has not heard of some account since."""
    one, other = through.verdict(), restarted.verdict()

    assert one == other or (isinstance(other, Unknown) and "no equity since the start" in other.detail)


@quick
@given(OPERATIONS, st.integers(0, 2**20 - 1), st.sampled_from([of_one(), of_sum()]))
def test_restart_anywhere_gives_the_same_verdicts(
    operations: list[tuple[str, Any]], restarts: int, wanted: DrawdownSettings
) -> None:
    """From what would have been saved, of one account and of a sum, over days, flows, gaps and clocks set back."""
    clock = FakeClock(NEAR_MIDNIGHT)
    through, restarted = Watch(wanted, clock), Watch(wanted, clock, Remembered)
    for number, (name, value) in enumerate([*operations, ("both", 1000), ("both", 900), ("both", 900)]):
        if number < len(operations) and restarts >> number & 1:
            assert isinstance(restarted.metrics, Remembered)
            restarted.use(restarted.metrics.restarted(clock))
        clock.advance(value if name == "gap" else 1)
        clock.jump(value if name == "clock" else 0)
        for watch in (through, restarted):
            perform(watch, name, value)
        compare(through, restarted)

    assert through.verdict() == restarted.verdict()


@explored(15)
@given(OPERATIONS, st.integers(0, 2**20 - 1))
def test_restart_through_the_real_file_gives_the_same_verdicts(
    operations: list[tuple[str, Any]], restarts: int
) -> None:
    """The same, of a sum, with what SQLite brings back."""
    clock = FakeClock(NEAR_MIDNIGHT)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        through = Watch(of_sum(), clock)
        restarted = Watch(of_sum(), clock, lambda clock: SqliteMetricsRepository(path, clock, ZONE))
        for number, (name, value) in enumerate([*operations, ("both", 1000), ("both", 900), ("both", 900)]):
            assert isinstance(restarted.metrics, SqliteMetricsRepository)
            if number < len(operations) and restarts >> number & 1:
                restarted.metrics.close(SOON)
                restarted.use(SqliteMetricsRepository(path, clock, ZONE))
            clock.advance(value if name == "gap" else 1)
            clock.jump(value if name == "clock" else 0)
            for watch in (through, restarted):
                perform(watch, name, value)
            compare(through, restarted)

        assert through.verdict() == restarted.verdict()
        assert isinstance(restarted.metrics, SqliteMetricsRepository)
        restarted.metrics.close(SOON)
