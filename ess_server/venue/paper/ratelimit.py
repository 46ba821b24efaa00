"""Request weight per address, orders per account and calls per endpoint, in fixed windows as exchanges count them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_MINUTE = timedelta(minutes=1)
_TEN_SECONDS = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``weight_per_minute`` counts per address, orders per account. None lifts a limit.

    ``ban_after`` is how many refused requests within one window turn 429 into a ban that lasts ``ban``.
    ``endpoint_percent`` scales the limits that a dialect sets for each of its endpoints.
    """

    weight_per_minute: int | None = 2400
    orders_per_ten_seconds: int | None = 300
    orders_per_minute: int | None = 1200
    ban_after: int = 20
    ban: timedelta = timedelta(minutes=2)
    endpoint_percent: int | None = 100


@dataclass(frozen=True, slots=True)
class Limited:
    """A refusal: ``banned`` tells 418 from 429; ``limit`` and ``window`` say which limit."""

    retry_after: timedelta
    banned: bool
    limit: int
    window: timedelta


@dataclass(slots=True)
class _Window:
    index: int = -1
    used: int = 0
    strikes: int = 0

    def roll(self, index: int) -> None:
        if index != self.index:
            self.index, self.used, self.strikes = index, 0, 0


class RateLimiter:
    """Counts. ``limits`` may be replaced at any time and rules the next request."""

    def __init__(self, limits: Limits, now: Callable[[], datetime]) -> None:
        self.limits = limits
        self._now = now
        self._weights: dict[str, _Window] = {}
        self._orders: dict[tuple[str, timedelta], _Window] = {}
        self._calls: dict[tuple[str, ...], _Window] = {}
        self._banned: dict[str, datetime] = {}

    def weight_limit(self, times: float = 1) -> int | None:
        """Return the weight of a minute where an API takes so many times the usual one."""
        usual = self.limits.weight_per_minute
        return None if usual is None else int(usual * times)

    def charge(self, address: str, weight: int, *, times: float = 1) -> Limited | None:
        """Count a request of an address; a refused one counts too. Returns why it is refused."""
        now, limits, most = self._now(), self.limits, self.weight_limit(times)
        until = self._banned.get(address)
        if until is not None:
            if now < until:
                return Limited(until - now, True, most or 0, _MINUTE)
            del self._banned[address]
        window = self._weights.setdefault(address, _Window())
        window.roll(_index(now, _MINUTE))
        window.used += weight
        if most is None or window.used <= most:
            return None
        window.strikes += 1
        if window.strikes > limits.ban_after:
            self._banned[address] = now + limits.ban
            return Limited(limits.ban, True, most, _MINUTE)
        return Limited(_left(now, _MINUTE), False, most, _MINUTE)

    def used_weight(self, address: str) -> int:
        """Weight that the address has used in the present minute."""
        window = self._weights.get(address)
        return window.used if window is not None and window.index == _index(self._now(), _MINUTE) else 0

    def count_order(self, account: str) -> Limited | None:
        """Count one new order. Returns why it is refused; a refused order does not count."""
        now = self._now()
        found = []
        for span, limit in (
            (_TEN_SECONDS, self.limits.orders_per_ten_seconds),
            (_MINUTE, self.limits.orders_per_minute),
        ):
            window = self._orders.setdefault((account, span), _Window())
            window.roll(_index(now, span))
            if limit is not None and window.used >= limit:
                return Limited(_left(now, span), False, limit, span)
            found.append(window)
        for window in found:
            window.used += 1
        return None

    def count_call(self, who: tuple[str, ...], limit: int, span: timedelta, count: int = 1) -> Limited | None:
        """Count calls of one endpoint by whom it counts. Returns why they are refused; refused ones do not count."""
        now, percent = self._now(), self.limits.endpoint_percent
        if percent is None:
            return None
        window = self._calls.setdefault(who, _Window())
        window.roll(_index(now, span))
        allowed = limit * percent // 100
        if window.used + count > allowed:
            return Limited(_left(now, span), False, allowed, span)
        window.used += count
        return None

    def calls_left(self, who: tuple[str, ...], limit: int, span: timedelta) -> int:
        """How many calls of an endpoint are left in the present window; ``limit`` where nothing is limited."""
        percent, window = self.limits.endpoint_percent, self._calls.get(who)
        used = window.used if window is not None and window.index == _index(self._now(), span) else 0
        return limit if percent is None else max(0, limit * percent // 100 - used)

    def pardon(self) -> None:
        """Forget all counts and bans."""
        self._weights.clear()
        self._orders.clear()
        self._calls.clear()
        self._banned.clear()


def _index(now: datetime, span: timedelta) -> int:
    return int(now.timestamp() // span.total_seconds())


def _left(now: datetime, span: timedelta) -> timedelta:
    return span - timedelta(seconds=now.timestamp() % span.total_seconds())
