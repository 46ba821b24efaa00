"""KuCoin Futures of a classic account; orders count in lots of a contract."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.orders import flag, info_limit, same_id, send_close, text
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
from ess_server.venue.unified.reading import by_number
from ess_server.venue.usdm_rows import decimal_of, text_of

PAGE = 100
_GOOD = {"code": "200000"}
_LEGS = ("BOTH", "LONG", "SHORT")


def _position(row: Row) -> ListedPosition | None:
    amount = decimal_of(row, "currentQty")
    # Accounts from before hedge mode do not name the leg.
    leg = row.get("positionSide", "BOTH")
    if leg not in _LEGS or (leg == "LONG" and amount < 0) or (leg == "SHORT" and amount > 0):
        raise VenueUnknownError(f"positions: {amount} on side {str(leg)[:20]!r}")
    if not amount:
        return None
    return ListedPosition(
        market=text_of(row, "symbol"), amount=amount, hedged=leg != "BOTH", price=number(row.get("markPrice"))
    )


def _order(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "id"),
        market=text_of(row, "symbol"),
        conditional=bool(text(row, "stop")),
        reduce_only=flag(row, "reduceOnly") or row.get("closeOrder") is True,
        client_order_id=text(row, "clientOid"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    if orders[0].scope["stop"]:
        for order in orders:
            await exchange.futuresPrivateDeleteOrdersOrderId({"orderId": order.id})
    else:
        await exchange.futuresPrivateDeleteOrdersMultiCancel({"orderIdsList": [o.id for o in orders]})


async def _cancel_market(exchange: Exchange, order: ListedOrder) -> None:
    if order.scope["stop"]:
        await exchange.futuresPrivateDeleteStopOrders({"symbol": order.market})
    else:
        await exchange.futuresPrivateDeleteOrders({"symbol": order.market})


async def _close(exchange: Exchange, closing: Closing) -> None:
    row = closing.position.row
    mode = text(row, "marginMode").upper() or ("CROSS" if row.get("crossMode") is True else "ISOLATED")
    hedged = {"hedged": True} if closing.position.hedged else {}
    await send_close(exchange, closing, {"reduceOnly": True, "marginMode": mode, **hedged})


def _data(reply: Any) -> Row:  # noqa: ANN401 - JSON
    data = reply.get("data")
    if reply.get("code") != _GOOD["code"] or not isinstance(data, dict):
        raise VenueUnknownError("the reply does not say that it succeeded")
    return data


def _mode(reply: Any) -> bool:  # noqa: ANN401 - JSON
    told = str(_data(reply).get("positionMode"))
    if told not in ("0", "1"):
        raise VenueUnknownError("position mode: neither 0 nor 1")
    return told == "1"


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    data = _data(reply)
    held, resting = decimal_of(data, "positionMargin"), decimal_of(data, "orderMargin")
    # Contracts settled in other coins have overviews of their own: zero here does not tell that there are none.
    return Witness(
        positions=True if held > 0 else None,
        orders=True if resting > 0 else None,
        evidence=f"{text(data, 'currency')}: positionMargin {held}, orderMargin {resting}",
    )


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    return decimal_of(_data(reply), "accountEquity"), "USDT"


def _withdraws(reply: Any) -> bool:  # noqa: ANN401 - JSON
    return "withdraw" in text_of(_data(reply), "permission").lower()


PLAN = UnifiedPlan(
    exchange="kucoinfutures",
    name="KuCoin Futures",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders",
            "stop orders",
            "positions of every contract, one-way and hedged, cross and isolated",
        ),
        not_covered=(
            "unified trading accounts",
            "spot and margin",
            "equity beyond USDT",
            "a witness for contracts settled in other coins than USDT and XBT",
            "copy trading and bots of the exchange",
            "expiry of orders",
            "executions: engines report them",
        ),
    ),
    positions=(
        Listing(name="positions", endpoint="futuresPrivateGetPositions", rows=("data",), says=_GOOD, read=_position),
    ),
    orders=tuple(
        Listing(
            name="conditional orders" if stop else "orders",
            endpoint="futuresPrivateGetStopOrders" if stop else "futuresPrivateGetOrders",
            params={"pageSize": PAGE} | ({} if stop else {"status": "active"}),
            scope={"stop": stop},
            rows=("data", "items"),
            says=_GOOD,
            read=_order,
            pages=by_number("currentPage", PAGE),
        )
        for stop in (False, True)
    ),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=10,
        group=lambda order: (order.market, order.scope["stop"]),
        whole=_cancel_market,
        gone=("100004",),
    ),
    close=_close,
    maximum=info_limit("marketMaxOrderQty"),
    ids=same_id,
    limits=BudgetLimits(per_minute=4000, burst=500, per_second=50, reserve=100, per_account=True),
    sends=(30, 10),
    weight={"futuresPrivateGetPositions": 2, "futuresPrivateGetOrders": 2, "futuresPrivateGetStopOrders": 6},
    options={"uta": False, "hf": False, "defaultType": "swap"},
    load={"marginables": False, "fetchTickersFees": False},
    mode=Reading(endpoint="futuresPrivateGetPositionGetPositionMode", read=_mode),
    witness=tuple(
        Reading(endpoint="futuresPrivateGetAccountOverview", params={"currency": coin}, read=_witness)
        for coin in ("USDT", "XBT")
    ),
    equity=Reading(endpoint="futuresPrivateGetAccountOverview", params={"currency": "USDT"}, read=_equity),
    withdraws=Reading(endpoint="privateGetUserApiKey", read=_withdraws),
    below_minimum=("minimum contract order amount",),
)
