"""The venue's clock."""

from datetime import UTC, datetime, timedelta


class VenueClock:
    """Wall time plus ``skew``, which tests use to make a client's clock look wrong."""

    def __init__(self) -> None:
        self.skew = timedelta()

    def __call__(self) -> datetime:
        """Return the venue's time, aware UTC. May step with the machine's clock; journal numbers keep the order."""
        return datetime.now(UTC) + self.skew


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 of an aware time, rounded down."""
    return microseconds(at) // 1000


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
