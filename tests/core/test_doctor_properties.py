"""What holds whatever the facts on an account are."""

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.doctor import judge
from ess_server.core.examination import (
    Capability,
    CheckedBy,
    Coverage,
    DeadManWorth,
    Examination,
    KeyFacts,
    Load,
    MarketFacts,
    Topic,
)
from ess_server.core.findings import Grade
from ess_server.core.record_wire import from_wire, to_wire
from ess_server.testing import START
from tests.core.examined import LIMITS, WELL

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


@given(facts)
def test_whatever_the_facts_a_stop_that_cannot_work_is_never_called_well(seen: Examination) -> None:
    """Property: without a working key and a complete reading something is UNKNOWN or UNSAFE, with a next step."""
    findings = judge(seen, now=START)
    worst = max(f.grade for f in findings)

    if seen.key.valid is not True or seen.load is None or seen.key.may_trade is False or seen.unread.get("venue"):
        assert worst >= Grade.UNKNOWN
    assert all(f.remedy for f in findings if f.grade >= Grade.WARN)


@given(facts)
def test_facts_travel_unchanged(seen: Examination) -> None:
    """Property: what is read from the wire is what was put on it."""
    assert from_wire(Examination, to_wire(seen)) == seen
