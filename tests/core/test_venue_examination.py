"""Facts between an examining process and whoever asked."""

import pytest
from hypothesis import given

from ess_server.core.examination import Examination
from ess_server.core.venue_examination import examination_message, read_examination
from ess_server.core.venue_wire import LinkError, decode, encode

from .examined import facts


@pytest.mark.traced
@given(facts)
def test_facts_cross_the_pipe(seen: Examination) -> None:
    """Property: a line that was encoded is read as the same facts."""
    assert read_examination(decode(encode(examination_message(seen)))) == seen


@pytest.mark.parametrize("message", [{}, {"facts": {}}, {"facts": {"account": 1}}, {"facts": {"account": "a", "x": 1}}])
def test_anything_else_breaks_the_protocol(message: dict[str, object]) -> None:
    """Property: what is no examination is LinkError."""
    with pytest.raises(LinkError, match="examination"):
        read_examination({"type": "examination", **message})
