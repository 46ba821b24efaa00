"""Frozen records as JSON and back, by their type annotations: for records that only travel and are never stored."""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

R = TypeVar("R")


def to_wire(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a record as JSON has it; durations are seconds."""
    if is_dataclass(value):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    match value:
        case Enum():
            return value.value
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.isoformat()
        case tuple():
            return [to_wire(one) for one in value]
    return {name: to_wire(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def from_wire(record: type[R], value: object) -> R:
    """Return the record that ``value`` says. Raises ValueError or TypeError for anything else; extra names too."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{record.__name__}: not an object")
    hints = get_type_hints(record)
    unknown = set(value) - set(hints)
    if unknown:
        raise ValueError(f"{record.__name__}: unknown {min(unknown)!r:.40}")
    return record(**{str(name): _read(hints[str(name)], one) for name, one in value.items()})


def _read(kind: Any, value: object) -> Any:  # noqa: ANN401 - a type annotation, and what it says
    if get_origin(kind) in (Union, types.UnionType):
        inner = next(one for one in get_args(kind) if one is not type(None))
        return None if value is None else _read(inner, value)
    if is_dataclass(kind):
        return from_wire(kind, value)  # type: ignore[arg-type] # a class, for it is an annotation
    reader = _READERS.get(get_origin(kind) or kind)
    if reader is not None:
        return reader(kind, value)
    return kind(value) if issubclass(kind, Enum) else _exactly(kind, value)


def _exactly(kind: type, value: object) -> object:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {value!r:.40}")
    return value


def _tuple(kind: Any, value: object) -> tuple[Any, ...]:  # noqa: ANN401 - as above
    items: Any = _exactly(list, value)
    return tuple(_read(get_args(kind)[0], one) for one in items)


def _mapping(kind: Any, value: object) -> dict[str, Any]:  # noqa: ANN401 - as above
    items: Any = _exactly(dict, value)
    return {name: _read(get_args(kind)[1], one) for name, one in items.items()}


def _number(_: Any, value: object) -> float:  # noqa: ANN401 - as above
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {value!r:.40}")
    return float(value)


_READERS: Mapping[Any, Callable[[Any, object], Any]] = types.MappingProxyType(
    {
        tuple: _tuple,
        Mapping: _mapping,
        float: _number,
        timedelta: lambda _, value: timedelta(seconds=_number(_, value)),
        datetime: lambda _, value: datetime.fromisoformat(str(_exactly(str, value))),
    }
)
