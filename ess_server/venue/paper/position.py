"""Arithmetic of one position. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal

from ess_server.venue.paper.model import ZERO, Leg, LegSide, OrderRequest, OrderType, Side

CENT = Decimal("0.00000001")
"""Cash is kept in whole hundred-millionths, as the venue does; sums are then exact."""


def cash(amount: Decimal) -> Decimal:
    """Round an amount of money to what a wallet can hold."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def fold(quantity: Decimal, entry: Decimal, traded: Decimal, price: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Return quantity, entry and realized profit after trading ``traded`` (signed) at ``price``.

    Growing averages the entry, shrinking realizes and keeps it, crossing zero realizes all and enters at ``price``.
    """
    after = quantity + traded
    if quantity * traded >= 0:
        return after, (quantity * entry + traded * price) / after if after else ZERO, ZERO
    closed = min(abs(traded), abs(quantity)).copy_sign(quantity)
    realized = cash(closed * (price - entry))
    if after == 0:
        return ZERO, ZERO, realized
    return after, entry if after * quantity > 0 else price, realized


def closable(quantity: Decimal, sign: int) -> Decimal:
    """Return how much an order of direction ``sign`` can take off a position of ``quantity``."""
    return abs(quantity) if quantity * sign < 0 else ZERO


def closing(leg: Leg, client_id: str) -> OrderRequest:
    """Return the market order that closes a whole leg, whatever is the largest market order."""
    return OrderRequest(
        symbol=leg.symbol,
        side=Side.SELL if leg.quantity > 0 else Side.BUY,
        type=OrderType.MARKET,
        quantity=abs(leg.quantity),
        leg=leg.side,
        isolated=leg.isolated,
        reduce_only=leg.side is LegSide.BOTH,
        client_id=client_id,
    )
