"""The one door of observations: what comes in reaches its reader, and somebody looks."""

from dataclasses import replace
from decimal import Decimal

from ess_server.core.intake import Intake
from ess_server.core.late_orders import LateOrders
from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    ComponentPoll,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    FeedUpdate,
    HealthStatus,
)
from ess_server.testing import START, fake_readings, host_figures

from .rig import commissioned
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop
EQUITY = EquityReading(account="main", amount=Decimal(1000), currency="USDT", time=START, received=1.0)
FLOW = CashFlow(account="main", id="f1", amount=Decimal(-5), currency="USDT", time=START)
REPORT = ExecutionReport(
    account="main",
    id="x1",
    symbol="BTC/USDT:USDT",
    execution_type=ExecutionType.NEW,
    side="buy",
    client_order_id="c1",
    quantity=Decimal(1),
    price=None,
    expected_price=None,
    stop_loss=False,
    strategy="",
    detail="",
    time=START,
    received=1.0,
)
HEALTH = ComponentHealth(component="oms", status=HealthStatus.HEALTHY, detail="", time=START, received=1.0)
UPDATE = FeedUpdate(
    feed="f",
    symbol="BTC",
    bid=Decimal(1),
    ask=Decimal(2),
    last=None,
    sequence=None,
    corrupt=False,
    detail="",
    time=START,
    received=1.0,
)


async def test_every_kind_reaches_its_reader_and_is_looked_at() -> None:
    """What is taken can be read at once, and each observation asks the evaluators to look."""
    readings, looks = fake_readings(), []
    intake = Intake(readings, lambda: looks.append(len(looks)), LateOrders((await commissioned()).controller))
    intake.equity(EQUITY)
    flows = [intake.cash_flow(FLOW), intake.cash_flow(FLOW)]
    reports = [intake.execution(REPORT), intake.execution(REPORT)]
    intake.health(HEALTH)
    intake.feed(UPDATE)
    known = readings.metrics.account("main")

    assert known is not None
    assert known.equity == EQUITY
    assert (flows, reports) == ([True, False], [True, False])
    assert readings.metrics.executions("main", 0.0) == [REPORT]
    assert readings.health.components() == {"oms": HEALTH}
    assert readings.feeds.updates("f") == {"BTC": UPDATE}
    assert len(looks) == 7


async def test_figures_of_the_host_are_looked_at_and_of_polls_only_bad_news() -> None:
    """Fifty components that answer that they are well, every second, ask for no fifty looks; one that is not does."""
    readings, looks = fake_readings(), []
    intake = Intake(readings, lambda: looks.append(len(looks)), LateOrders((await commissioned()).controller))
    intake.host(host_figures())
    asked = ComponentPoll(component="oms", max_silence=None, asked_since=0.0, tried=1.0)
    intake.poll(asked)
    intake.poll(replace(asked, answered=1.0), HEALTH)
    quiet = len(looks)
    intake.poll(replace(asked, answered=2.0), replace(HEALTH, status=HealthStatus.DEGRADED))

    assert readings.health.host() == host_figures()
    assert readings.health.polls() == {"oms": replace(asked, answered=2.0)}
    assert readings.health.components()["oms"].status is HealthStatus.DEGRADED
    assert (quiet, len(looks)) == (1, 2)
