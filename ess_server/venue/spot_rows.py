"""Binance spot replies, checked row by row. A reply that is not exactly what it should be is unknown, never empty."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from ess_server.venue.usdm_rows import SizeRules, SymbolOf, decimal_of, rows_of, size_rules, split, text_of

ZERO = Decimal(0)
CONDITIONAL = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
WORKING = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL"})
_FILTERS = frozenset({"LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL", "PRICE_FILTER"})
ENDED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})


@dataclass(frozen=True, slots=True)
class Balance:
    """What there is of one asset; ``locked`` is bound by open orders."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class Holdings:
    """Every asset of the account at ``updated``, the venue's time of its last change in milliseconds."""

    balances: Mapping[str, Balance]
    updated: int

    def of(self, asset: str) -> Balance:
        """Return the balance. Raises VenueUnknownError if the venue does not tell it: that is not zero."""
        found = self.balances.get(asset)
        if found is None:
            raise VenueUnknownError(f"account: no balance of {asset}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRules:
    """What an order of one pair may be; ``least_worth`` is its least price times quantity."""

    sizes: SizeRules
    tick: Decimal
    least_worth: Decimal

    def too_small(self, position: Position) -> bool:
        """Whether a whole position may be worth too little: the exchange values it by an average of minutes."""
        return position.price is not None and position.quantity * position.price < 2 * self.least_worth

    def price_no_worse(self, limit: Decimal) -> Decimal:
        """Return the price of a sell order that is on the tick and at least ``limit``."""
        return (limit / self.tick).to_integral_value(ROUND_CEILING) * self.tick


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order; ``updated`` is the venue's time of its last change in milliseconds."""

    ended: bool
    executed: Decimal
    updated: int


def holdings(reply: object) -> Holdings:
    """Read ``account``. Raises VenueUnknownError."""
    if not isinstance(reply, Mapping):
        raise VenueUnknownError("account: not an object")
    found: dict[str, Balance] = {}
    for row in rows_of(reply.get("balances"), "balances"):
        asset, balance = text_of(row, "asset"), Balance(decimal_of(row, "free"), decimal_of(row, "locked"))
        if asset in found or balance.free < 0 or balance.locked < 0:
            raise VenueUnknownError(f"balances: {asset[:20]} is told twice or below zero")
        found[asset] = balance
    return Holdings(found, _milliseconds(reply, "updateTime"))


def positions(held: Holdings, sale: SpotSale, prices: Mapping[str, Decimal]) -> tuple[Position, ...]:
    """Return what is to be sold of each asset that is told, with its price by unified symbol where it is known."""
    found = []
    for asset in (asset for asset in sale.sell if asset in held.balances):
        spare, symbol = held.of(asset).total - sale.kept(asset), sale.symbol_of(asset)
        if spare > 0:
            price = prices.get(symbol)
            found.append(Position(symbol=symbol, long=True, quantity=spare, hedged=False, price=price))
    return tuple(found)


def parts(position: Position, balance: Balance, kept: Decimal, sizes: SizeRules) -> tuple[Decimal, ...]:
    """Return the orders that sell a position: at most it, of what is free, and never what is kept.

    Raises BelowMinimumError if the position is too small for the market, and VenueUnknownError if what is left of it,
    or not locked, is.
    """
    quantity = min(position.quantity, balance.free - kept)
    found = split(max(quantity, ZERO), sizes)
    if found:
        return found
    if balance.total - kept < position.quantity:
        raise VenueUnknownError(f"less than {position.quantity} {position.symbol} is left to be sold")
    if quantity < position.quantity:
        raise VenueUnknownError(f"{position.symbol}: {balance.locked} are locked by orders")
    raise BelowMinimumError(f"{position.quantity} {position.symbol} is below the market's minimum")


def open_orders(reply: object, symbol_of: SymbolOf) -> tuple[OpenOrder, ...]:
    """Read ``openOrders``. No order of spot can only reduce. Raises VenueUnknownError."""
    return tuple(
        OpenOrder(
            id=text_of(row, "orderId"),
            symbol=symbol_of(text_of(row, "symbol")),
            conditional=text_of(row, "type") in CONDITIONAL,
            reduce_only=False,
            client_order_id=text_of(row, "clientOrderId"),
        )
        for row in rows_of(reply, "orders")
    )


def outcome(row: object) -> Outcome:
    """Read one order, as it is placed or asked for. Raises VenueUnknownError."""
    if not isinstance(row, Mapping):
        raise VenueUnknownError("order: not an object")
    status = text_of(row, "status")
    if status not in WORKING and status not in ENDED:
        raise VenueUnknownError(f"order: unknown status {status[:20]!r}")
    changed = "transactTime" if "transactTime" in row else "updateTime"
    return Outcome(status in ENDED, decimal_of(row, "executedQty"), _milliseconds(row, changed))


def prices(reply: object, symbol_of: SymbolOf) -> dict[str, Decimal]:
    """Read ``ticker/price`` by unified symbol. Raises VenueUnknownError."""
    found = {symbol_of(text_of(row, "symbol")): decimal_of(row, "price") for row in rows_of(reply, "prices")}
    if any(price < 0 for price in found.values()):
        raise VenueUnknownError("prices: one is below zero")
    # A pair that never traded is told with a price of zero.
    return {symbol: price for symbol, price in found.items() if price}


def witness(reply: object, sale: SpotSale) -> Witness:
    """Read ``getUserAsset``, which lists only assets of which there is something. Raises VenueUnknownError."""
    rows = {text_of(row, "asset"): row for row in rows_of(reply, "assets")}
    held = {asset: Balance(decimal_of(row, "free"), decimal_of(row, "locked")) for asset, row in rows.items()}
    spare = {asset: held[asset].total - sale.kept(asset) for asset in sale.sell if asset in held}
    above = {asset: amount for asset, amount in spare.items() if amount > 0}
    locked = {asset: balance.locked for asset, balance in held.items() if balance.locked > 0}
    evidence = f"to be sold {_listed(above)}, locked {_listed(locked)}"
    return Witness(positions=bool(above), orders=bool(locked), evidence=evidence)


def worth(held: Holdings, into: str, prices_: Mapping[str, Decimal]) -> Decimal:
    """Return what all balances are worth in one asset; what has no pair with it is left out."""
    total = ZERO
    for asset, balance in held.balances.items():
        price = Decimal(1) if asset == into else prices_.get(f"{asset}/{into}")
        if balance.total and price is not None:
            total += balance.total * price
    return total


def pair_detail(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the exchange's own row of a pair; there are thousands of them."""
    kept = [f for f in rows_of(row.get("filters"), "filters") if f.get("filterType") in _FILTERS]
    return {"status": row.get("status"), "orderTypes": row.get("orderTypes"), "filters": kept}


def pair_rules(row: object) -> PairRules:
    """Read the exchange's own row of a pair. Raises VenueUnknownError."""
    if not isinstance(row, Mapping):
        raise VenueUnknownError("the venue lists no such pair")
    filters = row.get("filters")
    sizes, found = size_rules(filters), {f.get("filterType"): f for f in rows_of(filters, "filters")}
    lot, tick = decimal_of(found["LOT_SIZE"], "minQty"), _of(found, "PRICE_FILTER", "tickSize")
    if tick <= 0:
        raise VenueUnknownError("filters: the tick cannot be")
    sizes = SizeRules(step=sizes.step, minimum=max(sizes.minimum, lot), maximum=sizes.maximum)
    return PairRules(sizes=sizes, tick=tick, least_worth=_of(found, "NOTIONAL", "minNotional"))


def _of(filters: Mapping[Any, Mapping[str, Any]], kind: str, key: str) -> Decimal:
    if kind not in filters:
        raise VenueUnknownError(f"filters: {kind} is missing")
    return decimal_of(filters[kind], key)


def _milliseconds(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdigit():
        raise VenueUnknownError(f"{key} is not a time")
    return int(value)


def _listed(amounts: Mapping[str, Decimal]) -> str:
    names: Iterable[str] = (f"{amount.normalize():f} {asset}" for asset, amount in sorted(amounts.items()))
    return ", ".join(names) or "nothing"
