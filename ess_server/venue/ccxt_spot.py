"""One Binance spot account through ccxt."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import aiohttp

from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.examination import Examination
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue import spot_rows
from ess_server.venue.budget import BudgetLimits, Purpose, RequestBudget
from ess_server.venue.calls import Shared, all_of, together
from ess_server.venue.credentials import Credentials
from ess_server.venue.examine_spot import SEND_BURST, SENDS_PER_SECOND, examine_spot
from ess_server.venue.examining import Endpoint, Sources, limits_of
from ess_server.venue.markets import Markets
from ess_server.venue.signed import SignedCalls, disconnect
from ess_server.venue.spot_rows import Holdings, PairRules
from ess_server.venue.spot_sales import EXPIRY_S, SEND_WINDOW_MS, SpotSales
from ess_server.venue.spot_strict import open_spot
from ess_server.venue.strict import VenueError, translated
from ess_server.venue.usdm_rows import ids_by_symbol, ids_of

BUDGET = BudgetLimits(per_minute=6000, burst=3000, per_second=45, reserve=1500)
"""The exchange counts 6,000 a minute and address, apart from futures; engines on the same address need their share."""
ACCOUNT_WEIGHT, ORDERS_WEIGHT, PRICES_WEIGHT = 20, 80, 4
SNAPSHOT_WEIGHT = ACCOUNT_WEIGHT + ORDERS_WEIGHT + PRICES_WEIGHT
LOOK_WEIGHT, RECENT_WEIGHT, ASSETS_WEIGHT = 4, 20, 5
RECENT_ORDERS = 500
MAX_PARTS = 50
"""Orders of one sale: the exchange takes 100 in ten seconds, and what is left is sold by the next attempt."""
CONCURRENCY = 8
NOTHING_SOLD = "nothing is sold: the account has no spot.sell"

_GONE = frozenset({-2011, -2013})
_NO_SUCH_ORDER, _WRONG_TIME = -2013, -1021
_FILTER, _NOTIONAL = -1013, "NOTIONAL"

_log = logging.getLogger(__name__)


class BinanceSpotClient:
    """An ``ExchangeClient`` whose positions are the assets that ``sale`` names, above what it keeps.

    Speaks the raw endpoints: no parser in between can drop a row. Sales are market orders, or with a limit
    immediate-or-cancel ones; ``SpotSales`` keeps them from being made twice. A sale leaves alone what orders have
    locked: it could be sold by them, and what is to be kept would go with it. It reads no executions.
    """

    def __init__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        sale: SpotSale,
        session: aiohttp.ClientSession | None = None,
        history: object = None,  # noqa: ARG002 - no executions are read
        expiry: float = EXPIRY_S,
    ) -> None:
        """``expiry`` is how many seconds after its end a request may still act; there is no use for a ``history``."""
        self.account = account
        self.open_positions: int | None = None
        self._clock = clock
        self._budget = budget
        self._sale = sale
        self._assets = {sale.symbol_of(asset): asset for asset in sale.sell}
        self._session = session
        self._exchange = open_spot(credentials, budget, session)
        self._markets = Markets(self._exchange, clock, spot_rows.pair_detail, kinds=("spot",))
        self._account = Shared(lambda: self._read(self._exchange.privateGetAccount, weight=ACCOUNT_WEIGHT))
        self._sales = SpotSales(clock, self._look, self._recent, expiry)
        self._signed = SignedCalls(budget, self._markets, lambda error: error.code == _WRONG_TIME)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._equity_slot = asyncio.Semaphore(1)
        self._shown, self._lacked = dict[str, set[str]](), False

    def __repr__(self) -> str:
        return f"BinanceSpotClient({self.account.id!r})"

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``; raises VenueUnknownError if an asset cannot be sold as configured."""
        await self._markets.sync_clock()
        await self._markets.load()
        for symbol in self._assets:
            self._rules(symbol)

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``. Raises ReadBudgetError if it must wait."""
        await self._markets.usable()
        self._budget.read(SNAPSHOT_WEIGHT, Purpose.FLATTEN)
        listed, account, prices = await together(
            self._read(self._exchange.privateGetOpenOrders),
            self._read(self._exchange.privateGetAccount),
            self._prices(),
        )
        await self._markets.learn(ids_of(listed))
        orders = spot_rows.open_orders(listed, self._markets.symbol_of)
        held = spot_rows.holdings(account)
        positions = spot_rows.positions(held, self._sale, prices)
        self._shown = ids_by_symbol(orders)
        unnamed = self._markets.unnamed([*(o.symbol for o in orders), *(p.symbol for p in positions)])
        return VenueSnapshot(
            time=self._clock.now(),
            orders=orders,
            positions=positions,
            unnamed=unnamed,
            untouched="" if self._sale.sell else NOTHING_SOLD,
            partial=self._lacks_balances(held, something=bool(orders or positions)),
        )

    def _lacks_balances(self, held: Holdings, *, something: bool) -> bool:
        """Whether the venue leaves out an asset that is to be sold, as one that was misspelt.

        Something else is to be done all the same; but never twice in a row, for nothing is flat without it. Raises
        VenueUnknownError.
        """
        missing = [asset for asset in self._sale.sell if asset not in held.balances]
        self._lacked = bool(missing) and something and not self._lacked
        if missing and not self._lacked:
            raise VenueUnknownError(f"account: no balance of {missing[0]}, which is to be sold")
        return self._lacked

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``.

        Where the last snapshot showed no other order of a symbol, all of it are cancelled in one request, with
        whatever has been added since. An order of a list takes the list with it.
        """
        calls = []
        for symbol, ids in ids_by_symbol(orders).items():
            named = {"symbol": self._markets.id_of(symbol)}
            if ids >= self._shown.get(symbol, set()):
                calls.append(self._cancelled(self._exchange.privateDeleteOpenOrders, named))
            else:
                delete = self._exchange.privateDeleteOrder
                calls += [self._cancelled(delete, {**named, "orderId": id_}) for id_ in sorted(ids)]
        await all_of(calls, "cancel")

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Sell at most the position's quantity, of what is free and not to be kept; see ``ExchangeClient``.

        Raises BelowMinimumError if the market takes no order so small, and VenueUnknownError while an earlier sale may
        still act, or while orders lock what is to be sold.
        """
        asset = self._assets.get(position.symbol)
        if asset is None or not position.long:
            raise VenueUnknownError(f"{position.symbol} is not to be sold")
        await self._markets.ready()
        rules = self._rules(position.symbol)
        async with self._sales.turn(position.symbol):
            balance = self._sales.believe(spot_rows.holdings(await self._account())).of(asset)
            parts = spot_rows.parts(position, balance, self._sale.kept(asset), rules.sizes)
            price = None if limit is None else rules.price_no_worse(limit)
            await all_of(
                [
                    self._sell(position, part, price, f"{client_order_id}-{n}", rules)
                    for n, part in enumerate(parts[:MAX_PARTS])
                ],
                "sell",
            )

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``: the wallet's own list of assets. Raises ReadBudgetError if it must wait."""
        await self._markets.usable()
        self._budget.read(ASSETS_WEIGHT, Purpose.FLATTEN)
        return spot_rows.witness(await self._read(self._exchange.sapiV3PostAssetGetUserAsset), self._sale)

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``: what all balances are worth. Raises ReadBudgetError if it must wait.

        What has no pair with the asset that is sold into is left out.
        """
        await self._markets.ready()
        self._budget.read(ACCOUNT_WEIGHT + PRICES_WEIGHT, Purpose.EQUITY)
        account = await self._signed.make(partial(self._exchange.privateGetAccount, {}), self._equity_slot)
        prices = spot_rows.prices(await translated(self._exchange.publicGetTickerPrice()), self._markets.symbol_of)
        held = spot_rows.holdings(account)
        self.open_positions = len(spot_rows.positions(held, self._sale, prices))
        return spot_rows.worth(held, self._sale.into, prices), self._sale.into

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """Refuse: the exchange tells spot orders of one pair at a time only. Raises VenueUnknownError."""
        del deliver
        raise VenueUnknownError("executions of Binance spot are not read: report them, or set executions_poll_ms = 0")

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        limits = limits_of(
            BUDGET, SNAPSHOT_WEIGHT, burst=SEND_BURST, per_second=SENDS_PER_SECOND, batch=0, concurrency=CONCURRENCY
        )
        sources = Sources(
            client=self,
            exchange=self._exchange,
            markets=self._markets,
            clock=self._clock,
            read=self._read,
            limits=limits,
            send_valid=timedelta(milliseconds=SEND_WINDOW_MS),
        )
        return await examine_spot(sources, self._sale)

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        await disconnect(self._markets, self._exchange, self._session)

    async def _sell(self, position: Position, part: Decimal, price: Decimal | None, id_: str, rules: PairRules) -> None:
        params: dict[str, Any] = {
            "symbol": self._markets.id_of(position.symbol),
            "side": "SELL",
            "type": "MARKET",
            "quantity": f"{part:f}",
            "newClientOrderId": id_,
            "newOrderRespType": "RESULT",
        }
        if price is not None:
            params |= {"type": "LIMIT", "timeInForce": "IOC", "price": f"{price:f}"}
        try:
            await self._sales.sell(position.symbol, id_, self._send(self._exchange.privatePostOrder, params))
        except VenueError as error:
            if error.code == _FILTER and _NOTIONAL in str(error) and rules.too_small(position):
                raise BelowMinimumError(str(error)) from None
            raise

    async def _cancelled(self, endpoint: Endpoint, params: dict[str, Any]) -> None:
        try:
            await self._send(endpoint, params)
        except VenueError as error:
            if error.code not in _GONE:
                raise

    async def _prices(self) -> dict[str, Decimal]:
        """Read the prices of what may be sold; the pair of an asset that the venue does not list has none."""
        ids = [self._markets.id_of(symbol) for symbol in self._assets if self._markets.detail(symbol) is not None]
        if not ids:
            return {}
        wanted = {"symbols": json.dumps(ids, separators=(",", ":"))}
        try:
            reply = await translated(self._exchange.publicGetTickerPrice(wanted))
            return spot_rows.prices(reply, self._markets.symbol_of)
        except EssError as error:
            # What is held does not depend on what it is worth.
            _log.warning("account %s: no prices: %s", self.account.id, error)
            return {}

    async def _look(self, symbol: str, client_order_id: str) -> object:
        wanted = {"symbol": self._markets.id_of(symbol), "origClientOrderId": client_order_id}
        try:
            return await self._read(self._exchange.privateGetOrder, wanted, weight=LOOK_WEIGHT)
        except VenueError as error:
            if error.code != _NO_SUCH_ORDER:
                raise
            return None

    async def _recent(self, symbol: str) -> object:
        wanted = {"symbol": self._markets.id_of(symbol), "limit": RECENT_ORDERS}
        return await self._read(self._exchange.privateGetAllOrders, wanted, weight=RECENT_WEIGHT)

    def _rules(self, symbol: str) -> PairRules:
        try:
            return spot_rows.pair_rules(self._markets.detail(symbol))
        except VenueUnknownError as error:
            raise VenueUnknownError(f"{symbol} cannot be sold: {error}") from None

    async def _read(self, endpoint: Endpoint, params: Mapping[str, Any] | None = None, *, weight: float = 0) -> Any:  # noqa: ANN401 - JSON
        return await self._signed.make(partial(endpoint, dict(params or {})), self._slots, weight=weight)

    async def _send(self, endpoint: Endpoint, params: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        return await self._signed.make(
            partial(endpoint, {**params, "recvWindow": SEND_WINDOW_MS}), self._slots, weight=1
        )


def selling(sale: SpotSale) -> partial[BinanceSpotClient]:
    """Return what makes clients that sell this."""
    return partial(BinanceSpotClient, sale=sale)
