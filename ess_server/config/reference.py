"""The reference of every setting, made from the settings classes: their fields, and the words in their docstrings.

Of the entry of a field under ``Attributes:`` the first sentence says what it is, the rest why its default is that.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

from ess_server.config.keys import Key, keys_of
from ess_server.config.settings import (
    AccountSettings,
    ClosingSettings,
    ComponentSettings,
    ComponentTlsSettings,
    FeedSettings,
    HostSettings,
    ServerSettings,
    Settings,
    SpotSettings,
    TlsSettings,
)
from ess_server.config.show import written
from ess_server.config.structure import PaperTable
from ess_server.core.evaluators import EVALUATORS, EvaluatorSettings
from ess_server.core.evaluators.settings import OWN_SCOPE
from ess_server.core.model import Action, Scope

_ENTRY = re.compile(r"^    (\w+): (.*?)(?=^    \w|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"``([^`]+)``")
_SENTENCE = re.compile(r'(?<=[A-Za-z0-9`)"%])\. (?=[A-Z0-9])')
_WORDS: Mapping[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    Decimal: "number",
    Path: "path",
    Scope: "scope",
    ZoneInfo: "time zone",
    tuple[str, ...]: "list of texts",
    tuple[int, ...]: "list of whole numbers",
    tuple[Path, ...]: "list of paths",
    Mapping[str, Decimal]: "table of numbers",
}
_FOR_CODE = re.compile(r"\s*\b(?:Raises|A subclass)\b.*?(?=\n\n|\Z)", re.DOTALL)
"""What only who writes code has to know."""
_UNITS = {"ms": "whole milliseconds", "s": "seconds"}


class Table(NamedTuple):
    """A table of the file: its heading there, and the settings class behind it."""

    heading: str
    settings: type


TABLES = (
    Table("top level", Settings),
    Table("[server]", ServerSettings),
    Table("[server.tls]", TlsSettings),
    Table("[host]", HostSettings),
    Table("[[accounts]]", AccountSettings),
    Table("spot = { ... }", SpotSettings),
    Table("closing = { ... }", ClosingSettings),
    Table("paper = { ... }", PaperTable),
    Table("[[feeds]]", FeedSettings),
    Table("[[components]]", ComponentSettings),
    Table("[components.tls]", ComponentTlsSettings),
    Table("[[evaluators]], of every kind", EvaluatorSettings),
    *(Table(f'[[evaluators]] kind = "{kind}"', evaluator.Settings) for kind, evaluator in EVALUATORS.items()),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as people see it."""

    key: str
    kind: str
    default: str
    meaning: str
    reason: str


def rows(table: Table) -> list[Row]:
    """Return the settings of a table that it does not share with every evaluator. Raises LookupError for one untold."""
    return list(_rows(table.settings))


def about(table: Table) -> str:
    """Return what the docstring says of the table as a whole."""
    words = _told(inspect.getdoc(table.settings) or "", table.settings).partition("Attributes:")[0]
    return _FOR_CODE.sub("", words).strip()


def _rows(settings: type) -> Iterator[Row]:
    told = _entries(settings)
    shared = {key.field for key in keys_of(EvaluatorSettings)} if settings is not EvaluatorSettings else set[str]()
    plain = {field.name: field for field in fields(settings)}
    for key in keys_of(settings):
        named = key.field in told
        if _is_table(key) or (key.field in shared and issubclass(settings, EvaluatorSettings) and not named):
            continue
        if not named:
            raise LookupError(f"{settings.__name__}: the docstring has no entry for {key.field} under Attributes")
        meaning, reason = told[key.field]
        required = key.required or (key.name == "kind" and issubclass(settings, EvaluatorSettings))
        if not required and not reason:
            raise LookupError(f"{settings.__name__}: the docstring does not say why {key.field} has its default")
        default = "required" if required else _default(plain[key.field], key)
        yield Row(key.name, _kind(key), default, meaning, reason)


def _entries(settings: type) -> dict[str, tuple[str, str]]:
    """Return meaning and reason of every field that the class itself tells of."""
    entries = (inspect.getdoc(settings) or "").partition("Attributes:")[2]
    found = {}
    for name, text in _ENTRY.findall(entries):
        meaning, _, reason = _split(" ".join(_told(text, settings).split()))
        found[name] = (meaning, reason)
    return found


def _split(text: str) -> tuple[str, str, str]:
    end = _SENTENCE.search(text)
    return (text[: end.start()], ". ", text[end.end() :]) if end else (text.removesuffix("."), "", "")


def _told(text: str, settings: type) -> str:
    """Return words of a docstring in Markdown, with fields under the names that they have in the file."""
    names = {key.field: key.name for key in keys_of(settings)}
    return _CODE.sub(lambda found: f"`{names.get(found[1], found[1])}`", text)


def _is_table(key: Key) -> bool:
    return key.name != "paper" and any(is_dataclass(part) for part in (key.type, *get_args(key.type)) if part != Scope)


def _kind(key: Key) -> str:
    if key.unit:
        return _UNITS[key.unit]
    kind = next((part for part in get_args(key.type) if part is not NoneType), None)
    plain = key.type if kind is None or key.type in _WORDS else kind
    if key.name == "paper":
        return "inline table"
    if isinstance(plain, type) and issubclass(plain, Enum):
        words = [one.name.lower() if isinstance(one, Action) else str(one.value) for one in plain]
        return " or ".join(f"`{word}`" for word in words)
    return _WORDS[plain]


def _default(field: Field[Any], key: Key) -> str:
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    if value is None:
        return "not set"
    return "derived" if value == OWN_SCOPE else f"`{written(value, key.unit)}`"
