"""An account that is well, whatever else may be read of one, and a configuration without dangers."""

from datetime import timedelta

from hypothesis import strategies as st

from ess_server.core.doctor import Arrangement
from ess_server.core.examination import (
    Capability,
    CheckedBy,
    ClockFacts,
    Coverage,
    DeadManWorth,
    Examination,
    KeyFacts,
    Load,
    MarketFacts,
    RequestLimits,
    Topic,
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
facts = st.builds(
    Examination,
    account=st.just("main"),
    unread=st.dictionaries(st.sampled_from([t.value for t in Topic]), st.text(min_size=1, max_size=9), max_size=4),
    key=st.builds(
        KeyFacts,
        valid=st.sampled_from([None, True, False]),
        may_trade=st.sampled_from([None, True, False]),
        may_withdraw=st.sampled_from([None, True, False]),
        bound=st.sampled_from([None, True, False]),
    ),
    hedge_mode=st.sampled_from([None, True, False]),
    clock=st.none() | st.just(WELL.clock),
    load=st.none() | st.builds(Load, orders=st.integers(0, 500), symbols=st.integers(0, 9)),
    markets=st.builds(MarketFacts, halted=st.lists(st.text(max_size=3), max_size=7).map(tuple)),
    dead_man=st.none() | st.sampled_from(list(DeadManWorth)),
    coverage=st.none() | st.builds(Coverage, checked_by=st.sampled_from(list(CheckedBy)), covered=st.just(("x",))),
    limits=st.none() | st.just(LIMITS),
    lacks=st.lists(st.sampled_from(list(Capability)), max_size=3).map(tuple),
)
