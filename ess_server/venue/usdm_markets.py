"""Names and sizes of Binance USD-M markets, and the exchange's clock."""

import logging

from ess_server.core.errors import VenueUnknownError
from ess_server.core.ports import Clock
from ess_server.venue.markets import Markets
from ess_server.venue.strict import StrictUsdm
from ess_server.venue.usdm_rows import SizeRules, size_rules

_log = logging.getLogger(__name__)


class UsdmMarkets(Markets):
    """What is known of the exchange's markets."""

    def __init__(self, exchange: StrictUsdm, clock: Clock) -> None:
        super().__init__(exchange, clock, lambda info: info.get("filters"))

    def rules(self, symbol: str) -> SizeRules | None:
        """Return what market orders may be, None if that is not known: the exchange is then the judge."""
        try:
            return size_rules(self.detail(symbol))
        except VenueUnknownError as error:
            _log.warning("no size rules for %s: %s", symbol, error)
            return None
