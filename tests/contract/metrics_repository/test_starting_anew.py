"""The contract of ``MetricsRepository``: when a day begins, and when a person starts the baselines anew."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.core.ports import MetricsRepository
from ess_server.testing import FakeClock
from tests.contract.metrics_repository.entries import ZONE, baseline, equity, marks


def test_day_begins_in_the_configured_zone(metrics: MetricsRepository, clock: FakeClock) -> None:
    """Midnight in Berlin is 23:00 UTC in winter."""
    clock.jump(datetime(2026, 1, 5, 22, 59, 59, tzinfo=UTC) - clock.now())
    metrics.record_equity(equity(clock, 1000))
    clock.advance(1)
    metrics.record_equity(equity(clock, 900))

    assert marks(metrics) == (1000, 900)


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
