"""Deribit: futures, perpetuals and options of every currency, in one list each."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.orders import flag, never, same_id, send_close, text
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
from ess_server.venue.usdm_rows import decimal_of, rows_of, text_of

_GOOD = {"jsonrpc": "2.0"}


def _position(row: Row) -> ListedPosition | None:
    size, direction = decimal_of(row, "size"), text_of(row, "direction")
    if direction not in ("buy", "sell", "zero") or (size < 0 and direction == "buy") or (size and direction == "zero"):
        raise VenueUnknownError(f"positions: {size} with direction {direction[:20]!r}")
    if not size:
        return None
    amount = abs(size) if direction == "buy" else -abs(size)
    return ListedPosition(market=text_of(row, "instrument_name"), amount=amount, price=number(row.get("mark_price")))


def _order(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "order_id"),
        market=text_of(row, "instrument_name"),
        conditional=text_of(row, "order_state") == "untriggered",
        reduce_only=flag(row, "reduce_only"),
        client_order_id=text(row, "label"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    for order in orders:
        await exchange.privateGetCancel({"order_id": order.id})


async def _cancel_market(exchange: Exchange, order: ListedOrder) -> None:
    await exchange.privateGetCancelAllByInstrument({"instrument_name": order.market, "type": "all"})


async def _close(exchange: Exchange, closing: Closing) -> None:
    # ccxt passes on what it does not know, and knows no client order id of Deribit.
    await send_close(exchange, closing, {"reduceOnly": True, "valid_until": closing.expires}, id_key="label")


def _summaries(reply: Any) -> tuple[Row, list[Row]]:  # noqa: ANN401 - JSON
    result = reply.get("result")
    rows = rows_of(result.get("summaries") if isinstance(result, dict) else None, "summaries")
    if not rows:
        raise VenueUnknownError("summaries: none")
    return result, rows


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    _, rows = _summaries(reply)
    kept = sum(decimal_of(row, "maintenance_margin") for row in rows)
    options = sum(abs(number(row.get("options_value")) or Decimal(0)) for row in rows)
    margin = sum(decimal_of(row, "initial_margin") for row in rows)
    held = kept > 0 or options > 0
    return Witness(
        positions=held,
        # Orders that only reduce reserve nothing, and beside a position the margin does not tell whose it is.
        orders=True if margin > 0 and not held else None,
        evidence=f"maintenance_margin {kept}, options_value {options}, initial_margin {margin}, summed over currencies",
    )


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    result, rows = _summaries(reply)
    told = next((r["total_equity_usd"] for r in (result, *rows) if r.get("total_equity_usd") is not None), None)
    if told is None:
        raise VenueUnknownError("Deribit tells one sum only for accounts with cross collateral")
    return Decimal(str(told)), "USD"


PLAN = UnifiedPlan(
    exchange="deribit",
    name="Deribit",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders, conditional ones among them",
            "positions of perpetuals, futures and options in every currency",
        ),
        not_covered=(
            "balances: nothing is sold",
            "combo positions other than by their legs",
            "equity without cross collateral",
            "split of large orders: the venue tells no maximum",
            "cancel on disconnect: it belongs to a connection, and over REST there is none",
            "block trades and RFQs",
            "executions: engines report them",
        ),
    ),
    positions=(
        Listing(
            name="positions",
            endpoint="privateGetGetPositions",
            params={"currency": "any"},
            rows=("result",),
            says=_GOOD,
            read=_position,
        ),
    ),
    orders=(
        Listing(
            name="orders",
            endpoint="privateGetGetOpenOrders",
            params={"type": "all"},
            rows=("result",),
            says=_GOOD,
            read=_order,
        ),
    ),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=1,
        group=lambda order: order.market,
        whole=_cancel_market,
        gone=("order_not_found", "not_open_order"),
    ),
    close=_close,
    maximum=never,
    ids=same_id,
    limits=BudgetLimits(per_minute=1200, burst=60, per_second=15, reserve=20, per_account=True),
    sends=(20, 5),
    expires=True,
    markets=("swap", "future", "option", "spot"),
    witness=(Reading(endpoint="privateGetGetAccountSummaries", read=_witness),),
    equity=Reading(endpoint="privateGetGetAccountSummaries", read=_equity),
    below_minimum=("must be at least minimum", "invalid_quantity"),
)
