"""What holds whatever the facts on an account are."""

from hypothesis import given

from ess_server.core.doctor import judge
from ess_server.core.examination import Examination
from ess_server.core.findings import Grade
from ess_server.core.record_wire import from_wire, to_wire
from ess_server.testing import START

from .examined import facts


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
