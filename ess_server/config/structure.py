"""From tables of the file to frozen settings, with every mistake of a table and not only the first."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, is_dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from cattrs import AttributeValidationNote, BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from ess_server.config import listen, values
from ess_server.config.keys import keys_of
from ess_server.config.problems import Mistake, Place
from ess_server.config.settings import PaperEndpoint
from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import Mode, OnUnknown
from ess_server.core.findings import OnUnsafe
from ess_server.core.model import Action, Scope
from ess_server.core.venue_feeds import FeedKind, FeedSource

S = TypeVar("S")

_ANYTHING = "missing:1"
"""Stands for a required key: a text, a path and an address at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """``paper`` as it stands in the file.

    Attributes:
        address: host:port of the paper venue.
        ca_file: whoever has signed its certificate.
    """

    address: str
    ca_file: Path


class TableReader:
    """Makes settings from tables; relative paths start at ``base``."""

    def __init__(self, base: Path) -> None:
        self.path = values.path(base)
        self._converter = _converter(base)

    def read(self, table: object, settings: type[S], at: Place) -> tuple[S | None, list[Mistake]]:
        """Return the settings, and every mistake of the table at ``at``.

        What is mistaken is left out, what is missing filled in, and the rest read again, so that one mistake does not
        hide another: with mistakes the settings are only good for looking for more. None if not even that works.
        """
        if not isinstance(table, dict):
            return None, [Mistake(at, str(values.expected("a table", table)))]
        left, found, filled = deepcopy(table), dict[Place, Mistake](), set[Place]()
        while True:
            try:
                return self._converter.structure(left, settings), list(found.values())
            except BaseValidationError as error:
                new = list(_mistakes(error, settings, left, at))
                if any(m.path == at for m in new):
                    return None, [*found.values(), *new]
            if any(m.path in filled or _follows(m, found, table) for m in new):
                return None, list(found.values())
            for mistake in new:
                found.setdefault(mistake.path, mistake)
                if not _drop(left, mistake.path[len(at) :]):
                    filled.add(mistake.path)


def _converter(base: Path) -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    readers: Mapping[Any, Any] = {
        str: values.text,
        bool: values.flag,
        int: values.whole,
        Decimal: values.decimal,
        Path: values.path(base),
        Scope: values.scope,
        ZoneInfo: values.zone,
        Action: values.action,
        Mode: values.word(Mode),
        OnUnknown: values.word(OnUnknown),
        OnUnsafe: values.word(OnUnsafe),
        FeedKind: values.word(FeedKind),
        FeedSource: values.word(FeedSource),
    }
    for kind, read in readers.items():
        converter.register_structure_hook(kind, _hook(read))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], lambda value, _: values.texts(value))
    converter.register_structure_hook_func(lambda kind: kind == tuple[Path, ...], _hook(_paths(base)))
    converter.register_structure_hook_func(lambda kind: kind == tuple[int, ...], lambda value, _: values.wholes(value))
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, Decimal], _hook(values.amounts))
    converter.register_structure_hook_factory(is_dataclass, lambda kind: _table_reader(kind, converter))
    paper = _table_reader(PaperTable, converter)
    converter.register_structure_hook(PaperEndpoint, lambda value, _: _paper(paper(value, PaperTable)))
    return converter


def _paths(base: Path) -> Callable[[object], tuple[Path, ...]]:
    read = values.path(base)
    return lambda value: tuple(read(one) for one in values.texts(value))


def _table_reader(settings: type, converter: Converter) -> Any:  # noqa: ANN401 - cattrs makes functions of any type
    changes = {
        key.field: override(
            rename=key.name, struct_hook=_hook(values.duration(key.unit)) if key.type is timedelta else None
        )
        for key in keys_of(settings)
    }
    read: Any = make_dict_structure_fn(settings, converter, **changes)  # type: ignore[arg-type] # its own keyword flags

    def read_table(value: object, kind: Any) -> Any:  # noqa: ANN401 - as above
        if not isinstance(value, dict):
            raise values.expected("a table", value)
        return read(value, kind)

    return read_table


def _hook(read: Callable[[object], object]) -> Any:  # noqa: ANN401 - as cattrs calls it
    return lambda value, _: read(value)


def _paper(table: PaperTable) -> PaperEndpoint:
    try:
        host, port = listen.parse(table.address)
    except ValueError as error:
        raise InvalidRequestError("address", str(error)) from None
    return PaperEndpoint(host=host, port=port, ca_file=table.ca_file)


def _mistakes(error: Exception, settings: Any, table: object, at: Place) -> Iterator[Mistake]:  # noqa: ANN401 - may be a union
    """Walk what cattrs collected down to single values."""
    if isinstance(error, BaseValidationError):
        for one in error.exceptions:
            yield from _within(one, settings, table, at)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [key.name for key in keys_of(_table_class(settings))]
        for name in sorted(error.extra_fields):
            yield Mistake((*at, name), f"unknown key; {values.did_you_mean(name, known)}")
    elif isinstance(error, InvalidRequestError):
        names = {key.field: key.name for key in keys_of(_table_class(settings))}
        yield Mistake((*at, names.get(error.field, error.field)), values.problem_of(error))
    else:
        yield Mistake(at, str(error))


def _within(error: Exception, settings: Any, table: object, at: Place) -> Iterator[Mistake]:  # noqa: ANN401 - as above
    note = next((n for n in getattr(error, "__notes__", ()) if isinstance(n, AttributeValidationNote)), None)
    if note is None or not isinstance(table, dict):
        yield from _mistakes(error, settings, table, at)
        return
    key = next(k for k in keys_of(_table_class(settings)) if k.field == note.name)
    if key.name not in table:
        yield Mistake((*at, key.name), "is missing")
    else:
        yield from _mistakes(error, key.type, table[key.name], (*at, key.name))


def _table_class(kind: Any) -> type:  # noqa: ANN401 - may be a union
    """Return the class that describes the table: of ``X | None`` it is X, of PaperEndpoint its table."""
    found: Any = next((k for k in getattr(kind, "__args__", ()) if is_dataclass(k)), kind)
    table: type = PaperTable if found is PaperEndpoint else found
    return table


def _follows(mistake: Mistake, found: Mapping[Place, Mistake], table: Mapping[str, object]) -> bool:
    """Whether a key is only said to be missing because of another, mistaken one that was left out."""
    mistaken = {str(path[-1]) for path in found}
    return mistake.path[-1] not in table and any(name in mistake.text for name in mistaken)


def _drop(table: Any, path: Place) -> bool:  # noqa: ANN401 - parsed TOML
    """Remove a key; fill it in if it is not there, and return False."""
    for key in path[:-1]:
        table = table[key]
    if table.pop(path[-1], None) is not None:
        return True
    table[path[-1]] = _ANYTHING
    return False
