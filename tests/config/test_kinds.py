"""Evaluators named by import path: what is wrong with a class is said with what to do about it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ess_server.config import kinds
from ess_server.config.load import ConfigError, load
from tests.config.written import written

GOOD = """
from dataclasses import dataclass
from decimal import Decimal
from datetime import timedelta
from ess_server.core.evaluators import EvaluatorSettings

@dataclass(frozen=True, kw_only=True)
class OwnSettings(EvaluatorSettings):
    most: Decimal = Decimal(1)

class Own:
    Settings = OwnSettings
    def __init__(self, settings):
        self.name = settings.name
    def evaluate(self, readings, now):
        raise NotImplementedError
"""
BARE = "class Own:\n    def evaluate(self, readings, now): ...\n"

MISTAKES = {
    "no such module": ("", "elsewhere.risk:Own", "elsewhere cannot be found; install it beside ess, or name its"),
    "module that needs another": ("import not_there_at_all", "mod:Own", "not_there_at_all cannot be found"),
    "module that raises": ("1 / 0", "mod:Own", "mod cannot be imported: ZeroDivisionError: division by zero; mend"),
    "module that exits": ("raise SystemExit(3)", "mod:Own", "mod cannot be imported: SystemExit: 3"),
    "no such class": (GOOD, "mod:Owl", "the module has no class Owl"),
    "a function": (GOOD + "def f(settings): ...", "mod:f", "the module has no class f"),
    "no evaluator": (GOOD, "mod:OwnSettings", "has no method evaluate(readings, now)"),
    "no settings": (BARE, "mod:Own", "Own has no class attribute Settings that derives from EvaluatorSettings"),
    "settings of another family": (BARE + "    Settings = int", "mod:Own", "no class attribute Settings"),
    "settings without decorator": (
        GOOD.replace("@dataclass(frozen=True, kw_only=True)\n", ""),
        "mod:Own",
        "OwnSettings is not decorated with @dataclass(frozen=True, kw_only=True)",
    ),
    "settings not frozen": (GOOD.replace("frozen=True, ", ""), "mod:Own", "cannot be imported: TypeError"),
    "type that no key has": (GOOD.replace("most: Decimal", "most: complex"), "mod:Own", "OwnSettings.most has a type"),
    "duration or none": (GOOD.replace("most: Decimal", "most: timedelta | None"), "mod:Own", "OwnSettings.most has a"),
    "type that is nowhere": (GOOD.replace("most: Decimal", "most: 'Nowhere'"), "mod:Own", "cannot be read (name 'Now"),
    "constructor that raises": (
        GOOD.replace("self.name = settings.name", "raise KeyError('x')"),
        "mod:Own",
        "cannot be made from these settings: KeyError: 'x'",
    ),
    "another name": (
        GOOD.replace("= settings.name", "= 'mine'"),
        "mod:Own",
        'calls itself "mine", not "mod:Own": write self.name = settings.name',
    ),
    "no name": (GOOD.replace("self.name = settings.name", "pass"), "mod:Own", "AttributeError"),
    "no path": (GOOD, "mod.Own", "is no kind of evaluator; known are: manual, drawdown"),
    "odd path": (GOOD, "../mod:Own", "is no import path; write package.module:Class"),
}


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """Modules and directories of a test are gone after it."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("mod", None)


def config(tmp_path: Path, module: str, kind: str, more: str = "") -> Path:
    """A configuration with one evaluator out of ``module``."""
    (tmp_path / "mod.py").write_text(module)
    return written(tmp_path, f"python_path = ['.']\n[[evaluators]]\nkind = '{kind}'\n{more}")


@pytest.mark.parametrize(("module", "kind", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_class_that_cannot_be_used_is_a_mistake_of_its_kind(
    module: str, kind: str, words: str, tmp_path: Path
) -> None:
    """It is named at the line of ``kind``; nothing that the module does gets through."""
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, module, kind))

    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (3, "evaluators.kind")
    assert words in problem.text


def test_settings_that_raise_anything_are_a_mistake_of_their_table(tmp_path: Path) -> None:
    """Also what is no InvalidRequestError, and the mistakes of other tables are named beside it."""
    module = GOOD.replace("    most:", "    def __post_init__(self):\n        raise RuntimeError('odd')\n    most:")
    more = "[[evaluators]]\nkind = 'manual'\nnone = 1\n"
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, module, "mod:Own", more))

    assert [(p.line, p.text) for p in caught.value.problems] == [(2, "odd"), (6, caught.value.problems[1].text)]


def test_its_keys_are_read_and_checked_like_any_other(tmp_path: Path) -> None:
    """Strictly, each mistake at its own line, and those that every evaluator has too."""
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, GOOD, "mod:Own", "most = true\nmots = 1\nconfirm = 0\n"))

    assert [(p.line, p.key) for p in caught.value.problems] == [
        (4, "evaluators.most"),
        (5, "evaluators.mots"),
        (6, "evaluators.confirm"),
    ]


def test_what_is_named_is_built_under_its_name(tmp_path: Path) -> None:
    """Without a name of its own it is called by its path, which is its kind."""
    (settings,) = load(config(tmp_path, GOOD, "mod:Own", "most = 2")).evaluators
    made = kinds.build(settings)

    assert (type(made).__name__, made.name, settings.kind) == ("Own", "mod:Own", "mod:Own")


def test_nothing_is_imported_from_the_directory_of_the_file_unless_it_says_so(tmp_path: Path) -> None:
    """Where a configuration lies is no place for code by itself."""
    path = config(tmp_path, GOOD, "mod:Own")
    path.write_text(path.read_text().replace("python_path = ['.']", ""))
    with pytest.raises(ConfigError, match="mod cannot be found"):
        load(path)


def test_a_directory_comes_after_what_is_installed(tmp_path: Path) -> None:
    """A file there cannot take the place of a module of the server."""
    (tmp_path / "decimal.py").write_text("1 / 0")
    load(config(tmp_path, GOOD, "mod:Own"))

    assert sys.path[-1] == str(tmp_path)


@pytest.mark.parametrize("what", ["missing", "open"])
def test_a_directory_that_is_missing_or_open_to_everybody_is_refused(what: str, tmp_path: Path) -> None:
    """Whoever can write there decides what the server runs; nothing of it is on the path."""
    directory = tmp_path / "own"
    if what == "open":
        directory.mkdir()
        directory.chmod(0o777)
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, "python_path = ['own']"))

    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (1, "python_path")
    assert {"missing": "is no directory", "open": "chmod o-w"}[what] in problem.text
    assert str(directory) not in sys.path
