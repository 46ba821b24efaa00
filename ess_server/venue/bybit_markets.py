"""Names, categories and sizes of Bybit's contracts, and the exchange's clock."""

import logging
from collections.abc import Mapping

from ess_server.core.errors import VenueUnknownError
from ess_server.core.ports import Clock
from ess_server.venue import bybit_rows
from ess_server.venue.bybit_strict import StrictBybit
from ess_server.venue.markets import Markets
from ess_server.venue.usdm_rows import SizeRules

_log = logging.getLogger(__name__)


class BybitMarkets(Markets):
    """What is known of the exchange's markets; in which category each is, the last snapshot has shown."""

    def __init__(self, exchange: StrictBybit, clock: Clock) -> None:
        super().__init__(exchange, clock, dict)
        self._categories: dict[str, str] = {}

    def shown(self, categories: Mapping[str, str]) -> None:
        """Take the category of each market with orders or positions, by the exchange's id."""
        self._categories = {self.symbol_of(id_): category for id_, category in categories.items()}

    def category(self, symbol: str) -> str:
        """Return the category; of a market that was not shown the one of nearly all."""
        return self._categories.get(symbol, "linear")

    def named(self, symbol: str) -> dict[str, str]:
        """Return the parameters that name a market."""
        return {"category": self.category(symbol), "symbol": self.id_of(symbol)}

    def rules(self, symbol: str) -> SizeRules | None:
        """Return what market orders may be, None if that is not known: the exchange is then the judge."""
        try:
            return bybit_rows.size_rules(self.detail(symbol))
        except VenueUnknownError as error:
            _log.warning("no size rules for %s: %s", symbol, error)
            return None
