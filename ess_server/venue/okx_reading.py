"""Snapshots of an OKX account, with as few requests to the scarce list of conditional orders as will do."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.ports import Clock
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue import okx_rows
from ess_server.venue.budget import RequestBudget
from ess_server.venue.calls import together
from ess_server.venue.markets import Markets
from ess_server.venue.okx_holdings import OkxHoldings
from ess_server.venue.reading import ReadingEconomy
from ess_server.venue.usdm_rows import text_of

COMMON_KINDS = ("conditional,oco", "trigger")
RARE_KINDS = ("move_order_stop", "chase", "iceberg", "smart_iceberg", "twap")
"""Conditional orders are listed kind by kind; only the first two of them together (OKX's reference, July 2026)."""
LIST_WEIGHT = 20
COMMON_WEIGHT, RARE_WEIGHT = LIST_WEIGHT * len(COMMON_KINDS), LIST_WEIGHT * len(RARE_KINDS)
SNAPSHOT_WEIGHT = COMMON_WEIGHT + RARE_WEIGHT
POSITIONS_WEIGHT = 40
PAGE, MAX_PAGES = 100, 50

Endpoint = Callable[[Any], Awaitable[Any]]
Signed = Callable[..., Coroutine[Any, Any, Any]]
Rows = list[Mapping[str, Any]]


class OkxReader:
    """Reads positions and orders of one account.

    Twenty lists of conditional orders may be read in two seconds, and there are seven. The five rare ones are left out
    of a snapshot that shows something in the others, unless nothing was sent since another such one.
    """

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - a class of ccxt
        signed: Signed,
        *,
        clock: Clock,
        budget: RequestBudget,
        markets: Markets,
        holdings: OkxHoldings,
    ) -> None:
        self.economy = ReadingEconomy()
        self._exchange = exchange
        self._signed = signed
        self._clock = clock
        self._budget = budget
        self._markets = markets
        self._holdings = holdings

    async def snapshot(self, witness: Callable[[], Awaitable[Witness]]) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``. Raises ReadBudgetError if it must wait."""
        await self._markets.usable()
        if self.economy.positions_first:
            return await self._careful(witness)
        if self.economy.expects_nothing:
            self._budget.read(SNAPSHOT_WEIGHT, self.economy.purpose)
            self.economy.begin()
            held, *lists = await together(self._held(), self._pending(), *self._algos(COMMON_KINDS + RARE_KINDS))
        else:
            self._budget.read(COMMON_WEIGHT, self.economy.purpose)
            self.economy.begin()
            held, *lists = await together(self._held(), self._pending(), *self._algos(COMMON_KINDS))
            orders, positions = await self._understood(held, lists)
            if self.economy.partly(orders, positions):
                return self._seen(orders, positions, partial=True)
            self._budget.read(RARE_WEIGHT, self.economy.purpose)
            lists += await together(*self._algos(RARE_KINDS))
        return await self._whole(held, lists)

    async def _careful(self, witness: Callable[[], Awaitable[Witness]]) -> VenueSnapshot:
        ahead = 0 if self.economy.may_suffice else SNAPSHOT_WEIGHT
        self._budget.read(POSITIONS_WEIGHT, self.economy.purpose, ahead=ahead)
        self.economy.begin()
        held = await self._held()
        _, positions = await self._understood(held, [[]])
        if self.economy.suffices(positions):
            return self._seen((), positions, partial=True)
        await self.economy.confirm(positions, witness)
        self._budget.read(SNAPSHOT_WEIGHT, self.economy.purpose)
        return await self._whole(held, await together(self._pending(), *self._algos(COMMON_KINDS + RARE_KINDS)))

    async def _whole(self, held: object, lists: Sequence[Rows]) -> VenueSnapshot:
        orders, positions = await self._understood(held, lists)
        self.economy.whole(orders, positions)
        return self._seen(orders, positions, partial=False)

    def _held(self) -> Coroutine[Any, Any, Any]:
        return self._signed(self._exchange.privateGetAccountPositions, {})

    def _pending(self) -> Coroutine[Any, Any, Rows]:
        return self._listed(self._exchange.privateGetTradeOrdersPending, {}, "ordId", 1)

    def _algos(self, kinds: Sequence[str]) -> list[Coroutine[Any, Any, Rows]]:
        endpoint = self._exchange.privateGetTradeOrdersAlgoPending
        return [self._listed(endpoint, {"ordType": kind}, "algoId", LIST_WEIGHT) for kind in kinds]

    async def _understood(
        self, held: object, lists: Sequence[Rows]
    ) -> tuple[tuple[OpenOrder, ...], tuple[Position, ...]]:
        plain, rows = lists[0], [row for kind in lists[1:] for row in kind]
        shown = (*okx_rows.data_of(held, "positions"), *plain, *rows)
        await self._markets.learn({row["instId"] for row in shown if isinstance(row.get("instId"), str)})
        symbol_of = self._markets.symbol_of
        orders = (
            *okx_rows.open_orders(plain, symbol_of, conditional=False),
            *okx_rows.open_orders(rows, symbol_of, conditional=True),
        )
        return orders, self._holdings.positions(okx_rows.holdings(held, symbol_of))

    def _seen(self, orders: tuple[OpenOrder, ...], positions: tuple[Position, ...], *, partial: bool) -> VenueSnapshot:
        unnamed = self._markets.unnamed([*(o.symbol for o in orders), *(p.symbol for p in positions)])
        return VenueSnapshot(
            time=self._clock.now(), orders=orders, positions=positions, unnamed=unnamed, partial=partial
        )

    async def _listed(self, endpoint: Endpoint, params: Mapping[str, Any], key: str, weight: float) -> Rows:
        """Read all pages. Raises VenueUnknownError if they do not end."""
        found: Rows = []
        after: dict[str, Any] = {}
        for number in range(MAX_PAGES):
            reply = await self._signed(endpoint, {**params, **after}, weight=weight if number else 0)
            rows = okx_rows.data_of(reply, "orders")
            found += rows
            if len(rows) < PAGE:
                return found
            after = {"after": text_of(rows[-1], key)}
        raise VenueUnknownError("orders: their list does not end")
