"""The door of observations over empty readings, what comes in, and who looks."""

from dataclasses import dataclass, replace
from decimal import Decimal

from ess_server.core.attention import Lookout, Subject
from ess_server.core.intake import Intake
from ess_server.core.late_orders import LateOrders
from ess_server.core.ports import Readings
from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    EquityReading,
    FeedUpdate,
    HealthStatus,
)
from ess_server.testing import START, fake_readings

from .execution_reports import ORDER
from .rig import commissioned
from .virtual_time import running_clock

EQUITY = EquityReading(account="main", amount=Decimal(1000), currency="USDT", time=START, received=1.0)
FLOW = CashFlow(account="main", id="f1", amount=Decimal(-5), currency="USDT", time=START)
REPORT = replace(ORDER, id="x1", symbol="BTC/USDT:USDT", client_order_id="c1", quantity=Decimal(1), received=1.0)
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


class Looks:
    """Stands in for the monitor: counts the looks that were asked for, and looks when it is told to."""

    def __init__(self, *, counting: bool = False) -> None:
        self.lookout = Lookout()
        self.counting = counting

    def counts(self, *subjects: Subject) -> bool:  # noqa: ARG002 - the protocol's signature
        """Whether readings are counted."""
        return self.counting

    @property
    def wanted(self) -> frozenset[Subject]:
        """What is to be looked at since the look before; looks at it."""
        with self.lookout.look() as subjects:
            assert subjects is not None
            return subjects


@dataclass
class Door:
    """An intake, its readings, and who looks."""

    readings: Readings
    looks: Looks
    intake: Intake


async def opened(*, counting: bool = False) -> Door:
    """A door over empty readings."""
    readings, looks = fake_readings(), Looks(counting=counting)
    late = LateOrders((await commissioned()).controller)
    return Door(readings, looks, Intake(readings, running_clock(), looks, late))
