"""Bitget futures of a classic account: three kinds of product, each with its own lists."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.orders import info_limit, same_id, send_close, signed, text
from ess_server.venue.unified.plan import (
    Cancelling,
    Closing,
    Exchange,
    ListedOrder,
    ListedPosition,
    Listing,
    Reading,
    Row,
    UnifiedPlan,
)
from ess_server.venue.unified.reading import by_cursor
from ess_server.venue.usdm_rows import decimal_of, rows_of, text_of

PRODUCTS = ("USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES")
PLANS = ("normal_plan", "track_plan", "profit_loss")
"""Conditional orders are listed kind by kind."""
PAGE = 100
_GOOD = {"code": "00000"}
_EXITS = ("pos_profit", "pos_loss", "profit_plan", "loss_plan", "moving_plan")
_MODES = {"crossed": "cross", "isolated": "isolated"}


def _position(row: Row) -> ListedPosition | None:
    amount = signed(decimal_of(row, "total"), row.get("holdSide"), long="long", short="short")
    mode = text_of(row, "posMode")
    if mode not in ("hedge_mode", "one_way_mode") or row.get("marginMode") not in _MODES:
        raise VenueUnknownError(f"positions: unknown mode {mode[:20]!r}")
    if not amount:
        return None
    return ListedPosition(
        market=text_of(row, "symbol"), amount=amount, hedged=mode == "hedge_mode", price=number(row.get("markPrice"))
    )


def _order(row: Row) -> ListedOrder:
    plan = text(row, "planType")
    return ListedOrder(
        id=text_of(row, "orderId"),
        market=text_of(row, "symbol"),
        conditional=bool(plan),
        reduce_only=_only_reduces(row, plan),
        client_order_id=text(row, "clientOid"),
    )


def _only_reduces(row: Row, plan: str) -> bool:
    closes = text(row, "tradeSide").lower().startswith("close")
    return closes or plan in _EXITS or text(row, "reduceOnly").upper() == "YES"


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    first = orders[0]
    named = {
        "symbol": first.market,
        "productType": first.scope["productType"],
        "orderIdList": [{"orderId": o.id} for o in orders],
    }
    if first.conditional:
        await exchange.privateMixPostV2MixOrderCancelPlanOrder({**named, "planType": first.scope["planType"]})
    else:
        await exchange.privateMixPostV2MixOrderBatchCancelOrders(named)


async def _close(exchange: Exchange, closing: Closing) -> None:
    mode = _MODES[closing.position.row["marginMode"]]
    await send_close(exchange, closing, {"reduceOnly": True, "hedged": closing.position.hedged, "marginMode": mode})


def _accounts(reply: Any) -> list[Row]:  # noqa: ANN401 - JSON
    if reply.get("code") != _GOOD["code"]:
        raise VenueUnknownError("accounts: the reply does not say that it succeeded")
    return rows_of(reply.get("data"), "accounts")


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    rows = _accounts(reply)
    moved = sum(abs(number(row.get("unrealizedPL")) or Decimal(0)) for row in rows)
    locked = sum(decimal_of(row, "locked") for row in rows)
    # A position without profit or loss is possible, and an order that only reduces locks nothing.
    return Witness(
        positions=True if moved > 0 else None,
        orders=True if locked > 0 else None,
        evidence=f"unrealizedPL {moved}, locked {locked}",
    )


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    for row in _accounts(reply):
        if row.get("marginCoin") == "USDT":
            return decimal_of(row, "accountEquity"), "USDT"
    raise VenueUnknownError("accounts: no USDT")


def _positions(product: str) -> Listing[ListedPosition]:
    scope = {"productType": product}
    return Listing(
        name=f"positions of {product}",
        endpoint="privateMixGetV2MixPositionAllPosition",
        params=scope,
        scope=scope,
        rows=("data",),
        says=_GOOD,
        read=_position,
    )


def _orders(product: str, plan: str = "") -> Listing[ListedOrder]:
    scope = {"productType": product} | ({"planType": plan} if plan else {})
    return Listing(
        name=f"{plan or 'orders'} of {product}",
        endpoint="privateMixGetV2MixOrderOrders" + ("PlanPending" if plan else "Pending"),
        params={**scope, "limit": str(PAGE)},
        scope=scope,
        rows=("data", "entrustedList"),
        # Seen in replies of the venue: no orders at all are written as null.
        nullable=True,
        says=_GOOD,
        read=_order,
        pages=by_cursor("idLessThan", ("data", "endId"), size=PAGE),
    )


PLAN = UnifiedPlan(
    exchange="bitget",
    name="Bitget",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders",
            "trigger, trailing, and take-profit and stop-loss orders",
            "positions of USDT, USDC and coin futures, one-way and hedged, cross and isolated",
        ),
        not_covered=(
            "unified trading accounts (UTA): their requests are refused, so the account is UNKNOWN",
            "spot and margin",
            "equity beyond the USDT futures account",
            "copy trading and bots of the exchange",
            "expiry of orders",
            "executions: engines report them",
        ),
    ),
    positions=tuple(_positions(product) for product in PRODUCTS),
    orders=tuple(_orders(product, plan) for product in PRODUCTS for plan in ("", *PLANS)),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=50,
        group=lambda order: (order.market, order.scope["productType"], order.scope.get("planType", "")),
    ),
    close=_close,
    maximum=info_limit("maxMarketOrderQty"),
    ids=same_id,
    limits=BudgetLimits(per_minute=900, burst=20, per_second=13, reserve=10, per_account=True),
    sends=(10, 10),
    options={"uta": False, "defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    witness=tuple(
        Reading(endpoint="privateMixGetV2MixAccountAccounts", params={"productType": product}, read=_witness)
        for product in PRODUCTS
    ),
    equity=Reading(endpoint="privateMixGetV2MixAccountAccounts", params={"productType": "USDT-FUTURES"}, read=_equity),
    below_minimum=("45110", "45111"),
)
