"""Binance spot, and the wallet endpoints that stand on the same host for keys of every kind."""

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.credentials import KeyRing
from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.binance.rest import BinanceRest
from ess_server.venue.paper.dialects.binance_spot.codes import from_refusal
from ess_server.venue.paper.dialects.binance_spot.routes_market import WEIGHT_TIMES
from ess_server.venue.paper.dialects.binance_spot.table import routes
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import RateLimiter
from ess_server.venue.paper.streams import Channel


class BinanceSpot(BinanceRest):
    """The dialect. It has no streams."""

    name = "binance_spot"
    hosts = ("api.binance.com", "api1.binance.com", "api2.binance.com", "api3.binance.com", "api4.binance.com")

    def __init__(self, books: Books, quotes: Quotes, keys: KeyRing, limiter: RateLimiter) -> None:
        super().__init__(
            books,
            quotes,
            keys,
            limiter,
            routes=routes(),
            from_refusal=from_refusal,
            counted_as=f" {self.name}",
            weight_times=WEIGHT_TIMES,
        )

    def channel(self, call: Call) -> Channel | None:
        """Return None: nothing can be listened to."""
        del call
        return None
