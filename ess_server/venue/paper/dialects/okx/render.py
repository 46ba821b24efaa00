"""Orders, conditional orders and fills as OKX prints them: every value is a text, what is not there is empty."""

import re
from collections.abc import Sequence
from decimal import Decimal

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import LIQUIDATION
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.okx.contracts import INST_TYPE, inst_id, optional, plain, to_contracts
from ess_server.venue.paper.dialects.okx.request import Json
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import (
    Conditional,
    ConditionalRequest,
    ConditionalStatus,
    Fill,
    LegSide,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    TriggerType,
)

AT_MARKET = "-1"
TRIGGER, CONDITIONAL, PAIR, TRAILING = "trigger", "conditional", "oco", "move_order_stop"
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_SIDES = {LegSide.BOTH: "net", LegSide.LONG: "long", LegSide.SHORT: "short"}
_STATES = {
    OrderStatus.NEW: "live",
    OrderStatus.PARTIALLY_FILLED: "partially_filled",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "canceled",
}
_ALGO_STATES = {
    ConditionalStatus.NEW: "live",
    ConditionalStatus.TRIGGERED: "effective",
    ConditionalStatus.CANCELED: "canceled",
    ConditionalStatus.REJECTED: "order_failed",
}
_LIMIT_TYPES = {
    TimeInForce.GTC: "limit",
    TimeInForce.GTX: "post_only",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
}


def pos_side(leg: LegSide) -> str:
    """OKX's name of a leg."""
    return _SIDES[leg]


def margin_mode(isolated: bool) -> str:  # noqa: FBT001 - the one thing that is named
    """OKX's name of a margin mode."""
    return "isolated" if isolated else "cross"


def state(item: Order) -> str:
    """OKX's name of an order's status."""
    return _STATES[item.status]


def order_type(item: Order) -> str:
    """OKX's name of what an order is."""
    if item.type is OrderType.MARKET:
        return "optimal_limit_ioc" if item.tif is TimeInForce.IOC else "market"
    return _LIMIT_TYPES[item.tif]


def client_id(text: str) -> str:
    """An id that a client may have given; those that the books make themselves are not shown."""
    return text if _CLIENT_ID.fullmatch(text) else ""


def flag(value: bool) -> str:  # noqa: FBT001 - turns a flag into text
    """OKX prints true and false as texts."""
    return "true" if value else "false"


def orders(items: Sequence[Order], account: Account, market: Market) -> list[Json]:
    """Rows of orders with what their fills cost and earned."""
    wanted = {item.id for item in items if item.filled}
    fills: dict[int, list[Fill]] = {}
    for fill in account.fills if wanted else ():
        if fill.order_id in wanted:
            fills.setdefault(fill.order_id, []).append(fill)
    return [_order(item, fills.get(item.id, []), account, market) for item in items]


def _order(item: Order, fills: Sequence[Fill], account: Account, market: Market) -> Json:
    instrument = market.instrument(item.symbol)
    return {
        "instType": INST_TYPE,
        "instId": inst_id(instrument),
        "ordId": str(item.id),
        "clOrdId": client_id(item.client_id),
        "tag": "",
        "px": optional(item.price),
        "sz": plain(to_contracts(item.quantity, instrument)),
        "ordType": order_type(item),
        "side": item.side.lower(),
        "posSide": pos_side(item.leg),
        "tdMode": margin_mode(item.isolated),
        "accFillSz": plain(to_contracts(item.filled, instrument)),
        "avgPx": plain(item.average) if item.filled else "",
        "state": state(item),
        "reduceOnly": flag(item.reduce_only),
        "lever": str(account.symbol_settings(item.symbol).leverage),
        "fee": plain(-sum((fill.fee for fill in fills), start=Decimal(0))),
        "feeCcy": instrument.quote,
        "pnl": plain(sum((fill.realized for fill in fills), start=Decimal(0))),
        **_last_fill(fills[-1] if fills else None, market),
        **_unused(),
        **_origin(item),
        "cTime": str(milliseconds(item.created)),
        "uTime": str(milliseconds(item.updated)),
    }


def _last_fill(fill: Fill | None, market: Market) -> Json:
    if fill is None:
        return {"fillPx": "", "fillSz": "0", "fillTime": "", "tradeId": ""}
    return {
        "fillPx": plain(fill.price),
        "fillSz": plain(to_contracts(fill.quantity, market.instrument(fill.symbol))),
        "fillTime": str(milliseconds(fill.at)),
        "tradeId": str(fill.id),
    }


def _unused() -> Json:
    """Fields of OKX's orders for what the paper venue does not have."""
    empty = ("ccy", "algoClOrdId", "tpTriggerPx", "tpOrdPx", "slTriggerPx", "slOrdPx", "tgtCcy")
    shown: Json = dict.fromkeys(empty, "")
    return shown | {"attachAlgoOrds": [], "rebate": "0", "rebateCcy": ""}


def _origin(item: Order) -> Json:
    """What has placed an order: its owner, a conditional order, or the exchange."""
    liquidated = item.client_id.startswith(LIQUIDATION)
    return {
        "category": "full_liquidation" if liquidated else "normal",
        "algoId": str(item.conditional_id) if item.conditional_id else "",
        "source": "7" if item.conditional_id else "",
    }


def conditional(item: Conditional, account: Account, market: Market) -> Json:
    """One row of a conditional order."""
    request, instrument = item.request, market.instrument(item.request.symbol)
    return {
        "instType": INST_TYPE,
        "instId": inst_id(instrument),
        "algoId": str(item.id),
        "algoClOrdId": client_id(item.client_id),
        "clOrdId": client_id(item.client_id),
        "ordId": str(item.order_id) if item.order_id else "",
        "ordIdList": [str(item.order_id)] if item.order_id else [],
        "ordType": kind(request),
        "side": request.side.lower(),
        "posSide": pos_side(request.leg),
        "tdMode": margin_mode(request.isolated),
        "sz": "" if request.close_position else plain(to_contracts(request.quantity, instrument)),
        "closeFraction": "1" if request.close_position else "",
        "reduceOnly": flag(request.reduce_only or request.close_position),
        "state": _ALGO_STATES[item.status],
        "actualSide": _fired(item),
        "failCode": "1" if item.status is ConditionalStatus.REJECTED else "",
        "lever": str(account.symbol_settings(request.symbol).leverage),
        "last": plain(market.mark(request.symbol)),
        "tag": "",
        "ccy": "",
        **_triggers(item),
        "triggerTime": str(milliseconds(item.triggered)) if item.triggered else "",
        "cTime": str(milliseconds(item.created)),
        "uTime": str(milliseconds(item.updated)),
    }


def _fired(item: Conditional) -> str:
    """Which half of a stop and take profit has fired, empty before and for other kinds."""
    request = item.request
    if item.fired is None or kind(request) not in (CONDITIONAL, PAIR):
        return ""
    return "sl" if item.fired is TriggerType.STOP else "tp"


def kind(request: ConditionalRequest) -> str:
    """OKX's name of what a conditional order is; one that was placed elsewhere is named by what it does."""
    if request.trigger is TriggerType.TRAILING:
        return TRAILING
    return request.kind or CONDITIONAL


def _triggers(item: Conditional) -> Json:
    request = item.request
    names = (
        "triggerPx ordPx tpTriggerPx tpOrdPx slTriggerPx slOrdPx callbackRatio callbackSpread activePx moveTriggerPx"
    )
    shown: Json = dict.fromkeys(names.split(), "")
    if kind(request) == TRIGGER:
        return shown | {"triggerPx": optional(request.trigger_price), "ordPx": _ordered_at(request)}
    if request.trigger is TriggerType.TRAILING:
        ratio = (request.callback_percent or Decimal(0)) / 100
        return shown | {
            "callbackRatio": plain(ratio),
            "activePx": optional(request.activation_price),
            "moveTriggerPx": optional(_trails_at(item, ratio)),
        }
    for half in (request, request.other):
        if half is not None:
            name = "sl" if half.trigger is TriggerType.STOP else "tp"
            shown |= {f"{name}TriggerPx": optional(half.trigger_price), f"{name}OrdPx": _ordered_at(half)}
    return shown


def _ordered_at(request: ConditionalRequest) -> str:
    return AT_MARKET if request.price is None else plain(request.price)


def _trails_at(item: Conditional, ratio: Decimal) -> Decimal | None:
    if item.extreme is None:
        return None
    return item.extreme * (1 - ratio if item.request.side is Side.SELL else 1 + ratio)


def fill(item: Fill, account: Account, market: Market) -> Json:
    """One row of an execution."""
    instrument, at = market.instrument(item.symbol), str(milliseconds(item.at))
    placed = account.open_orders.get(item.order_id) or account.done_orders.get(item.order_id)
    return {
        "instType": INST_TYPE,
        "instId": inst_id(instrument),
        "tradeId": str(item.id),
        "billId": str(item.id),
        "ordId": str(item.order_id),
        "clOrdId": client_id(placed.client_id) if placed else "",
        "tag": "",
        "side": item.side.lower(),
        "posSide": pos_side(item.leg),
        "fillPx": plain(item.price),
        "fillSz": plain(to_contracts(item.quantity, instrument)),
        "fillPnl": plain(item.realized),
        "execType": "M" if item.maker else "T",
        "fee": plain(-item.fee),
        "feeCcy": item.asset,
        "fillTime": at,
        "ts": at,
    }
