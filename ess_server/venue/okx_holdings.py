"""What an OKX account holds: rows of contracts, summed up as positions, and divided again for their closes."""

import logging
from collections.abc import Sequence
from decimal import Decimal

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import Position
from ess_server.venue import okx_rows
from ess_server.venue.markets import Markets
from ess_server.venue.okx_rows import Contract, Holding
from ess_server.venue.usdm_rows import SizeRules, split

_log = logging.getLogger(__name__)


class OkxHoldings:
    """The rows of the last snapshot: a position is closed in the margin modes in which it is held."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self._held: dict[tuple[str, bool], list[Holding]] = {}

    def positions(self, held: Sequence[Holding]) -> tuple[Position, ...]:
        """Sum up what is held on each side of a contract; remembers the rows for its close."""
        groups: dict[tuple[str, bool], list[Holding]] = {}
        for holding in held:
            groups.setdefault((holding.symbol, holding.long), []).append(holding)
        self._held = groups
        return tuple(
            Position(
                symbol=symbol,
                long=long,
                quantity=sum((h.size * self.worth(symbol) for h in rows), start=Decimal(0)),
                hedged=any(h.hedged for h in rows),
                price=rows[0].price,
            )
            for (symbol, long), rows in groups.items()
        )

    def parts(self, position: Position) -> list[tuple[Holding, Decimal]]:
        """Divide a quantity among the rows of the last snapshot and into orders, in contracts.

        Empty if the market takes no order so small. Raises VenueUnknownError for a position that was not shown.
        """
        left = position.quantity / self.worth(position.symbol)
        rows = self._held.get((position.symbol, position.long), ())
        if not rows:
            raise VenueUnknownError(f"no position in {position.symbol} was shown: its margin mode is not known")
        rules = self.rules(position.symbol)
        found = []
        for holding in rows:
            taken = min(left, holding.size)
            left -= taken
            found += [(holding, part) for part in (split(taken, rules) if rules else (taken,)) if part]
        return found

    def rules(self, symbol: str) -> SizeRules | None:
        """Return what orders of a contract may be, None if that is not known: the exchange is then the judge."""
        contract = self._contract(symbol)
        return None if contract is None else contract.sizes

    def worth(self, symbol: str) -> Decimal:
        """Base units of one contract; of an unknown one the contract itself is the unit."""
        contract = self._contract(symbol)
        return Decimal(1) if contract is None else contract.value

    def _contract(self, symbol: str) -> Contract | None:
        try:
            return okx_rows.contract(self._markets.detail(symbol))
        except VenueUnknownError as error:
            _log.warning("no size rules for %s: %s", symbol, error)
            return None
