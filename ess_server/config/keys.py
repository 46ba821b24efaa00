"""How fields of the settings are called in the file: durations carry their unit in the key."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from typing import Any, NamedTuple, get_type_hints


class Key(NamedTuple):
    """One key of a table. ``unit`` is ``s`` or ``ms`` for durations, else empty."""

    name: str
    field: str
    type: Any
    unit: str
    required: bool


def keys_of(settings: type) -> Iterator[Key]:
    """Yield the keys of a settings class in the order of its fields."""
    types = get_type_hints(settings)
    for field in fields(settings):
        unit = _unit(field) if types[field.name] is timedelta else ""
        suffix = {"": "", "ms": "_ms", "s": "_seconds"}[unit]
        required = field.default is MISSING and field.default_factory is MISSING
        yield Key(field.name + suffix, field.name, types[field.name], unit, required)


def _unit(field: Field[Any]) -> str:
    unit: str = field.metadata.get("unit", "ms")
    return unit
