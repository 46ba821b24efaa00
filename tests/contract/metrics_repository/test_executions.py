"""The contract of ``MetricsRepository``: execution reports."""

from ess_server.core.execution_window import MAX_EXECUTIONS
from ess_server.core.ports import MetricsRepository
from tests.contract.metrics_repository.entries import execution


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
