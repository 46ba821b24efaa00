"""Coinbase Advanced Trade: orders of every product, and positions in US futures. Balances are not sold."""

from collections.abc import Sequence
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.strict import VenueError
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.orders import amount_limit, flag, same_id, signed, text
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
from ess_server.venue.usdm_rows import decimal_of, text_of

_CONDITIONAL = ("stop_", "trigger_")


def _position(row: Row) -> ListedPosition | None:
    amount = signed(decimal_of(row, "number_of_contracts"), row.get("side"), long="LONG", short="SHORT")
    if not amount:
        return None
    return ListedPosition(market=text_of(row, "product_id"), amount=amount, price=number(row.get("current_price")))


def _order(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "order_id"),
        market=text_of(row, "product_id"),
        conditional=any(str(name).startswith(_CONDITIONAL) for name in row["order_configuration"]),
        reduce_only=False,
        client_order_id=text(row, "client_order_id"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    await exchange.v3PrivatePostBrokerageOrdersBatchCancel({"order_ids": [o.id for o in orders]})


async def _close(exchange: Exchange, closing: Closing) -> None:
    if closing.limit is not None:
        raise VenueUnknownError("Coinbase has no limit order that only reduces: it closes at market")
    wanted = {
        "client_order_id": closing.client_order_id,
        "product_id": closing.position.market,
        "size": closing.size,
    }
    reply = await exchange.v3PrivatePostBrokerageOrdersClosePosition(wanted)
    if reply.get("success") is not True:
        refused = reply.get("error_response")
        reason = refused.get("error") or refused.get("message") if isinstance(refused, dict) else "no reason given"
        raise VenueError(f"the close was refused: {str(reason)[:80]}", None)


def _futures(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    told = reply["balance_summary"]
    margin = decimal_of(told["initial_margin"], "value")
    resting = decimal_of(told["total_open_orders_hold_amount"], "value")
    return Witness(
        positions=margin > 0,
        orders=True if resting > 0 else None,
        evidence=f"futures: initial_margin {margin}, held for orders {resting}",
    )


PLAN = UnifiedPlan(
    exchange="coinbase",
    name="Coinbase",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders of every product that the venue shows as OPEN, conditional ones among them",
            "positions in US futures",
        ),
        not_covered=(
            "balances: nothing is sold",
            "perpetuals of the international exchange (INTX)",
            "accounts to which the venue refuses the list of futures positions: they are UNKNOWN",
            "bounded closes: the venue has no limit order that only reduces, so a collar delays closes",
            "equity",
            "a witness for spot orders",
            "expiry of orders",
            "other portfolios than the key's own",
            "executions: engines report them",
        ),
    ),
    positions=(
        Listing(name="positions", endpoint="v3PrivateGetBrokerageCfmPositions", rows=("positions",), read=_position),
    ),
    orders=(
        Listing(
            name="orders",
            endpoint="v3PrivateGetBrokerageOrdersHistoricalBatch",
            params={"order_status": "OPEN", "limit": 100},
            rows=("orders",),
            read=_order,
            pages=by_cursor("cursor", ("cursor",)),
        ),
    ),
    cancelling=Cancelling(some=_cancel_some, batch=100, group=lambda _: "account"),
    close=_close,
    maximum=amount_limit,
    ids=same_id,
    limits=BudgetLimits(per_minute=1800, burst=60, per_second=20, reserve=20, per_account=True),
    sends=(30, 20),
    remark="As API key give the name of the key (organizations/...), as secret its private key in PEM.",
    markets=("spot", "future", "swap"),
    witness=(Reading(endpoint="v3PrivateGetBrokerageCfmBalanceSummary", read=_futures),),
    withdraws=Reading(endpoint="v3PrivateGetBrokerageKeyPermissions", read=lambda reply: flag(reply, "can_transfer")),
    clock=False,
)
