"""What the tests of the metrics file record and read back."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.evaluators import DrawdownEvaluator, DrawdownSettings
from ess_server.core.ports import MetricsRepository
from ess_server.core.readings import AccountMetrics, CashFlow, EquityReading
from ess_server.testing import FakeClock

ZONE = ZoneInfo("Europe/Berlin")

SOON = timedelta(seconds=20)

DRAWDOWN = DrawdownEvaluator(
    DrawdownSettings(account="main", max_drawdown_percent=Decimal(10), max_daily_loss_percent=Decimal(10))
)


def equity(clock: FakeClock, amount: str | int, account: str = "main") -> EquityReading:
    """Equity read and received now."""
    return EquityReading(
        account=account, amount=Decimal(amount), currency="USDT", time=clock.now(), received=clock.uptime()
    )


def flow(clock: FakeClock, amount: str | int, ident: str) -> CashFlow:
    """A cash flow of now."""
    return CashFlow(account="main", id=ident, amount=Decimal(amount), currency="USDT", time=clock.now())


def restart(metrics: SqliteMetricsRepository, path: Path, clock: FakeClock) -> SqliteMetricsRepository:
    """Close and open again, as in another process."""
    metrics.close(SOON)
    return SqliteMetricsRepository(path, clock, ZONE)


def known(metrics: MetricsRepository, account: str = "main") -> AccountMetrics:
    """What is known of an account that has readings."""
    found = metrics.account(account)
    assert found is not None
    return found


def marks(metrics: MetricsRepository) -> tuple[Decimal | int, Decimal | int] | None:
    """High-water mark and opening."""
    baseline = known(metrics).baseline
    return None if baseline is None else (baseline.high_water_mark, baseline.day_open)
