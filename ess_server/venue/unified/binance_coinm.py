"""Binance COIN-M: contracts margined in their own coin; orders count in contracts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue import usdm_rows
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.orders import flag, same_id, send_close, text
from ess_server.venue.unified.plan import (
    SEND_WINDOW_MS,
    Cancelling,
    Closing,
    Exchange,
    ListedOrder,
    ListedPosition,
    Listing,
    Reading,
    Row,
    Switch,
    UnifiedPlan,
)
from ess_server.venue.usdm_rows import decimal_of, rows_of, text_of

_CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


def _position(row: Row) -> ListedPosition | None:
    leg, amount = text_of(row, "positionSide"), decimal_of(row, "positionAmt")
    if leg not in ("BOTH", "LONG", "SHORT") or (leg == "LONG" and amount < 0) or (leg == "SHORT" and amount > 0):
        raise VenueUnknownError(f"positions: a {leg[:20]!r} leg of {amount}")
    if not amount:
        return None
    return ListedPosition(
        market=text_of(row, "symbol"), amount=amount, hedged=leg != "BOTH", price=number(row.get("markPrice"))
    )


def _plain(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "orderId"),
        market=text_of(row, "symbol"),
        conditional=row.get("origType", row.get("type")) in _CONDITIONAL,
        reduce_only=usdm_rows.only_reduces(row),
        client_order_id=text(row, "clientOrderId"),
    )


def _algo(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "algoId"),
        market=text_of(row, "symbol"),
        conditional=True,
        reduce_only=usdm_rows.only_reduces(row),
        client_order_id=text(row, "clientAlgoId"),
    )


async def _cancel_one(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    for order in orders:
        if order.scope["algo"]:
            await exchange.dapiPrivateDeleteAlgoOrder({"algoId": order.id, "recvWindow": SEND_WINDOW_MS})
        else:
            named = {"symbol": order.market, "orderId": order.id, "recvWindow": SEND_WINDOW_MS}
            await exchange.dapiPrivateDeleteOrder(named)


async def _cancel_market(exchange: Exchange, order: ListedOrder) -> None:
    named = {"symbol": order.market, "recvWindow": SEND_WINDOW_MS}
    if order.scope["algo"]:
        await exchange.dapiPrivateDeleteAlgoOpenOrders(named)
    else:
        await exchange.dapiPrivateDeleteAllOpenOrders(named)


async def _close(exchange: Exchange, closing: Closing) -> None:
    hedged = {"hedged": True} if closing.position.hedged else {}
    await send_close(exchange, closing, {"reduceOnly": True, **hedged, "recvWindow": SEND_WINDOW_MS})


async def _arm(exchange: Exchange, milliseconds: int, market: str) -> None:
    wanted = {"symbol": market, "countdownTime": milliseconds, "recvWindow": SEND_WINDOW_MS}
    reply = await exchange.dapiPrivatePostCountdownCancelAll(wanted)
    if str(reply.get("countdownTime")) != str(milliseconds):
        raise VenueUnknownError("the reply does not say that the timer was set")


def _maximum(market: Row) -> Decimal | None:
    told = [number(market["limits"][name]["max"]) for name in ("market", "amount")]
    return min((n for n in told if n is not None), default=None)


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    rows = rows_of(reply.get("assets"), "assets")
    if not rows:
        raise VenueUnknownError("account: no assets")
    held = sum(decimal_of(row, "positionInitialMargin") for row in rows)
    resting = sum(decimal_of(row, "openOrderInitialMargin") for row in rows)
    evidence = f"positionInitialMargin {held}, openOrderInitialMargin {resting}, summed over coins"
    # Orders that only reduce reserve nothing: zero does not tell that there are none.
    return Witness(positions=held > 0, orders=True if resting > 0 else None, evidence=evidence)


PLAN = UnifiedPlan(
    exchange="binancecoinm",
    name="Binance COIN-M",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders",
            "conditional orders",
            "positions of COIN-M perpetuals and futures, one-way and hedged",
        ),
        not_covered=(
            "equity: it is kept in many coins",
            "spot",
            "USD-M",
            "options",
            "margin loans",
            "portfolio margin accounts",
            "executions: engines report them",
        ),
    ),
    positions=(Listing(name="positions", endpoint="dapiPrivateGetPositionRisk", read=_position),),
    orders=(
        Listing(name="orders", endpoint="dapiPrivateGetOpenOrders", read=_plain, scope={"algo": False}),
        Listing(name="conditional orders", endpoint="dapiPrivateGetOpenAlgoOrders", read=_algo, scope={"algo": True}),
    ),
    cancelling=Cancelling(
        some=_cancel_one,
        batch=1,
        group=lambda order: (order.market, order.scope["algo"]),
        whole=_cancel_market,
        gone=("-2011", "-2013"),
    ),
    close=_close,
    maximum=_maximum,
    ids=same_id,
    limits=BudgetLimits(per_minute=2400, burst=1200, per_second=18, reserve=600),
    sends=(300, 20),
    expires=True,
    weight={"dapiPrivateGetOpenOrders": 40, "dapiPrivateGetOpenAlgoOrders": 40, "dapiPrivateGetPositionRisk": 5},
    remark="Binance does not document the list of conditional orders for COIN-M; ccxt has seen it answer.",
    options={"fetchCurrencies": False, "fetchMargins": False, "leverageBrackets": {}, "recvWindow": 5000},
    mode=Reading(endpoint="dapiPrivateGetPositionSideDual", read=usdm_rows.hedge_mode),
    witness=(Reading(endpoint="dapiPrivateGetAccount", read=_witness),),
    withdraws=Reading(endpoint="sapiGetAccountApiRestrictions", read=lambda reply: flag(reply, "enableWithdrawals")),
    switch=Switch(arm=_arm, each_symbol=True),
    below_minimum=("-4003", "-4004", "-4164"),
)
