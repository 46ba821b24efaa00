"""What a route gets and what a route is."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.credentials import ApiKey
from ess_server.venue.paper.dialects.bybit.codes import BybitError
from ess_server.venue.paper.dialects.bybit.params import Params
from ess_server.venue.paper.faults import Operation
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.ratelimit import RateLimiter

Json = dict[str, object]
SECOND = timedelta(seconds=1)
Windows = MutableMapping[tuple[str, str], int]
"""Seconds of disconnection protection by account and product."""


def too_many() -> BybitError:
    """The endpoint's limit is used up."""
    return BybitError(10006, "Too many visits. Exceeded the API Rate Limit.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call after its security checks. ``key`` is None on public routes."""

    books: Books
    quotes: Quotes
    limiter: RateLimiter
    params: Params
    windows: Windows
    route: "Route"
    path: str
    key: ApiKey | None = None

    @property
    def name(self) -> str:
        """Name of the account, empty on public routes."""
        return "" if self.key is None else self.key.account

    @property
    def account(self) -> Account:
        """The account."""
        return self.books.account(self.name)

    def count(self) -> None:
        """Count one call, or one order of a batch, against the endpoint's limit. Raises BybitError 10006."""
        if self.limiter.count_call((self.name, self.path), self.route.limit, SECOND) is not None:
            raise too_many()


class Security(Enum):
    """What a route demands: nothing, a signature, or a signature by a key that may trade."""

    NONE = auto()
    SIGNED = auto()
    TRADE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """``result`` and ``retExtInfo`` of a reply; a reply without ``result`` has None."""

    result: Json | None
    extra: Json = field(default_factory=dict)
    message: str = "OK"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``limit`` counts calls per second and account; a ``batch`` counts its orders itself."""

    handler: Callable[[Request], Answer]
    operation: Operation
    security: Security = Security.SIGNED
    limit: int = 50
    batch: bool = False
