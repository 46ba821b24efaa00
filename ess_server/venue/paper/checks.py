"""What the venue checks before it accepts an order. Each function raises Refused or returns."""

import re
from decimal import Decimal

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.margin import asset_figures, order_margin
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import (
    ZERO,
    BooksConfig,
    ConditionalRequest,
    Instrument,
    LegSide,
    Order,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
    TriggerType,
)
from ess_server.venue.paper.position import closable
from ess_server.venue.paper.refusal import Reason, Refused

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CALLBACK_RANGE = (Decimal("0.1"), Decimal(10))


def client_id(text: str) -> None:
    """Refuse an id that is too long or has other characters than the venue takes."""
    if _CLIENT_ID.fullmatch(text) is None:
        raise Refused(Reason.BAD_CLIENT_ID, text[:40])


def mode(account: Account, leg: LegSide, *, reduce_only: bool) -> None:
    """Refuse a leg that the account's mode does not have, and the reduce-only flag in hedge mode."""
    if leg not in account.leg_sides():
        raise Refused(Reason.LEG_MISMATCH, leg)
    if account.hedged and reduce_only:
        raise Refused(Reason.REDUCE_ONLY_NOT_REQUIRED)


def reduces(account: Account, side: Side, leg: LegSide, *, reduce_only: bool) -> bool:
    """Tell whether an order can only ever shrink its leg: reduce-only, or against its leg in hedge mode."""
    if account.hedged:
        return (leg is LegSide.LONG) == (side is Side.SELL)
    return reduce_only


def quantity(instrument: Instrument, amount: Decimal, *, market: bool) -> None:
    """Refuse amounts off the step or outside the limits; market orders have a limit of their own."""
    if amount <= 0:
        raise Refused(Reason.QUANTITY_NOT_POSITIVE)
    if amount % instrument.step:
        raise Refused(Reason.QUANTITY_PRECISION)
    if amount < instrument.min_quantity:
        raise Refused(Reason.QUANTITY_TOO_SMALL, instrument.min_quantity)
    largest = instrument.max_market_quantity if market else instrument.max_quantity
    if amount > largest:
        raise Refused(Reason.QUANTITY_TOO_LARGE, largest)


def tick(instrument: Instrument, price: Decimal) -> None:
    """Refuse prices that are not above zero or off the tick."""
    if price <= 0:
        raise Refused(Reason.PRICE_NOT_POSITIVE)
    if price % instrument.tick:
        raise Refused(Reason.PRICE_TICK, instrument.tick)


def limit_price(instrument: Instrument, mark: Decimal, side: Side, price: Decimal | None) -> None:
    """Refuse a limit price that is missing, off the tick, or too far through the mark."""
    if price is None:
        raise Refused(Reason.PRICE_MISSING)
    tick(instrument, price)
    if side is Side.BUY and price > (highest := mark * (1 + instrument.price_band)):
        raise Refused(Reason.PRICE_TOO_HIGH, round(highest, instrument.price_digits))
    if side is Side.SELL and price < (lowest := mark * (1 - instrument.price_band)):
        raise Refused(Reason.PRICE_TOO_LOW, round(lowest, instrument.price_digits))


def notional(instrument: Instrument, mark: Decimal, request: OrderRequest) -> None:
    """Refuse an opening order that is worth too little. Reducing orders are exempt and must not come here."""
    price = request.price if request.price is not None else mark
    if price * request.quantity < instrument.min_notional:
        raise Refused(Reason.NOTIONAL_TOO_SMALL, instrument.min_notional)


def reducing(account: Account, config: BooksConfig, request: OrderRequest) -> Decimal:
    """Return the quantity at which a reducing order is accepted.

    Refused without an opposite position; in hedge mode and for limit orders also beyond the position, while a
    one-way market order is cut to it. Resting reducing orders reserve what they cover (reported live as -4118 in
    xLydianSoftware/Qubx#386), unless ``reserve_reduce_only`` is off.
    """
    held = closable(account.leg(request.symbol, request.leg, isolated=request.isolated).quantity, request.side.sign)
    if not held:
        raise Refused(Reason.REDUCE_ONLY_REJECTED)
    if request.quantity > held and (account.hedged or request.type is OrderType.LIMIT):
        raise Refused(Reason.REDUCE_ONLY_REJECTED, held)
    wanted = min(request.quantity, held)
    if config.reserve_reduce_only and wanted > held - _reserved(account, request):
        raise Refused(Reason.REDUCE_ONLY_RESERVED)
    return wanted


def _reserved(account: Account, request: OrderRequest) -> Decimal:
    resting = account.orders_of(request.symbol, request.leg)
    return sum(
        (
            order.remaining
            for order in resting
            if order.reduces and order.side is request.side and order.isolated is request.isolated
        ),
        start=ZERO,
    )


def margin(account: Account, market: Market, request: OrderRequest, fee: Decimal) -> None:
    """Refuse an opening order that the free margin does not carry, its fee included."""
    asset = market.instrument(request.symbol).quote
    before = order_margin(account, market, request.symbol)
    needed = order_margin(account, market, request.symbol, request) - before
    price = request.price if request.price is not None else market.mark(request.symbol)
    if needed > 0 and needed + price * request.quantity * fee > asset_figures(account, market, asset).available:
        raise Refused(Reason.MARGIN_INSUFFICIENT)


def immediacy(market: Market, request: OrderRequest) -> None:
    """Refuse any order while the symbol is halted, post-only that would take, and fill-or-kill that cannot fill now."""
    if request.symbol in market.halted:
        raise Refused(Reason.HALTED, request.symbol)
    crosses = market.crosses(request)
    if request.tif is TimeInForce.GTX and crosses:
        raise Refused(Reason.WOULD_TAKE)
    if request.tif is TimeInForce.FOK:
        fillable = market.available(request.symbol, request.quantity) if crosses else ZERO
        if fillable < request.quantity:
            raise Refused(Reason.CANNOT_FILL)


def capacity(account: Account, config: BooksConfig, symbol: str, orders: list[Order]) -> None:
    """Refuse one open order too many on a symbol."""
    if len(orders) >= config.max_open_orders:
        raise Refused(Reason.TOO_MANY_OPEN_ORDERS, f"{account.name} {symbol}")


def conditional(market: Market, request: ConditionalRequest) -> None:
    """Check a conditional order's own fields; what it places is checked when it fires."""
    instrument = market.instrument(request.symbol)
    if request.close_position:
        if request.quantity:
            raise Refused(Reason.CLOSE_POSITION_WITH_QUANTITY)
        if request.reduce_only:
            raise Refused(Reason.CLOSE_POSITION_WITH_REDUCE_ONLY)
    else:
        quantity(instrument, request.quantity, market=request.price is None)
    if request.price is not None:
        tick(instrument, request.price)
    if request.trigger is TriggerType.TRAILING:
        _trailing(instrument, request)
        return
    if request.trigger_price is None:
        raise Refused(Reason.TRIGGER_MISSING)
    tick(instrument, request.trigger_price)
    if fires(request, request.trigger_price, market.mark(request.symbol)):
        raise Refused(Reason.WOULD_TRIGGER)


def _trailing(instrument: Instrument, request: ConditionalRequest) -> None:
    low, high = _CALLBACK_RANGE
    if request.callback_percent is None or not low <= request.callback_percent <= high:
        raise Refused(Reason.CALLBACK_OUT_OF_RANGE)
    if request.activation_price is not None:
        tick(instrument, request.activation_price)


def fires(request: ConditionalRequest, trigger_price: Decimal, mark: Decimal) -> bool:
    """Tell whether a stop or take-profit has reached its trigger at this mark."""
    upwards = (request.side is Side.BUY) == (request.trigger is TriggerType.STOP)
    return mark >= trigger_price if upwards else mark <= trigger_price
