"""Windows, bans and pardons of the rate limiter."""

from collections.abc import Callable
from datetime import timedelta

from ess_server.venue.paper.ratelimit import Limits, RateLimiter


def test_weight_is_counted_per_address_and_minute(desk: Callable[..., object]) -> None:
    """Property: the limit is exact, other addresses are free, and the next minute starts at zero."""
    clock = desk().clock
    clock.advance(seconds=50)
    limiter = RateLimiter(Limits(weight_per_minute=100), clock)
    assert limiter.charge("x", 100) is None
    limited = limiter.charge("x", 1)
    assert limited is not None
    assert (limited.banned, limited.retry_after) == (False, timedelta(seconds=10))
    assert limiter.charge("y", 100) is None
    clock.advance(seconds=10)
    assert limiter.charge("x", 100) is None
    assert limiter.used_weight("x") == 100


def test_hammering_on_is_a_ban_that_outlives_the_minute(desk: Callable[..., object]) -> None:
    """Property: more refused requests than allowed ban the address for the whole span, then all is forgotten."""
    clock = desk().clock
    clock.advance(seconds=50)
    limiter = RateLimiter(Limits(weight_per_minute=1, ban_after=2, ban=timedelta(minutes=5)), clock)
    found = [limiter.charge("x", 1) for _ in range(5)]
    assert [limit.banned if limit else None for limit in found] == [None, False, False, True, True]
    clock.advance(minutes=4, seconds=59)
    assert limiter.charge("x", 1) is not None
    clock.advance(seconds=1)
    assert limiter.charge("x", 1) is None


def test_orders_have_limits_of_their_own(desk: Callable[..., object]) -> None:
    """Property: orders count per account in both windows; one that is refused does not count."""
    clock = desk().clock
    clock.advance(seconds=50)
    limiter = RateLimiter(Limits(orders_per_ten_seconds=2, orders_per_minute=3), clock)
    assert [limiter.count_order("a") is None for _ in range(3)] == [True, True, False]
    assert limiter.count_order("b") is None
    clock.advance(seconds=9)
    assert limiter.count_order("a") is not None
    limiter.pardon()
    assert limiter.count_order("a") is None
