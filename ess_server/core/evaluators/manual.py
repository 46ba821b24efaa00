"""A person's request from inside the process, such as a signal handler's."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.settings import EvaluatorSettings
from ess_server.core.ports import Readings
from ess_server.core.readings import Clear, Instant, Measure, Trip, Verdict

KIND = "manual"
MAX_REASON_BYTES = 200
MAX_PENDING = 16
"""Requests whose reasons are kept until they are taken; of more, the oldest reasons are dropped, not the request."""

_LIMIT = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualSettings(EvaluatorSettings):
    """Settings of the manual evaluator. Raises InvalidRequestError as ``EvaluatorSettings`` does.

    Attributes:
        reason: what a SIGUSR1 says, such as where the button is, before who sent it; at most 200 bytes. Empty, because
            who sent it may say enough.
    """

    kind: str = KIND
    reason: str = ""

    def __post_init__(self) -> None:
        EvaluatorSettings.__post_init__(self)
        if len(self.reason.encode()) > MAX_REASON_BYTES:
            raise InvalidRequestError("reason", f"is longer than {MAX_REASON_BYTES} bytes; shorten it")


@dataclass(frozen=True, slots=True)
class ManualTrip(Trip):
    """A trip that stands for these requests, each a number and a reason."""

    requests: tuple[tuple[int, str], ...]


class ManualEvaluator:
    """Trips from ``request`` until ``take``.

    Triggers by RPC, command line, tripwire and signal do not come this way: they go to the controller. This one is
    for the program that the system runs in.
    """

    Settings = ManualSettings

    def __init__(self, settings: ManualSettings) -> None:
        self.name = settings.name
        self._numbers = count(1)
        self._pending: deque[tuple[int, str]] = deque(maxlen=MAX_PENDING)

    def request(self, reason: str) -> None:
        """Ask for a stop. Takes no lock and returns at once, so a signal handler may call it."""
        self._pending.append((next(self._numbers), reason))

    def take(self, trip: Trip) -> None:
        """Drop the requests that ``trip`` stands for, now that they are latched; later ones still trip."""
        if isinstance(trip, ManualTrip):
            for request in trip.requests:
                # One of them may have been dropped, or taken already.
                with suppress(ValueError):
                    self._pending.remove(request)

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:  # noqa: ARG002 - the port's signature
        """Return a Trip with the reasons while there are requests, else Clear."""
        pending = tuple(self._pending)
        measure = Measure(value=Decimal(len(pending)), limit=_LIMIT, time=now.time)
        if not pending:
            return Clear(measure)
        reasons = "; ".join(reason or "no reason given" for _, reason in pending)
        return ManualTrip(measure, f"requested by hand: {reasons}", pending)
