"""Bybit v5 replies, checked row by row. A reply that is not exactly what it should be is unknown, never empty."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from ess_server.venue.usdm_rows import (
    SizeRules,
    SymbolOf,
    decimal_of,
    price_of,
    rows_of,
    testify,
    text_of,
    told,
)

_ONE_WAY, _LONG, _SHORT = 0, 1, 2
LEGS = {True: _LONG, False: _SHORT}
"""``positionIdx`` of the long and of the short leg in hedge mode."""
_WAITING = "Untriggered"


def page(reply: object, name: str) -> tuple[list[Mapping[str, Any]], str]:
    """Return the rows of a page and the cursor of the next one, empty at the end. Raises VenueUnknownError."""
    result = reply.get("result") if isinstance(reply, Mapping) else None
    if not isinstance(result, Mapping):
        raise VenueUnknownError(f"{name}: no result")
    cursor = result.get("nextPageCursor", "")
    if not isinstance(cursor, str):
        raise VenueUnknownError(f"{name}: the cursor is no text")
    return rows_of(result.get("list"), name), cursor


def positions(rows: list[Mapping[str, Any]], symbol_of: SymbolOf) -> tuple[Position, ...]:
    """Read the positions. Raises VenueUnknownError."""
    found = (_position(row, symbol_of) for row in rows)
    return tuple(p for p in found if p is not None)


def _position(row: Mapping[str, Any], symbol_of: SymbolOf) -> Position | None:
    leg, size, side = row.get("positionIdx"), decimal_of(row, "size"), row.get("side")
    symbol = symbol_of(text_of(row, "symbol"))
    if leg not in (_ONE_WAY, _LONG, _SHORT) or size < 0:
        raise VenueUnknownError(f"positions: {symbol[:40]} has a positionIdx or size that cannot be")
    if not size:
        return None
    if side not in ("Buy", "Sell") or (leg == _LONG and side != "Buy") or (leg == _SHORT and side != "Sell"):
        raise VenueUnknownError(f"positions: {symbol[:40]} has a side that cannot be")
    price = price_of(row, "markPrice")
    return Position(symbol=symbol, long=side == "Buy", quantity=size, hedged=leg != _ONE_WAY, price=price)


def open_orders(rows: list[Mapping[str, Any]], symbol_of: SymbolOf) -> tuple[OpenOrder, ...]:
    """Read open orders of both kinds. Raises VenueUnknownError."""
    return tuple(
        OpenOrder(
            id=text_of(row, "orderId"),
            symbol=symbol_of(text_of(row, "symbol")),
            conditional=text_of(row, "orderStatus") == _WAITING,
            reduce_only=only_reduces(row),
            client_order_id=told(row, "orderLinkId"),
        )
        for row in rows
    )


def only_reduces(row: Mapping[str, Any]) -> bool:
    """Whether the exchange will not let this order open anything. Raises VenueUnknownError."""
    side = text_of(row, "side")
    if row.get("reduceOnly") is True or row.get("closeOnTrigger") is True:
        return True
    return (row.get("positionIdx"), side) in ((_LONG, "Sell"), (_SHORT, "Buy"))


def refusals(reply: object, sent: int) -> list[tuple[int, str]]:
    """Return code and message of each item of a batch that was refused. Raises VenueUnknownError."""
    extra = reply.get("retExtInfo") if isinstance(reply, Mapping) else None
    rows = rows_of(extra.get("list") if isinstance(extra, Mapping) else None, "cancel")
    if len(rows) != sent:
        raise VenueUnknownError("cancel: the reply does not tell what became of each order")
    codes = [(int(decimal_of(row, "code")), str(row.get("msg", ""))) for row in rows]
    return [(code, message) for code, message in codes if code]


def coin(reply: object, name: str) -> Mapping[str, Any]:
    """Return the row of a coin of the unified account. Raises VenueUnknownError."""
    for account in page(reply, "balance")[0]:
        for row in rows_of(account.get("coin"), "balance"):
            if row.get("coin") == name:
                return row
    raise VenueUnknownError(f"balance: no {name}")


def witness(reply: object) -> Witness:
    """Read what the unified account has reserved in each coin, where it tells. Raises VenueUnknownError."""
    coins = [row for account in page(reply, "balance")[0] for row in rows_of(account.get("coin"), "balance")]
    return testify(_figures(coins, "totalPositionIM"), _figures(coins, "totalOrderIM"))


def _figures(coins: list[Mapping[str, Any]], key: str) -> list[Decimal]:
    return [decimal_of(row, key) for row in coins if row.get(key) != ""]


def size_rules(info: object) -> SizeRules:
    """Read the exchange's row of an instrument. Raises VenueUnknownError."""
    lot = info.get("lotSizeFilter") if isinstance(info, Mapping) else None
    if not isinstance(lot, Mapping):
        raise VenueUnknownError("no lotSizeFilter")
    step, minimum = decimal_of(lot, "qtyStep"), decimal_of(lot, "minOrderQty")
    maximum = min(decimal_of(lot, "maxMktOrderQty"), decimal_of(lot, "maxOrderQty"))
    if step <= 0 or maximum < step:
        raise VenueUnknownError("the instrument's sizes make no sense")
    prices = info.get("priceFilter") if isinstance(info, Mapping) else None
    tick = price_of(prices, "tickSize") if isinstance(prices, Mapping) else None
    return SizeRules(step=step, minimum=max(minimum, step), maximum=maximum, tick=tick)
