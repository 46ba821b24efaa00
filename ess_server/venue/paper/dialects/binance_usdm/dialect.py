"""Binance USD-M futures: REST and market streams."""

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.credentials import KeyRing
from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.binance.rest import BinanceRest
from ess_server.venue.paper.dialects.binance_usdm.channel import MarketChannel, is_stream
from ess_server.venue.paper.dialects.binance_usdm.codes import from_refusal
from ess_server.venue.paper.dialects.binance_usdm.table import routes
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import RateLimiter
from ess_server.venue.paper.streams import Channel


class BinanceUsdm(BinanceRest):
    """The dialect."""

    name = "binance_usdm"
    hosts = ("*.binance.com", "fapi.binance.com", "fstream.binance.com")

    def __init__(self, books: Books, quotes: Quotes, keys: KeyRing, limiter: RateLimiter) -> None:
        super().__init__(books, quotes, keys, limiter, routes=routes(), from_refusal=from_refusal)

    def channel(self, call: Call) -> Channel | None:
        """Return the market streams; None for another path."""
        return MarketChannel(self._quotes, self._books.market.instruments) if is_stream(call.path) else None
