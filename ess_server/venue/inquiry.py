"""Asks a venue for facts without ever failing: what is not answered becomes a reason. Imports no ccxt."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from ess_server.core.errors import describe
from ess_server.core.examination import Examination, KeyFacts, Load, MarketFacts, Topic
from ess_server.core.venue_ports import ExchangeClient
from ess_server.venue.reading import complete
from ess_server.venue.upkeep import bounded

T = TypeVar("T")


class Inquiry:
    """Asks one venue about one account. ``refusals`` are the venue's own numbers for a key that it does not take."""

    def __init__(self, refusals: frozenset[int] = frozenset()) -> None:
        self.unread: dict[str, str] = {}
        self.refused = ""
        self._refusals = refusals
        self._answered = False

    @property
    def valid(self) -> bool | None:
        """Whether the venue took the key for anything; None if nobody can say."""
        return True if self._answered else False if self.refused else None

    async def ask(self, call: Coroutine[Any, Any, T], *topics: Topic, signed: bool = True) -> T | None:
        """Return what the venue says; None, with the reason under each topic, if it does not say it."""
        try:
            answer = await bounded(call)
        except Exception as error:  # noqa: BLE001 - whatever a venue does is a finding, and never the end
            if getattr(error, "code", None) in self._refusals:
                self.refused = describe(error)
            self.unread.update({topic.value: describe(error) for topic in topics})
            return None
        self._answered = self._answered or signed
        return answer


async def examine_any(client: ExchangeClient) -> Examination:
    """Examine a client that tells nothing of itself: whether it can be prepared, and what it reads."""
    inquiry = Inquiry()
    seen = Examination(account=client.account.id, unread=inquiry.unread)
    await inquiry.ask(client.prepare(), Topic.VENUE, signed=False)
    shown = await inquiry.ask(complete(client), Topic.OPEN) if not inquiry.unread else None
    if shown is None:
        return seen
    symbols = {p.symbol for p in shown.positions} | {o.symbol for o in shown.orders}
    conditional = sum(o.conditional for o in shown.orders)
    return Examination(
        account=client.account.id,
        unread=inquiry.unread,
        key=KeyFacts(valid=True),
        load=Load(
            orders=len(shown.orders) - conditional,
            conditional=conditional,
            positions=len(shown.positions),
            symbols=len(symbols),
            parts=len(shown.positions),
        ),
        markets=MarketFacts(unnamed=shown.unnamed),
    )


def describe_opening(error: Exception) -> str:
    """Say why there is no client: of a file its name, of anything else what may be shown."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return describe(error)
