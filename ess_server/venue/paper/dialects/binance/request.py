"""What a route gets and what a route is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ess_server.venue.paper.books import Books
from ess_server.venue.paper.credentials import ApiKey
from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.dialects.binance.params import Params
from ess_server.venue.paper.faults import Operation
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import Limited, RateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call after its security checks. ``account`` is empty on public routes; ``version`` is in the path."""

    books: Books
    quotes: Quotes
    limiter: RateLimiter
    params: Params
    account: str = ""
    key: ApiKey | None = None
    version: int = 1


class Security(Enum):
    """What a route demands: nothing, a signature, or a signature by a key that may trade."""

    NONE = auto()
    SIGNED = auto()
    TRADE = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``weight_all`` is the weight without a ``symbol`` parameter."""

    handler: Callable[[Request], object]
    operation: Operation
    security: Security = Security.SIGNED
    weight: int = 1
    weight_all: int | None = None
    version: int = 1

    def weight_of(self, params: Params) -> int:
        """Weight of one request."""
        return self.weight if self.weight_all is None or params.has("symbol") else self.weight_all


class OrderLimitError(BinanceError):
    """-1015 with the wait that goes into Retry-After."""

    def __init__(self, limited: Limited) -> None:
        seconds = int(limited.window.total_seconds())
        super().__init__(-1015, f"Too many new orders; current limit is {limited.limit} orders per {seconds}s.", 429)
        self.limited = limited


def count_order(request: Request) -> None:
    """Count a new order of the account. Raises OrderLimitError."""
    limited = request.limiter.count_order(request.account)
    if limited is not None:
        raise OrderLimitError(limited)
