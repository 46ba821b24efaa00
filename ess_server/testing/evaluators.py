"""An evaluator that says what it is told to say."""

from datetime import datetime
from decimal import Decimal

from ess_server.core.ports import Readings
from ess_server.core.readings import Clear, Instant, Measure, Trip, Verdict


class ScriptedEvaluator:
    """An ``EmergencyConditionEvaluator`` that answers ``verdict`` until it is changed.

    An exception in its place is raised. ``evaluations`` counts the calls.
    """

    def __init__(self, name: str, verdict: Verdict | Exception | None = None) -> None:
        self.name = name
        self.verdict = verdict
        self.evaluations = 0

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:  # noqa: ARG002 - the port's signature
        """Return or raise ``verdict``; Clear at ``now`` if there is none."""
        self.evaluations += 1
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict if self.verdict is not None else clear(now.time)


def clear(time: datetime, value: str = "0", limit: str = "10") -> Clear:
    """Return a Clear read at ``time``."""
    return Clear(Measure(value=Decimal(value), limit=Decimal(limit), time=time))


def trip(time: datetime, value: str = "10", limit: str = "10", detail: str = "scripted breach") -> Trip:
    """Return a Trip read at ``time``."""
    return Trip(Measure(value=Decimal(value), limit=Decimal(limit), time=time), detail)
