"""Kraken: orders of the spot account, and positions on margin. One request at a time, in the order of their nonces."""

import uuid
from collections.abc import Sequence
from decimal import ROUND_UP, Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.orders import never, send_close, signed, text
from ess_server.venue.unified.plan import (
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
from ess_server.venue.usdm_rows import decimal_of, text_of

_GOOD: Row = {"error": []}
_RESTING = ("market", "limit", "iceberg")


def _position(row: Row) -> ListedPosition | None:
    left = decimal_of(row, "vol") - decimal_of(row, "vol_closed")
    amount = signed(left, row.get("type"), long="buy", short="sell")
    return ListedPosition(market=text_of(row, "pair"), amount=amount) if amount else None


def _order(row: Row) -> ListedOrder:
    told = row["descr"]
    return ListedOrder(
        id=text_of(row, "id"),
        market=text_of(told, "pair"),
        conditional=text_of(told, "ordertype") not in _RESTING,
        reduce_only=row.get("reduce_only") is True,
        client_order_id=text(row, "cl_ord_id"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    if len(orders) == 1:
        await exchange.privatePostCancelOrder({"txid": orders[0].id})
    else:
        await exchange.privatePostCancelOrderBatch({"orders": [o.id for o in orders]})


async def _close(exchange: Exchange, closing: Closing) -> None:
    await send_close(exchange, closing, {"reduceOnly": True, "leverage": _leverage(closing.position.row)})


def _leverage(row: Row) -> str:
    """Kraken takes an order for a position on margin only with a leverage; that of the position always fits."""
    told = Decimal(row["leverage"]) if "leverage" in row else decimal_of(row, "cost") / decimal_of(row, "margin")
    return str(max(int(told.to_integral_value(ROUND_UP)), 2))


async def _arm(exchange: Exchange, milliseconds: int, _: str) -> None:
    _result(await exchange.privatePostCancelAllOrdersAfter({"timeout": milliseconds // 1000}))


def _result(reply: Any) -> Any:  # noqa: ANN401 - JSON
    if reply.get("error") != [] or not isinstance(reply.get("result"), dict):
        raise VenueUnknownError("the reply does not say that it succeeded")
    return reply["result"]


def _margin(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    used = decimal_of(_result(reply), "m")
    return Witness(positions=used > 0, evidence=f"margin of open positions {used}")


def _holds(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    held = [name for name, row in _result(reply).items() if Decimal(str(row.get("hold_trade", 0))) > 0]
    # Orders on margin hold nothing: none held does not tell that there are none.
    return Witness(orders=True if held else None, evidence=f"held for orders: {', '.join(held) or 'nothing'}")


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    result = _result(reply)
    return decimal_of(result, "eb") + decimal_of(result, "n"), "USD"


def _withdraws(reply: Any) -> bool:  # noqa: ANN401 - JSON
    permissions = _result(reply)["permissions"]
    if not isinstance(permissions, list):
        raise VenueUnknownError("the rights of the key are not a list")
    return any("withdraw" in str(name).lower() for name in permissions)


def _id(client_order_id: str) -> str:
    """Kraken takes 18 characters, or a UUID: the same one for the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, client_order_id))


PLAN = UnifiedPlan(
    exchange="kraken",
    name="Kraken",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders, conditional ones among them",
            "positions on margin",
        ),
        not_covered=(
            "balances: nothing is sold",
            "expiry of orders",
            "stocks, staking and earn products",
            "executions: engines report them",
        ),
    ),
    positions=(
        Listing(
            name="positions",
            endpoint="privatePostOpenPositions",
            params={"docalcs": "false", "consolidation": "market"},
            rows=("result",),
            keyed=True,
            says=_GOOD,
            read=_position,
        ),
    ),
    orders=(
        Listing(
            name="orders",
            endpoint="privatePostOpenOrders",
            rows=("result", "open"),
            keyed=True,
            says=_GOOD,
            read=_order,
        ),
    ),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=50,
        group=lambda _: "account",
        gone=("EOrder:Unknown order",),
    ),
    close=_close,
    maximum=never,
    ids=_id,
    limits=BudgetLimits(per_minute=50, burst=15, per_second=0.5, reserve=5, per_account=True),
    sends=(20, 1),
    markets=("spot",),
    names=lambda market: (market["id"], market["altname"]),
    witness=(
        Reading(endpoint="privatePostTradeBalance", read=_margin),
        Reading(endpoint="privatePostBalanceEx", read=_holds),
    ),
    equity=Reading(endpoint="privatePostTradeBalance", read=_equity),
    withdraws=Reading(endpoint="privatePostGetApiKeyInfo", read=_withdraws),
    switch=Switch(arm=_arm),
    below_minimum=("EOrder:Order minimum not met", "EGeneral:Invalid arguments:volume"),
    remark="A key for this alone: its requests have to arrive in order, and each counts against a narrow limit.",
    serial=True,
    clock=False,
)
