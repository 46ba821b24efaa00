"""The contract of ``MetricsRepository``: deposits and withdrawals, in several currencies."""

import pytest

from ess_server.core.account_book import MAX_CURRENCIES
from ess_server.core.errors import InvalidRequestError
from ess_server.core.ports import MetricsRepository
from ess_server.core.recent_ids import MAX_IDS
from ess_server.testing import FakeClock
from tests.contract.metrics_repository.entries import baseline, equity, flow, marks


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


def test_flow_ids_are_bounded(metrics: MetricsRepository, clock: FakeClock) -> None:
    """The newest ids are known, the oldest are forgotten, and memory does not grow with every flow."""
    for number in range(MAX_IDS + 2):
        clock.advance(1)
        metrics.record_cash_flow(flow(clock, 1, f"f{number}"))

    assert not metrics.record_cash_flow(flow(clock, 1, "f2"))
    assert metrics.record_cash_flow(flow(clock, 1, "f1"))
