"""Records on the wire: what is not exactly a record is refused, never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

import pytest

from ess_server.core.record_wire import from_wire, to_wire


class Colour(Enum):
    """A word."""

    RED = "red"


@dataclass(frozen=True)
class Inner:
    """A part."""

    name: str


@dataclass(frozen=True)
class Outer:
    """Everything that a record may hold."""

    share: float
    flag: bool = False
    count: int = 0
    colour: Colour = Colour.RED
    after: timedelta | None = None
    at: datetime | None = None
    inner: Inner | None = None
    names: tuple[str, ...] = ()
    parts: tuple[Inner, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


FULL = Outer(
    share=0.5,
    flag=True,
    count=3,
    after=timedelta(milliseconds=250),
    at=datetime(2026, 1, 5, tzinfo=UTC),
    inner=Inner("a"),
    names=("x", "y"),
    parts=(Inner("b"), Inner("c")),
    told={"why": "because"},
)


def test_a_record_comes_back_as_it_was() -> None:
    """Also with whole numbers where a fraction is meant, and with what is not there."""
    assert from_wire(Outer, to_wire(FULL)) == FULL
    assert from_wire(Outer, {"share": 1}) == Outer(share=1.0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"share": "1"},
        {"share": True},
        {"share": 1, "extra": 1},
        {"share": 1, "flag": 1},
        {"share": 1, "count": True},
        {"share": 1, "colour": "blue"},
        {"share": 1, "after": "soon"},
        {"share": 1, "at": 5},
        {"share": 1, "at": "yesterday"},
        {"share": 1, "inner": "a"},
        {"share": 1, "inner": {}},
        {"share": 1, "names": "xy"},
        {"share": 1, "names": [1]},
        {"share": 1, "parts": [{"name": None}]},
        {"share": 1, "told": []},
        {"share": 1, "told": {"why": 1}},
    ],
)
def test_anything_else_is_an_error(value: object) -> None:
    """Property: wrong kinds, unknown names and missing ones raise ValueError or TypeError."""
    with pytest.raises((ValueError, TypeError)):
        from_wire(Outer, value)
