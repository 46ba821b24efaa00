"""A clock that shows the time of the recording."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ess_server.core.readings import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(micros: int) -> datetime:
    """Return the aware UTC time of a number of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def times_of(moments: Iterable[int]) -> list[datetime]:
    """Return the times of numbers of microseconds since 1970; most follow each other at one distance."""
    found, last, step, by = list[datetime](), 0, 0, timedelta(0)
    time = EPOCH
    for micros in moments:
        if micros - last != step:
            step = micros - last
            by = timedelta(microseconds=step)
        time += by
        last = micros
        found.append(time)
    return found


class RecordedClock:
    """A ``Clock`` that stands where the replay has come to; its uptime is 0 at ``origin``."""

    def __init__(self, origin: int) -> None:
        self._origin = origin
        self._micros = origin
        self._time = time_of(origin)
        self._uptime = 0.0
        self._step = 0
        self._by = timedelta(0)

    def move(self, micros: int) -> None:
        """Show this moment, in microseconds since 1970."""
        step, self._micros = micros - self._micros, micros
        if step != self._step:
            self._step, self._by = step, timedelta(microseconds=step)
        self._time += self._by
        self._uptime = (micros - self._origin) / 1e6

    def now(self) -> datetime:
        """Return the recorded time."""
        return self._time

    def instant(self) -> Instant:
        """Return both."""
        return Instant(self._time, self._uptime)

    def uptime(self) -> float:
        """Return the seconds since the beginning of the recording."""
        return self._uptime
