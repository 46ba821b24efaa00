"""Values that fill their own fields, because they are made so often, are frozen dataclasses like every other."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, make_dataclass, replace
from inspect import Parameter, signature
from typing import Any

import pytest

from ess_server.core.readings import AccountMetrics, Clear, EquityReading, Instant, Measure
from ess_server.core.setters import setters

MADE = [(Instant, 1), (EquityReading, 0), (AccountMetrics, 0), (Measure, 0), (Clear, 0)]
"""Each with the number of its fields that may be left out."""


@pytest.mark.parametrize(("made", "optional"), MADE)
def test_each_field_is_what_was_given_for_it(made: type[Any], optional: int) -> None:
    """None is mistaken for another, each has to be given unless it has a default, and a copy differs where asked."""
    parameters = list(signature(made).parameters.values())
    names = [field.name for field in fields(made)]
    assert [p.name for p in parameters] == names
    assert sum(p.default is not Parameter.empty for p in parameters) == optional
    values = {name: number for number, name in enumerate(names)}
    one = made(**values)
    assert {name: getattr(one, name) for name in names} == values
    other = replace(one, **{names[0]: "another"})
    assert (getattr(other, names[0]), other == one) == ("another", False)


@pytest.mark.parametrize(("made", "optional"), MADE)
def test_a_value_is_frozen_and_equal_to_its_like(made: type[Any], optional: int) -> None:
    """It cannot be changed, and equality, hash, text and a copy through pickle go by its fields."""
    values = {field.name: number for number, field in enumerate(fields(made))}
    one, like = made(**values), pickle.loads(pickle.dumps(made(**values)))
    usual = make_dataclass(made.__name__, values, frozen=True)(**values)
    assert (one, hash(one), repr(one)) == (like, hash(like), repr(usual))
    for name in values:
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 7)
    assert len(values) > optional


def test_setters_are_in_the_order_of_the_fields() -> None:
    """The first sets the first field, and so on, although the value is frozen."""

    @dataclass(frozen=True, slots=True, init=False)
    class Pair:
        left: int
        right: int

    pair = Pair()
    left, right = setters(Pair)
    left(pair, 1)
    right(pair, 2)
    assert (pair.left, pair.right) == (1, 2)
