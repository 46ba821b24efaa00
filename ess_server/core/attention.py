"""Who is concerned by an observation, and whether it was judged: found out by noting what evaluators read."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from ess_server.core.ports import EmergencyConditionEvaluator, Readings
from ess_server.core.readings import Instant, Verdict

Subject = tuple[str, str]
"""Name of a port in ``Readings``, and the account or feed; empty for what was read without naming one."""


class _Noted:
    """Stands in for a port and notes what is asked of it, whatever methods it has."""

    def __init__(self, port: object, name: str, asked: set[Subject]) -> None:
        self._port = port
        self._name = name
        self._asked = asked

    def __getattr__(self, method: str) -> Callable[..., object]:
        call, name, asked = getattr(self._port, method), self._name, self._asked

        def noted(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - whatever the port takes
            first = arguments[0] if arguments else ""
            asked.add((name, first if isinstance(first, str) else ""))
            return call(*arguments, **named)

        setattr(self, method, noted)
        return noted


class Attentive:
    """An evaluator that remembers what its last verdict was made from.

    A verdict follows from the readings and the time alone. So only an observation of what was read can change it
    before its time, and every other one need not be judged by this evaluator.
    """

    def __init__(self, evaluator: EmergencyConditionEvaluator) -> None:
        self.name = evaluator.name
        self._evaluator = evaluator
        self._readings: Readings | None = None
        self._noted: Readings | None = None
        self._asked: set[Subject] = set()
        self._made_from: frozenset[Subject] | None = None

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Return the evaluator's verdict at ``now``."""
        self._asked.clear()
        try:
            return self._evaluator.evaluate(self._noting(readings), now)
        finally:
            self._made_from = frozenset(self._asked)

    def is_concerned(self, subjects: frozenset[Subject]) -> bool:
        """Whether an observation of one of these may change the verdict; as long as it never answered, any."""
        return self._made_from is None or not self._made_from.isdisjoint(subjects)

    def _noting(self, readings: Readings) -> Readings:
        if self._noted is None or readings is not self._readings:
            ports: dict[str, Any] = {
                f.name: _Noted(getattr(readings, f.name), f.name, self._asked) for f in fields(readings)
            }
            self._readings, self._noted = readings, Readings(**ports)
        return self._noted


class Lookout:
    """What was observed and not judged yet. For the event loop only."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._subjects: set[Subject] = set()
        self._anything = False
        self._begun = 0
        self._ended = 0
        self._listeners: list[Callable[[], None]] = []

    @property
    def mark(self) -> int:
        """Stands for this moment: what was recorded until now is judged once ``has_passed(mark)``."""
        return self._begun + 1

    def has_passed(self, mark: int) -> bool:
        """Whether a look that began after the moment of ``mark`` has ended."""
        return self._ended >= mark

    def observed(self, *subjects: Subject) -> None:
        """Ask for a look by those whom one of these concerns, without any by everybody."""
        self._subjects.update(subjects)
        self._anything = self._anything or not subjects
        self._woken.set()

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each look; it must return at once and never raise."""
        self._listeners.append(listener)

    @property
    def is_wanted(self) -> bool:
        """Whether a look was asked for since the last one began."""
        return self._woken.is_set()

    async def wait(self) -> None:
        """Wait until a look is asked for."""
        await self._woken.wait()

    @contextmanager
    def look(self) -> Iterator[frozenset[Subject] | None]:
        """Look at what was asked for, which is yielded; None is everything. Looks do not overlap."""
        subjects = None if self._anything else frozenset(self._subjects)
        self._subjects.clear()
        self._anything = False
        self._woken.clear()
        self._begun += 1
        try:
            yield subjects
        finally:
            self._ended = self._begun
            for listener in self._listeners:
                listener()
