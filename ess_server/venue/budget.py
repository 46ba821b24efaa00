"""What an exchange lets one address ask for in a minute, shared by all accounts that are reached from here."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import ReadBudgetError

OBSERVING_LEAVES = 100
"""Weight above the reserve that is left by whatever is less urgent than equity, so that equity never waits for it."""
_HEADROOM = 0.95
_MINUTE_S, _IN_FLIGHT_S = 60.0, 0.4


class Purpose(Enum):
    """What a read is for, the most urgent first.

    One who is retrying has read often without an end in sight; sweeps look at accounts that are flat already.
    """

    FLATTEN = "flatten"
    RETRYING = "retrying"
    SWEEPING = "sweeping"
    EQUITY = "equity"
    EXECUTIONS = "executions"
    DEAD_MAN = "dead man's switch"
    OBSERVING = "observing"


SHARES = MappingProxyType(
    {Purpose.EQUITY: 0.08, Purpose.EXECUTIONS: 0.06, Purpose.DEAD_MAN: 0.03, Purpose.OBSERVING: 0.03}
)
"""Shares of the steady income that a flatten which retries for long cannot take: it must not blind the evaluators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimits:
    """Request weight. ``burst`` plus a minute of ``per_second`` stay below ``per_minute``, the exchange's limit.

    ``reserve`` is kept from every read but those of a flatten that is not retrying, so that an emergency finds it.
    ``window`` is the weight that the exchange takes in any span of so many seconds, where it counts by short spans: a
    flatten may use all of it.
    ``per_account`` tells that it counts each account apart and not the address.
    """

    per_minute: int
    burst: float
    per_second: float
    reserve: float
    window: tuple[float, float] | None = None
    per_account: bool = False


class RequestBudget:
    """A token bucket of request weight, corrected by what the exchange says has been used.

    Reads are put off when it runs dry; all but those of a flatten have small incomes of their own then, and those of a
    flatten go on as long as the exchange's own count leaves room. Sends never wait for it, but nothing at all is sent
    while the exchange refuses this address: going on then turns a refusal of seconds into a ban of days.
    """

    def __init__(self, uptime: Callable[[], float], limits: BudgetLimits) -> None:
        self._uptime = uptime
        self._limits = limits
        self._tokens = limits.burst
        self._filled = uptime()
        self._own = dict.fromkeys(SHARES, 0.0)
        # Nobody saves up more than a part of the reserve, or what one of its readings costs.
        self._saved = {purpose: limits.reserve * share for purpose, share in SHARES.items()}
        self._refused_until = 0.0
        self._told: tuple[float, float] | None = None
        self._paid: deque[tuple[float, float]] = deque()

    def read(self, weight: float, purpose: Purpose, *, ahead: float = 0) -> None:
        """Pay for a read. Raises ReadBudgetError if it must wait.

        What will be read after it, and weighs ``ahead``, has to find room as well: else what is paid now is in vain.
        """
        self._refill()
        room = weight + ahead + self._floor(purpose)
        delay = (room - self._tokens) / self._limits.per_second
        if purpose in SHARES and delay > 0:
            self._saved[purpose] = max(self._saved[purpose], weight)
            own = self._own_delay(weight, purpose)
            if own <= 0:
                self._own[purpose] -= weight
            delay = min(delay, own)
        elif delay > 0 and purpose is not Purpose.SWEEPING:
            delay = min(delay, self._room_in(room, _HEADROOM))
        delay = max(delay, self._refused_until - self._uptime())
        if delay > 0:
            raise ReadBudgetError(timedelta(seconds=delay))
        # What the exchange had room for beyond the tokens counts for its minute, and must silence nobody after that.
        least = min(self._tokens, -_MINUTE_S * self._limits.per_second)
        self._pay(weight)
        self._tokens = max(self._tokens, least)

    def send(self, weight: float) -> None:
        """Pay for a send. Raises VenueUnknownError while the exchange refuses this address."""
        self.admit()
        self._refill()
        self._pay(weight)

    def admit(self) -> None:
        """Let a request pass that is paid elsewhere, or not at all. Raises as ``send``."""
        if self._refused_until > self._uptime():
            # Not for how long: what is tried again and again would be told each time anew.
            raise VenueUnknownError("the venue refuses requests from this address")

    def used(self, weight: float) -> None:
        """Take the exchange's own count for the present minute: others may share the address."""
        self._refill()
        told = self._told[1] if self._told is not None else 0
        # Replies overtake each other: only a much lower count is that of a new minute.
        self._told = (self._uptime(), weight if weight < told / 2 else max(weight, told))
        self._tokens = min(self._tokens, self._limits.per_minute * _HEADROOM - weight)

    def refused(self, seconds: float) -> None:
        """The exchange refuses this address for so long."""
        self._refused_until = max(self._refused_until, self._uptime() + seconds)

    def _pay(self, weight: float) -> None:
        now = self._uptime()
        self._tokens -= weight
        self._paid.append((now, weight))
        span = max(_IN_FLIGHT_S, self._limits.window[1] if self._limits.window else 0)
        while self._paid[0][0] <= now - span:
            self._paid.popleft()

    def _room_in(self, weight: float, headroom: float) -> float:
        """Seconds until the exchange would take a read within ``headroom``; infinite where that is not known."""
        now = self._uptime()
        if self._limits.window is not None:
            return self._window_in(weight, *self._limits.window)
        if self._told is None:
            return math.inf
        at, told = self._told
        # What was paid for in the last moments may not be in the exchange's count yet.
        recent = sum(paid for when, paid in self._paid if when > now - _IN_FLIGHT_S)
        # The minute of that count is over a minute later at the latest.
        left = at + _MINUTE_S - now
        most = self._limits.per_minute * headroom - weight
        told = told if left > 0 else 0
        if recent + told <= most:
            return 0
        return max(left, _IN_FLIGHT_S) if told > most else _IN_FLIGHT_S

    def _window_in(self, weight: float, size: float, span: float) -> float:
        now = self._uptime()
        inside = [(at, paid) for at, paid in self._paid if at > now - span]
        left, delay = size - sum(paid for _, paid in inside), 0.0
        for at, paid in inside:
            if left >= weight:
                break
            left, delay = left + paid, at + span - now
        return delay

    def _floor(self, purpose: Purpose) -> float:
        if purpose in (Purpose.FLATTEN, Purpose.SWEEPING):
            return 0
        return self._limits.reserve + (0 if purpose in (Purpose.RETRYING, Purpose.EQUITY) else OBSERVING_LEAVES)

    def _own_delay(self, weight: float, purpose: Purpose) -> float:
        """Seconds until its own income pays for a read; as long as the exchange's limit would still hold."""
        beyond = (1 - _HEADROOM) / 2
        missing = (weight - self._own[purpose]) / SHARES[purpose] / self._limits.per_second
        by_tokens = (weight - beyond * self._limits.per_minute - self._tokens) / self._limits.per_second
        return max(missing, min(by_tokens, self._room_in(weight, _HEADROOM + beyond)))

    def _refill(self) -> None:
        now = self._uptime()
        income = (now - self._filled) * self._limits.per_second
        self._tokens = min(self._limits.burst, self._tokens + income)
        for purpose, share in SHARES.items():
            self._own[purpose] = min(self._saved[purpose], self._own[purpose] + income * share)
        self._filled = now
