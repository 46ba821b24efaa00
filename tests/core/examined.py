"""An account that is well, and a configuration without dangers."""

from datetime import timedelta

from ess_server.core.doctor import Arrangement
from ess_server.core.examination import (
    CheckedBy,
    ClockFacts,
    Coverage,
    DeadManWorth,
    Examination,
    KeyFacts,
    Load,
    RequestLimits,
)
from ess_server.core.model import Action

MS = timedelta(milliseconds=1)
LIMITS = RequestLimits(read_burst=100, read_per_second=10, read_weight=10, send_burst=300, send_per_second=20)
WELL = Examination(
    account="main",
    exchange="binanceusdm",
    key=KeyFacts(valid=True, may_trade=True, may_withdraw=False, bound=True, never_expires=True),
    clock=ClockFacts(ahead=12 * MS, round_trip=40 * MS, send_valid=1750 * MS),
    hedge_mode=False,
    account_mode="single asset",
    load=Load(orders=2, positions=1, symbols=1, parts=1),
    dead_man=DeadManWorth.USABLE,
    coverage=Coverage(checked_by=CheckedBy.PAPER_DIALECT, covered=("orders", "conditional orders", "positions")),
    limits=LIMITS,
)
ARRANGED = Arrangement(accounts=1, same_keys=(), paper=(), live=2, shadow=0, expected=1, default_action=Action.FLATTEN)
