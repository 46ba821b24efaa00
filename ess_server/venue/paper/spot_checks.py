"""What the spot market checks before it accepts an order. Each function raises Refused or returns."""

import re
from decimal import Decimal

from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import Instrument, OrderRef, Side, TimeInForce
from ess_server.venue.paper.refusal import Reason, Refused
from ess_server.venue.paper.spot_model import SpotAccount, SpotKind, SpotRequest

_CLIENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}")


def order(instrument: Instrument, market: Market, request: SpotRequest) -> None:
    """Check one order by itself: the exchange's filters, its prices, and whether it may rest."""
    quantity(instrument, request.quantity, market=not request.kind.priced)
    mark = market.mark(request.symbol)
    if request.kind.priced:
        _limit_price(instrument, mark, request)
    _stop_price(instrument, mark, request)
    worth = request.price or request.stop_price or mark
    if worth * request.quantity < instrument.min_notional:
        raise Refused(Reason.FILTER, "NOTIONAL")
    if request.kind is SpotKind.LIMIT_MAKER and market.crosses(request.as_order):
        raise Refused(Reason.WOULD_TAKE)


def client_id(account: SpotAccount, text: str) -> None:
    """Refuse an id of other characters than the exchange takes, or of an order that is still open.

    Once an order is done its id may come back: only a look at it tells whether it ever existed.
    """
    if _CLIENT_ID.fullmatch(text) is None:
        raise Refused(Reason.BAD_CLIENT_ID, text[:40])
    found = account.find(OrderRef(client_id=text))
    if found is not None and found.status.is_open:
        raise Refused(Reason.DUPLICATE_CLIENT_ID, text)


def quantity(instrument: Instrument, amount: Decimal, *, market: bool) -> None:
    """Refuse amounts off the step or outside the limits; market orders have a limit of their own."""
    if amount <= 0:
        raise Refused(Reason.QUANTITY_NOT_POSITIVE)
    if amount % instrument.step or not instrument.min_quantity <= amount <= instrument.max_quantity:
        raise Refused(Reason.FILTER, "LOT_SIZE")
    if market and amount > instrument.max_market_quantity:
        raise Refused(Reason.FILTER, "MARKET_LOT_SIZE")


def _limit_price(instrument: Instrument, mark: Decimal, request: SpotRequest) -> None:
    price = _on_tick(instrument, request.price, Reason.PRICE_MISSING)
    far = mark * (1 + instrument.price_band) if request.side is Side.BUY else mark * (1 - instrument.price_band)
    if not request.kind.waits and (price - far) * request.side.sign > 0:
        raise Refused(Reason.FILTER, "PERCENT_PRICE_BY_SIDE")


def _stop_price(instrument: Instrument, mark: Decimal, request: SpotRequest) -> None:
    if not request.kind.waits:
        return
    price = _on_tick(instrument, request.stop_price, Reason.TRIGGER_MISSING)
    if fires(request, price, mark):
        raise Refused(Reason.WOULD_TRIGGER)


def _on_tick(instrument: Instrument, price: Decimal | None, reason: Reason) -> Decimal:
    if price is None:
        raise Refused(reason)
    if price <= 0 or price % instrument.tick:
        raise Refused(Reason.FILTER, "PRICE_FILTER")
    return price


def fires(request: SpotRequest, stop_price: Decimal, mark: Decimal) -> bool:
    """Tell whether a stop price has been reached: losses are stopped beyond it, profits taken before it."""
    upwards = (request.side is Side.BUY) == request.kind.value.startswith("STOP_LOSS")
    return mark >= stop_price if upwards else mark <= stop_price


def pair(first: SpotRequest, second: SpotRequest, mark: Decimal) -> None:
    """Refuse two orders that cannot be one list: a resting limit on one side of the market, a stop on the other."""
    kinds = {first.kind.waits, second.kind.waits}
    same = (first.symbol, first.side, first.quantity) == (second.symbol, second.side, second.quantity)
    if kinds != {True, False} or not same or not (first.kind.priced or second.kind.priced):
        raise Refused(Reason.BAD_PAIR)
    limit, stop = (second, first) if first.kind.waits else (first, second)
    assert limit.price is not None
    assert stop.stop_price is not None
    if (limit.price - mark) * (stop.stop_price - mark) >= 0 or limit.tif is not TimeInForce.GTC:
        raise Refused(Reason.BAD_PAIR)
