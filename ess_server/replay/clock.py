"""A clock that shows the time of the recording."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(micros: int) -> datetime:
    """Return the aware UTC time of a number of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


class RecordedClock:
    """A ``Clock`` that stands where the replay has come to; its uptime is 0 at ``origin``."""

    def __init__(self, origin: int) -> None:
        self._origin = origin
        self._time = time_of(origin)
        self._uptime = 0.0

    def move(self, micros: int) -> None:
        """Show this moment, in microseconds since 1970."""
        self._time = EPOCH + timedelta(microseconds=micros)
        self._uptime = (micros - self._origin) / 1e6

    def now(self) -> datetime:
        """Return the recorded time."""
        return self._time

    def uptime(self) -> float:
        """Return the seconds since the beginning of the recording."""
        return self._uptime
