"""Execution reports, and the verdict on them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.core.evaluators import ExecutionErrorsEvaluator, ExecutionErrorsSettings
from ess_server.core.ports import Readings
from ess_server.core.readings import ExecutionReport, ExecutionType, Instant, Verdict
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
