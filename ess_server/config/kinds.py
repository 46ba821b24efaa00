"""What the ``kind`` of an evaluator names: a word for those that come along, ``module:Class`` for one of yours."""

import sys
from collections.abc import Sequence
from dataclasses import is_dataclass
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args
from zoneinfo import ZoneInfo

from ess_server.config import values
from ess_server.config.keys import keys_of
from ess_server.config.values import ValueMistakeError
from ess_server.core.evaluators import EVALUATORS, EvaluatorClass, EvaluatorSettings, Mode, OnUnknown
from ess_server.core.model import Action, Scope
from ess_server.core.ports import EmergencyConditionEvaluator

TYPES = (str, bool, int, Decimal, timedelta, Path, Scope, ZoneInfo, Action, Mode, OnUnknown)
"""What a field of the settings of an evaluator may be; each but a duration also with ``| None``."""
LISTS = (tuple[str, ...], tuple[int, ...])

_RECIPE = "see docs/add-an-evaluator.md"


def extend_path(directories: Sequence[Path]) -> None:
    """Let modules be imported from ``directories`` too, after everything that is installed."""
    for directory in map(str, directories):
        if directory not in sys.path:
            sys.path.append(directory)


def find(kind: object) -> EvaluatorClass:
    """Return the class that ``kind`` names; one of yours is imported. Raises ValueMistakeError with what to do."""
    if isinstance(kind, str) and kind in EVALUATORS:
        return EVALUATORS[kind]
    module, colon, name = kind.partition(":") if isinstance(kind, str) else ("", "", "")
    if not colon:
        hint = f"{values.did_you_mean(str(kind), list(EVALUATORS))}; one of yours is named package.module:Class"
        raise ValueMistakeError(f"{values.shown(kind)} is no kind of evaluator; {hint}")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise ValueMistakeError(f"{values.shown(kind)} is no import path; write package.module:Class")
    found: Any = getattr(_imported(module), name, None)
    problem = _problem(found, name)
    if problem:
        raise ValueMistakeError(f"{values.shown(kind)} is no evaluator: {problem}; {_RECIPE}")
    evaluator: EvaluatorClass = found
    return evaluator


def build(settings: EvaluatorSettings) -> EmergencyConditionEvaluator:
    """Return the evaluator that ``settings`` describe. Raises ValueMistakeError if its class does not make one."""
    evaluator = find(settings.kind)
    try:
        made = evaluator(settings)
        name = made.name
    except Exception as error:  # noqa: BLE001 - the class may be anybody's
        raise ValueMistakeError(f"cannot be made from these settings: {_told(error)}") from None
    if name != settings.name:
        wrong = f'calls itself {values.shown(name)}, not "{settings.name}"'
        raise ValueMistakeError(f"{wrong}: write self.name = settings.name in its __init__")
    return made


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        detail = "install it beside ess, or name its directory in python_path"
        raise ValueMistakeError(f"{error.name} cannot be found; {detail}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the module may do anything
        raise ValueMistakeError(f"{module} cannot be imported: {_told(error)}; mend the module") from None


def _problem(found: Any, name: str) -> str:  # noqa: ANN401 - anything that a module may hold
    """Return why ``found`` is no class of an evaluator, empty if it is one."""
    if not isinstance(found, type):
        return f"the module has no class {name}"
    if not callable(getattr(found, "evaluate", None)):
        return f"{name} has no method evaluate(readings, now)"
    settings = getattr(found, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, EvaluatorSettings)):
        return f"{name} has no class attribute Settings that derives from EvaluatorSettings"
    # A subclass without a decorator of its own inherits everything but its own fields.
    if not (is_dataclass(settings) and "__dataclass_fields__" in vars(settings)):
        return f"{settings.__name__} is not decorated with @dataclass(frozen=True, kw_only=True)"
    try:
        odd = [key.field for key in keys_of(settings) if not _is_readable(key.type)]
    except (NameError, KeyError) as error:
        return f"the fields of {settings.__name__} cannot be read ({error})"
    return f"{settings.__name__}.{odd[0]} has a type that no setting can have" if odd else ""


def _is_readable(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    if kind in TYPES or kind in LISTS:
        return True
    parts = [part for part in get_args(kind) if part is not NoneType]
    # The key of a duration names its unit, which only a plain one has.
    return NoneType in get_args(kind) and len(parts) == 1 and parts[0] is not timedelta and _is_readable(parts[0])


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")[:300]
