"""What a reload may change, and what it changed, in words.

By reload: evaluators that are new, or in shadow mode, anyhow; of a live one its numbers and durations, its action, and
more symbols, components or other names. What it watches, and that it does, takes a restart: a slip in an editor must
not switch a protection off under a running server. So does everything outside ``[[evaluators]]``.
"""

from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ess_server.config.keys import Key, keys_of
from ess_server.config.problems import Mistake
from ess_server.config.settings import Settings
from ess_server.config.show import written
from ess_server.core.evaluators import EvaluatorSettings, Mode, OnUnknown
from ess_server.core.model import GLOBAL, Scope

RELOADED = ("python_path", "evaluators")
"""Keys of the top level that a reload takes on; directories only make modules known."""


def refusals(old: Settings, new: Settings) -> Iterator[Mistake]:
    """Yield everything in ``new`` that takes a restart."""
    for key in keys_of(Settings):
        if key.name not in RELOADED:
            yield from _restart(key.name, getattr(old, key.field), getattr(new, key.field))
    places = {settings.name: place for place, settings in enumerate(new.evaluators)}
    for live in (e for e in old.evaluators if e.mode is Mode.LIVE):
        if live.name not in places:
            detail = f"live evaluator {live.name} is missing, and a reload removes none; put it back, or restart"
            yield Mistake(("evaluators",), detail)
        else:
            place = places[live.name]
            yield from _weakened(live, new.evaluators[place], ("evaluators", place))


def in_words(old: Settings, new: Settings) -> list[str]:
    """Return every change of the evaluators, one sentence each, with values as the file has them."""
    before = {e.name: e for e in old.evaluators}
    left = {e.name for e in new.evaluators}
    words = [f"{name} removed (it was in shadow mode)" for name in before if name not in left]
    for settings in new.evaluators:
        standing = before.get(settings.name)
        if standing is None or type(standing) is not type(settings):
            words.append(f"{settings.name} added ({settings.kind}, {settings.mode.value}, {written(settings.action)})")
            continue
        words += [
            f"{settings.name}: {key.name} {_shown(was, key)} -> {_shown(now, key)}"
            for key, was, now in _changed(standing, settings)
        ]
    return words


def _restart(name: str, old: object, new: object) -> Iterator[Mistake]:
    if is_dataclass(old) and is_dataclass(new):
        for key, _, _ in _changed(old, new):
            yield Mistake((name, key.name), f"restart to change [{name}] {key.name}")
    elif old != new:
        title = f"[[{name}]]" if isinstance(new, tuple) else name
        yield Mistake((name,), f"restart to change {title}")


def _weakened(old: EvaluatorSettings, new: EvaluatorSettings, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    who = f"the live evaluator {old.name}"
    if type(new) is not type(old) or new.kind != old.kind:
        yield Mistake((*at, "kind"), f"a reload does not make another kind of {who}; give this one another name")
        return
    for key, was, now in _changed(old, new):
        problem = _problem(key, was, now)
        if problem:
            yield Mistake((*at, key.name), f"{problem} {who}; restart for that, or add another beside it")


def _problem(key: Key, was: object, now: object) -> str:
    """Return what a change of one setting would do that no reload does to a live evaluator, empty if nothing."""
    match was, now:
        case (Mode(), _):
            problem = "a reload puts no shadow mode on"
        case (OnUnknown(), OnUnknown.IGNORE):
            problem = "a reload does not let the unknown be ignored by"
        case (int() | Decimal() | timedelta(), None):
            problem = "a reload takes no limit away from"
        case (_, OnUnknown() | int() | Decimal() | timedelta()) if not isinstance(now, bool):
            problem = ""
        case (Scope(), Scope()) if now == GLOBAL:
            problem = ""
        case (tuple(), tuple()) if key.field == "accounts" and set(was) != set(now):
            problem = "with other accounts the sum would be measured from now on, which no reload does to"
        case (tuple(), tuple()) if key.type == tuple[int, ...] or (was and set(was) <= set(now)):
            problem = ""
        case _:
            problem = "a reload does not change what is watched by"
    return problem


def _changed(old: Any, new: Any) -> Iterator[tuple[Key, Any, Any]]:  # noqa: ANN401 - two of one settings class
    for key in keys_of(type(old)):
        was, now = getattr(old, key.field), getattr(new, key.field)
        if was != now:
            yield key, was, now


def _shown(value: object, key: Key) -> str:
    return "none" if value is None else written(value, key.unit)
