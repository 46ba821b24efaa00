"""Binance USD-M replies, checked row by row. A reply that is not exactly what it should be is unknown, never empty."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import OpenOrder, Position, Witness

ONE_WAY, LONG, SHORT = "BOTH", "LONG", "SHORT"
SymbolOf = Callable[[str], str]
"""Turns the exchange's id of a market into the unified symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRules:
    """What a market order of one symbol may be, in base units. ``tick`` is the step of prices, None if unknown."""

    step: Decimal
    minimum: Decimal
    maximum: Decimal
    tick: Decimal | None = None


def positions(reply: object, symbol_of: SymbolOf) -> tuple[Position, ...]:
    """Read ``positionRisk``; the sign of the amount is the side. Raises VenueUnknownError."""
    found = (_position(row, symbol_of) for row in rows_of(reply, "positions"))
    return tuple(p for p in found if p is not None)


def _position(row: Mapping[str, Any], symbol_of: SymbolOf) -> Position | None:
    leg, amount = text_of(row, "positionSide"), decimal_of(row, "positionAmt")
    if leg not in (ONE_WAY, LONG, SHORT):
        raise VenueUnknownError(f"positions: unknown positionSide {leg[:20]!r}")
    if (leg == LONG and amount < 0) or (leg == SHORT and amount > 0):
        raise VenueUnknownError(f"positions: the {leg} leg has the sign of the other")
    symbol = symbol_of(text_of(row, "symbol"))
    if amount == 0:
        return None
    price = price_of(row, "markPrice")
    return Position(symbol=symbol, long=amount > 0, quantity=abs(amount), hedged=leg != ONE_WAY, price=price)


def open_orders(reply: object, symbol_of: SymbolOf, *, conditional: bool) -> tuple[OpenOrder, ...]:
    """Read ``openOrders`` or ``openAlgoOrders``. Raises VenueUnknownError."""
    name, key = ("conditional orders", "algoId") if conditional else ("orders", "orderId")
    own = "clientAlgoId" if conditional else "clientOrderId"
    return tuple(
        OpenOrder(
            id=text_of(row, key),
            symbol=symbol_of(text_of(row, "symbol")),
            conditional=conditional,
            reduce_only=only_reduces(row),
            client_order_id=told(row, own),
        )
        for row in rows_of(reply, name)
    )


def only_reduces(row: Mapping[str, Any]) -> bool:
    """Whether the exchange will not let this order open anything; in hedge mode leg and side tell.

    Raises VenueUnknownError.
    """
    side, leg = text_of(row, "side"), text_of(row, "positionSide")
    if row.get("reduceOnly") is True or row.get("closePosition") is True:
        return True
    return (leg, side) in ((LONG, "SELL"), (SHORT, "BUY"))


def equity(reply: object) -> Decimal:
    """Read the margin balance of ``account``, unrealised profit included. Raises VenueUnknownError."""
    if not isinstance(reply, Mapping):
        raise VenueUnknownError("account: not an object")
    return decimal_of(reply, "totalMarginBalance")


def open_positions(reply: object) -> int | None:
    """Count the positions of ``account`` that are not zero; None if it does not tell, for its equity still counts."""
    try:
        rows = rows_of(reply.get("positions") if isinstance(reply, Mapping) else None, "account positions")
        return sum(decimal_of(row, "positionAmt") != 0 for row in rows)
    except VenueUnknownError:
        return None


def witness(reply: object) -> Witness:
    """Read what ``account`` has reserved, in all assets together and in each. Raises VenueUnknownError."""
    if not isinstance(reply, Mapping):
        raise VenueUnknownError("account: not an object")
    assets = rows_of(reply.get("assets"), "account assets")
    held = [decimal_of(reply, "totalPositionInitialMargin"), *(decimal_of(a, "positionInitialMargin") for a in assets)]
    ordered = [decimal_of(reply, "totalOpenOrderInitialMargin")]
    ordered += [decimal_of(a, "openOrderInitialMargin") for a in assets]
    return testify(held, ordered)


def testify(held: Sequence[Decimal], ordered: Sequence[Decimal]) -> Witness:
    """Return the witness of margins that positions and orders hold; of a kind without any figure nothing is told."""
    return Witness(
        positions=any(held) if held else None,
        orders=any(ordered) if ordered else None,
        evidence=f"margin of positions {_most(held)}, of orders {_most(ordered)}",
    )


def _most(figures: Sequence[Decimal]) -> str:
    return f"{max(figures, key=abs).normalize():f}" if figures else "not told"


def hedge_mode(reply: object) -> bool:
    """Read ``positionSide/dual``. Raises VenueUnknownError."""
    flag = reply.get("dualSidePosition") if isinstance(reply, Mapping) else None
    if not isinstance(flag, bool):
        raise VenueUnknownError("position mode: dualSidePosition is not true or false")
    return flag


def size_rules(filters: object) -> SizeRules:
    """Read the filters of a market. Raises VenueUnknownError."""
    found = {row.get("filterType"): row for row in rows_of(filters, "filters")}
    try:
        lot, market = found["LOT_SIZE"], found["MARKET_LOT_SIZE"]
    except KeyError as missing:
        raise VenueUnknownError(f"filters: {missing.args[0]} is missing") from None
    # A step of zero in MARKET_LOT_SIZE means that LOT_SIZE rules.
    step = decimal_of(market, "stepSize") or decimal_of(lot, "stepSize")
    maximum = min(decimal_of(market, "maxQty"), decimal_of(lot, "maxQty"))
    if step <= 0 or maximum < step:
        raise VenueUnknownError("filters: step or maximum cannot be")
    tick = price_of(found.get("PRICE_FILTER", {}), "tickSize")
    return SizeRules(step=step, minimum=max(decimal_of(market, "minQty"), step), maximum=maximum, tick=tick)


def split(quantity: Decimal, rules: SizeRules) -> tuple[Decimal, ...]:
    """Cut a quantity into equal orders that the market takes, rounded down; empty if it is below the minimum."""
    steps = int((quantity / rules.step).to_integral_value(ROUND_DOWN))
    if steps * rules.step < rules.minimum:
        return ()
    largest = int((rules.maximum / rules.step).to_integral_value(ROUND_DOWN))
    count = -(-steps // largest)
    each, rest = divmod(steps, count)
    return tuple((each + (1 if n < rest else 0)) * rules.step for n in range(count))


def within(limit: Decimal, rules: SizeRules | None, *, selling: bool) -> str:
    """Return the price of an order that is no worse than ``limit``: on the tick, a sell's rounded up, a buy's down."""
    if rules is None or rules.tick is None:
        return f"{limit:f}"
    ticks = (limit / rules.tick).to_integral_value(ROUND_CEILING if selling else ROUND_FLOOR)
    return f"{ticks * rules.tick:f}"


def price_of(row: Mapping[str, Any], key: str) -> Decimal | None:
    """Return a number above zero, None for everything else: what it is for does without."""
    try:
        price = decimal_of(row, key)
    except VenueUnknownError:
        return None
    return price if price > 0 else None


def told(row: Mapping[str, Any], key: str) -> str:
    """Return a text, empty for everything else: what it is for does without."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def ids_of(*replies: object) -> set[str]:
    """Return every market id in sight; what the rows are worth is checked elsewhere."""
    rows = [row for reply in replies if isinstance(reply, list) for row in reply if isinstance(row, dict)]
    return {row["symbol"] for row in rows if isinstance(row.get("symbol"), str)}


def ids_by_symbol(orders: Iterable[OpenOrder]) -> dict[str, set[str]]:
    """Return the ids of orders by symbol."""
    groups: dict[str, set[str]] = {}
    for order in orders:
        groups.setdefault(order.symbol, set()).add(order.id)
    return groups


def flag_of(reply: object, name: str) -> bool:
    """Return a flag of an object. Raises VenueUnknownError unless it is true or false."""
    value = reply.get(name) if isinstance(reply, Mapping) else None
    if not isinstance(value, bool):
        raise VenueUnknownError(f"{name} is not true or false")
    return value


def decimal_of(row: Mapping[str, Any], key: str) -> Decimal:
    """Return a finite number. Raises VenueUnknownError."""
    value = row.get(key)
    try:
        number = Decimal(str(value)) if isinstance(value, str | int | float) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise VenueUnknownError(f"{key} is not a number")
    return number


def rows_of(reply: object, name: str) -> list[Mapping[str, Any]]:
    """Return the rows of a list; ``name`` is for the error. Raises VenueUnknownError unless all are objects."""
    if not isinstance(reply, list) or not all(isinstance(row, Mapping) for row in reply):
        raise VenueUnknownError(f"{name}: not a list of objects")
    return reply


def text_of(row: Mapping[str, Any], key: str) -> str:
    """Return a text or number as text. Raises VenueUnknownError if it is missing or empty."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise VenueUnknownError(f"{key} is missing")
    return str(value)
