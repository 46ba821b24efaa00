"""Fills frozen values that are made thousands of times a second, in half of the time that the usual way takes."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

Setter = Callable[[object, object], None]


def setters(made: type[Any]) -> tuple[Setter, ...]:
    """Return what sets each field of a frozen dataclass with slots, in the order of its fields.

    For its own ``__init__`` alone: whoever has a value may rely on it.
    """
    return tuple(vars(made)[field.name].__set__ for field in fields(made))
