"""What is recorded, and the baseline that is made of it."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from ess_server.core.ports import MetricsRepository
from ess_server.core.readings import Baseline, CashFlow, EquityReading, ExecutionReport, ExecutionType
from ess_server.testing import START, FakeClock

ZONE = ZoneInfo("Europe/Berlin")


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
