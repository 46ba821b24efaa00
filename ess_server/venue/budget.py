"""What an exchange lets one address ask for in a minute, shared by all accounts that are reached from here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import ReadBudgetError

_HEADROOM = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimits:
    """Request weight. ``burst`` plus a minute of ``per_second`` stay below ``per_minute``, the exchange's limit.

    ``reserve`` is kept from routine reads such as equity, so that an emergency finds it.
    """

    per_minute: int
    burst: float
    per_second: float
    reserve: float


class RequestBudget:
    """A token bucket of request weight, corrected by what the exchange says has been used.

    Reads are put off when it runs dry. Sends never wait for it, but nothing at all is sent while the exchange
    refuses this address: going on then turns a refusal of seconds into a ban of days.
    """

    def __init__(self, uptime: Callable[[], float], limits: BudgetLimits) -> None:
        self._uptime = uptime
        self._limits = limits
        self._tokens = limits.burst
        self._filled = uptime()
        self._refused_until = 0.0

    def read(self, weight: float, *, routine: bool) -> None:
        """Pay for a read. Raises ReadBudgetError if it must wait."""
        self._refill()
        floor = self._limits.reserve if routine else 0
        missing = weight + floor - self._tokens
        delay = max(missing / self._limits.per_second, self._refused_until - self._uptime())
        if delay > 0:
            raise ReadBudgetError(timedelta(seconds=delay))
        self._tokens -= weight

    def send(self, weight: float) -> None:
        """Pay for a send. Raises VenueUnknownError while the exchange refuses this address."""
        left = self._refused_until - self._uptime()
        if left > 0:
            raise VenueUnknownError(f"the venue refuses requests from this address for another {left:.0f} s")
        self._refill()
        self._tokens -= weight

    def used(self, weight: float) -> None:
        """Take the exchange's own count for the present minute: others may share the address."""
        self._refill()
        self._tokens = min(self._tokens, self._limits.per_minute * _HEADROOM - weight)

    def refused(self, seconds: float) -> None:
        """The exchange refuses this address for so long."""
        self._refused_until = max(self._refused_until, self._uptime() + seconds)

    def _refill(self) -> None:
        now = self._uptime()
        self._tokens = min(self._limits.burst, self._tokens + (now - self._filled) * self._limits.per_second)
        self._filled = now
