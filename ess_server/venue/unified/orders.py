"""Closing orders through ccxt's unified call, and what the venues' rows have in common."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.plan import Closing, Exchange, Row


async def send_close(
    exchange: Exchange,
    closing: Closing,
    params: Mapping[str, Any],
    *,
    id_key: str = "clientOrderId",
    at_once: str = "IOC",
) -> None:
    """Send one closing order: immediate-or-cancel with a limit, else at market. ``params`` make it reduce-only.

    ``at_once`` is how ccxt wants immediate-or-cancel written: another spelling is an order that rests.
    """
    own = {id_key: closing.client_order_id, **params}
    quantity = float(closing.quantity)
    if closing.limit is None:
        await exchange.create_order(closing.symbol, "market", closing.side, quantity, None, own)
    else:
        bound = {"timeInForce": at_once, **own}
        await exchange.create_order(closing.symbol, "limit", closing.side, quantity, float(closing.limit), bound)


def same_id(client_order_id: str) -> str:
    """Keep the id: the venue takes 36 characters, hyphens included."""
    return client_order_id


def never(_: Row) -> None:
    """The venue does not tell how large a market order may be."""


def amount_limit(market: Row) -> Decimal | None:
    """The largest order by ccxt's ``limits.amount.max``."""
    return number(market["limits"]["amount"]["max"])


def info_limit(key: str) -> Any:  # noqa: ANN401 - a function
    """Return what reads the largest market order from the venue's own row of a market, else from ccxt's."""

    def read(market: Row) -> Decimal | None:
        own, general = number(market["info"].get(key)), amount_limit(market)
        told = [n for n in (own, general) if n is not None]
        return min(told, default=None)

    return read


def signed(size: Decimal, side: object, *, long: str, short: str) -> Decimal:
    """Give a size the sign of its side. Raises VenueUnknownError."""
    if side not in (long, short) or size < 0:
        raise VenueUnknownError(f"positions: unknown side {str(side)[:20]!r}, or a size with a sign")
    return size if side == long else -size


def flag(row: Row, key: str) -> bool:
    """Return a flag of a row. Raises VenueUnknownError unless it is true or false."""
    value = row.get(key)
    if not isinstance(value, bool):
        raise VenueUnknownError(f"{key} is not true or false")
    return value


def text(row: Row, key: str) -> str:
    """Return a text, empty where the row has none."""
    value = row.get(key)
    return "" if value is None else str(value)
