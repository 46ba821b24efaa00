"""What a route gets, what it answers and what a route is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.credentials import ApiKey
from ess_server.venue.paper.dialects.okx.codes import OkxError, from_refusal
from ess_server.venue.paper.dialects.okx.params import Params
from ess_server.venue.paper.faults import Operation
from ess_server.venue.paper.quotes import Quotes
from ess_server.venue.paper.refusal import Refused

Json = dict[str, object]
_TWO_SECONDS = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call after its security checks.

    ``items`` are what a POST carries; ``key`` is None on public routes; ``late`` if the call came after its expiry.
    """

    books: Books
    quotes: Quotes
    items: Sequence[Params]
    key: ApiKey | None = None
    late: bool = False

    @property
    def params(self) -> Params:
        """The query, or the only item."""
        return self.items[0]

    @property
    def name(self) -> str:
        """Name of the account, empty on public routes."""
        return "" if self.key is None else self.key.account

    @property
    def account(self) -> Account:
        """The account. Raises Refused on public routes."""
        return self.books.account(self.name)


@dataclass(frozen=True, slots=True)
class Answer:
    """Code, message and rows of a reply."""

    data: Sequence[Json]
    code: str = "0"
    message: str = ""


class Security(Enum):
    """What a route demands: nothing, a signature, or a signature by a key that may trade."""

    NONE = auto()
    SIGNED = auto()
    TRADE = auto()


class Per(Enum):
    """Whose calls a limit counts together."""

    ADDRESS = auto()
    ACCOUNT = auto()
    INSTRUMENT = auto()
    """Calls or items of one account for one instrument."""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: ``limit`` calls, or items of a batch, are allowed within ``window``."""

    handler: Callable[[Request], Answer]
    operation: Operation
    limit: int
    security: Security = Security.SIGNED
    per: Per = Per.ACCOUNT
    window: timedelta = _TWO_SECONDS


def each(items: Sequence[Params], step: Callable[[Params], Json], ids: Callable[[Params], Json]) -> Answer:
    """Carry out item by item; each answers for itself. ``ids`` names an item that was refused."""
    rows = []
    for params in items:
        try:
            rows.append({**step(params), "sCode": "0", "sMsg": ""})
        except Refused as refusal:
            rows.append({**ids(params), **_failed(from_refusal(refusal))})
        except OkxError as error:
            rows.append({**ids(params), **_failed(error)})
    failures = sum(row["sCode"] != "0" for row in rows)
    if not failures:
        return Answer(rows)
    if failures == len(rows):
        return Answer(rows, "1", "All operations failed")
    return Answer(rows, "2", "Bulk operation partially succeeded")


def at_most(items: Sequence[Params], most: int, code: str) -> None:
    """Refuse a batch that is too long."""
    if len(items) > most:
        raise OkxError(code, f"At most {most} orders in one request")


def _failed(error: OkxError) -> Json:
    return {"sCode": error.code, "sMsg": error.message}
