"""Settings in force, defaults included, as the file would say them. Keys and secrets are places, never contents."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ess_server.config.keys import keys_of
from ess_server.config.settings import PaperEndpoint, Settings
from ess_server.core.model import Action, Scope

_PLACES_OF_TABLES = (
    ("server",),
    ("server", "tls"),
    ("host",),
    ("accounts",),
    ("feeds",),
    ("components",),
    ("components", "tls"),
    ("evaluators",),
)


def document(settings: Settings) -> dict[str, Any]:
    """Return the settings as nested mappings, with numbers as int or Decimal; what is not set is None."""
    return _table(settings)


def show(settings: Settings) -> str:
    """Return the settings as TOML that loads to the same settings; what is not set is a comment."""
    return "\n".join(_lines(document(settings), ())) + "\n"


def written(value: object, unit: str = "") -> str:
    """Return one value as the file would say it; ``unit`` is that of its key."""
    return _value(_plain(value, unit))


def _table(settings: Any) -> dict[str, Any]:  # noqa: ANN401 - any settings class
    if isinstance(settings, PaperEndpoint):
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return {"address": f"{host}:{settings.port}", "ca_file": str(settings.ca_file)}
    return {key.name: _plain(getattr(settings, key.field), key.unit) for key in keys_of(type(settings))}


def _plain(value: object, unit: str) -> Any:  # noqa: ANN401 - what JSON knows
    if is_dataclass(value) and not isinstance(value, Scope):
        return _table(value)
    match value:
        case timedelta() | Decimal():
            plain: object = _number(value, unit)
        case Enum():
            plain = value.name.lower() if isinstance(value, Action) else value.value
        case Path() | Scope() | ZoneInfo():
            plain = str(value)
        case Mapping():
            plain = {name: _plain(one, "") for name, one in value.items()}
        case tuple():
            plain = [_plain(one, "") for one in value]
        case _:
            plain = value
    return plain


def _number(value: timedelta | Decimal, unit: str) -> int | Decimal:
    if isinstance(value, timedelta):
        value = Decimal(value // timedelta(microseconds=1)).scaleb(-3 if unit == "ms" else -6)
    return value.normalize() if value % 1 else int(value)


def _lines(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    later = {}
    for key, value in table.items():
        if (*path, key) in _PLACES_OF_TABLES:
            later[key] = value
        elif value is None:
            yield f"# {key} is not set"
        else:
            yield f"{key} = {_value(value)}"
    for key, value in later.items():
        name = ".".join((*path, key))
        for one in value if isinstance(value, list) else [value]:
            yield ""
            if one is None:
                yield f"# [{name}] is not set"
            else:
                yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
                yield from _lines(one, (*path, key))


def _value(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }" if value else "{}"
        case list():
            return "[" + ", ".join(_value(v) for v in value) + "]"
        case Decimal():
            return f"{value:f}"
        case bool() | int():
            return json.dumps(value)
        case _:
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
