"""Conditional orders, which OKX calls algo orders and lists by their kind."""

from dataclasses import replace
from decimal import Decimal

from ess_server.venue.paper.dialects.okx.codes import OkxError, wrong
from ess_server.venue.paper.dialects.okx.contracts import find, to_base
from ess_server.venue.paper.dialects.okx.pages import page
from ess_server.venue.paper.dialects.okx.params import Params
from ess_server.venue.paper.dialects.okx.render import (
    AT_MARKET,
    CONDITIONAL,
    PAIR,
    TRAILING,
    TRIGGER,
    client_id,
    conditional,
    kind,
)
from ess_server.venue.paper.dialects.okx.request import Answer, Json, Request, at_most, each
from ess_server.venue.paper.dialects.okx.routes_orders import isolated_of, leg_of, reduces_only
from ess_server.venue.paper.model import (
    ZERO,
    Conditional,
    ConditionalRequest,
    Instrument,
    OrderRef,
    Side,
    TriggerType,
)
from ess_server.venue.paper.refusal import Reason, Refused

_KINDS = (CONDITIONAL, PAIR, TRIGGER, TRAILING)
_LISTED = (*_KINDS, "chase", "iceberg", "smart_iceberg", "twap")
_MAX_CANCELLED = 10
_BESIDE = frozenset({CONDITIONAL, PAIR})
_WOULD_TRIGGER = {
    (TriggerType.TAKE_PROFIT, Side.BUY): ("51277", "The trigger price of take-profit is above the last price"),
    (TriggerType.STOP, Side.BUY): ("51278", "The trigger price of stop-loss is below the last price"),
    (TriggerType.TAKE_PROFIT, Side.SELL): ("51279", "The trigger price of take-profit is below the last price"),
    (TriggerType.STOP, Side.SELL): ("51280", "The trigger price of stop-loss is above the last price"),
}


def place(request: Request) -> Answer:
    """One conditional order. It names a request's first half where both halves of a pair are refused."""

    def placed(params: Params) -> Json:
        wanted = _request(request, params)
        try:
            made = request.books.place_conditional(request.name, wanted)
        except Refused as refusal:
            if refusal.reason is Reason.WOULD_TRIGGER:
                raise OkxError(*_WOULD_TRIGGER[wanted.trigger, wanted.side]) from None
            if refusal.reason is Reason.DUPLICATE_CLIENT_ID:
                raise OkxError("51065", "algoClOrdId already exists") from None
            raise
        own = client_id(made.client_id)
        return {"algoId": str(made.id), "algoClOrdId": own, "clOrdId": own, "tag": params.optional("tag")}

    return each(request.items[:1], placed, _ids)


def _request(request: Request, params: Params) -> ConditionalRequest:
    instrument = find(request.books.market, params.text("instId"))
    name = params.choice("ordType", *_KINDS)
    params.refuse("attachAlgoOrds", "callbackSpread", "chaseType", "advanceOrdType")
    if name == TRIGGER:
        return _triggered(request, params, instrument)
    if name == TRAILING:
        ratio = params.amount("callbackRatio")
        return _built(
            request,
            params,
            instrument,
            trigger=TriggerType.TRAILING,
            callback=ratio * 100,
            activation=params.optional_amount("activePx"),
        )
    loss = _half(request, params, instrument, "sl", TriggerType.STOP)
    gain = _half(request, params, instrument, "tp", TriggerType.TAKE_PROFIT)
    if name == PAIR and (loss is None or gain is None):
        raise wrong("slTriggerPx" if loss is None else "tpTriggerPx")
    if loss is None and gain is None:
        raise OkxError("50015", "Either parameter tpTriggerPx or slTriggerPx is required")
    # Of both in an order of kind "conditional" only the stop counts.
    first = loss or gain
    assert first is not None
    return replace(first, other=gain, kind=name) if name == PAIR else replace(first, kind=name)


def _triggered(request: Request, params: Params, instrument: Instrument) -> ConditionalRequest:
    """A trigger order fires when its price is reached, from wherever the mark stands now."""
    at, buys = params.amount("triggerPx"), params.side() is Side.BUY
    above = at > request.books.market.mark(instrument.symbol)
    trigger = TriggerType.STOP if above == buys else TriggerType.TAKE_PROFIT
    return _built(request, params, instrument, trigger=trigger, at=at, price=_price(params, "orderPx"), name=TRIGGER)


def _half(
    request: Request, params: Params, instrument: Instrument, prefix: str, trigger: TriggerType
) -> ConditionalRequest | None:
    at = params.optional_amount(f"{prefix}TriggerPx")
    if at is None:
        return None
    return _built(request, params, instrument, trigger=trigger, at=at, price=_price(params, f"{prefix}OrdPx"))


def _built(
    request: Request,
    params: Params,
    instrument: Instrument,
    *,
    trigger: TriggerType,
    at: Decimal | None = None,
    price: Decimal | None = None,
    callback: Decimal | None = None,
    activation: Decimal | None = None,
    name: str = "",
) -> ConditionalRequest:
    whole = _closes_all(params, price)
    return ConditionalRequest(
        symbol=instrument.symbol,
        side=params.side(),
        trigger=trigger,
        quantity=ZERO if whole else to_base(params.amount("sz"), instrument),
        price=price,
        trigger_price=at,
        callback_percent=callback,
        activation_price=activation,
        close_position=whole,
        leg=leg_of(params),
        isolated=isolated_of(params),
        reduce_only=reduces_only(request, params) and not whole,
        client_id=params.client_id("algoClOrdId") or params.client_id("clOrdId"),
        kind=name,
    )


def _closes_all(params: Params, price: Decimal | None) -> bool:
    fraction = params.optional_amount("closeFraction")
    if fraction is None:
        return False
    if fraction != 1:
        raise wrong("closeFraction")
    if not params.flag("reduceOnly"):
        raise OkxError("51328", "closeFraction is for reduce-only orders")
    if price is not None:
        raise OkxError("51330", "closeFraction is for stop orders at market")
    return True


def _price(params: Params, name: str) -> Decimal | None:
    """Return the price of what is placed, None for the market."""
    return None if params.text(name) == AT_MARKET else params.amount(name)


def cancel(request: Request) -> Answer:
    """Up to ten cancels; each answers for itself."""
    at_most(request.items, _MAX_CANCELLED, "50025")

    def cancelled(params: Params) -> Json:
        find(request.books.market, params.text("instId"))
        done = request.books.cancel_conditional(request.name, params.order_ref("algoId", "algoClOrdId"))
        return {"algoId": str(done.id), "algoClOrdId": client_id(done.client_id)}

    return each(request.items, cancelled, _ids)


def _ids(params: Params) -> Json:
    own = params.optional("algoClOrdId") or params.optional("clOrdId")
    return {"algoId": params.optional("algoId"), "algoClOrdId": own, "clOrdId": own, "tag": params.optional("tag")}


def query(request: Request) -> Answer:
    """One conditional order, waiting or done."""
    ref: OrderRef = request.params.order_ref("algoId", "algoClOrdId")
    found = request.books.find_conditional(request.name, ref)
    return Answer([conditional(found, request.account, request.books.market)])


def list_pending(request: Request) -> Answer:
    """Waiting conditional orders of one kind; ``conditional`` and ``oco`` may be asked for together."""
    return _listed(request, list(request.account.open_conditionals.values()))


def list_done(request: Request) -> Answer:
    """Conditional orders that no longer wait, of one kind and of one state."""
    wanted = request.params.choice("state", "effective", "canceled", "order_failed")
    account, market = request.account, request.books.market
    done = [i for i in account.done_conditionals.values() if conditional(i, account, market)["state"] == wanted]
    return _listed(request, done)


def _listed(request: Request, items: list[Conditional]) -> Answer:
    params, market = request.params, request.books.market
    kinds = frozenset(params.text("ordType").split(","))
    if not kinds <= frozenset(_LISTED) or (len(kinds) > 1 and not kinds <= _BESIDE):
        raise wrong("ordType")
    name = params.optional("instId")
    symbol = find(market, name).symbol if name else ""
    chosen = [i for i in items if kind(i.request) in kinds and symbol in ("", i.request.symbol)]
    return Answer([conditional(item, request.account, market) for item in page(chosen, params, lambda i: i.id)])
