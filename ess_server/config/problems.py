"""What is wrong with a configuration: every mistake with its place and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ess_server.core.errors import EssError

Place = tuple[str | int, ...]
"""Where a value stands: keys, and positions in arrays counted from 0."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake by its place in the document."""

    path: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake as people see it. ``line`` counts from 1 and is 0 where there is none; ``key`` is dotted."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(filter(None, (place, self.key, self.text)))


class ConfigError(EssError):
    """A configuration cannot be used; ``problems`` are all of its mistakes, one line each in the message."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)
