"""An equity that was read now, and what it is measured from."""

from datetime import date
from decimal import Decimal

from ess_server.core.readings import Baseline, EquityReading, Instant
from ess_server.testing import START

NOW = Instant(START, 1000.0)
BASELINE = Baseline(high_water_mark=Decimal(2000), day=date(2026, 1, 5), day_open=Decimal(1000))
USDT = EquityReading(account="main", amount=Decimal(1000), currency="USDT", time=START, received=1000.0)
