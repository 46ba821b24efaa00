"""Kraken Futures: one-way, whole account in one list each."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.orders import flag, never, same_id, send_close, signed, text
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

_GOOD = {"result": "success"}
_RESTING = ("lmt", "limit", "post", "ioc", "mkt")
_CLOCK_FROM = "PF_XBTUSD"
"""Every reply carries the venue's time; that of one ticker is among the smallest."""


def _position(row: Row) -> ListedPosition | None:
    amount = signed(decimal_of(row, "size"), row.get("side"), long="long", short="short")
    return ListedPosition(market=text_of(row, "symbol"), amount=amount) if amount else None


def _order(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "order_id"),
        market=text_of(row, "symbol"),
        conditional=text_of(row, "orderType") not in _RESTING,
        reduce_only=flag(row, "reduceOnly"),
        client_order_id=text(row, "cliOrdId"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    await exchange.privatePostBatchorder({"batchOrder": [{"order": "cancel", "order_id": o.id} for o in orders]})


async def _cancel_market(exchange: Exchange, order: ListedOrder) -> None:
    await exchange.privatePostCancelallorders({"symbol": order.market})


async def _close(exchange: Exchange, closing: Closing) -> None:
    before = exchange.iso8601(closing.expires)
    await send_close(exchange, closing, {"reduceOnly": True, "processBefore": before}, at_once="ioc")


async def _arm(exchange: Exchange, milliseconds: int, _: str) -> None:
    reply = await exchange.privatePostCancelallordersafter({"timeout": milliseconds // 1000})
    if reply.get("result") != "success" or not isinstance(reply.get("status"), dict):
        raise VenueUnknownError("the reply does not say that the timer was set")


async def _time(exchange: Exchange) -> int | None:
    reply = await exchange.publicGetTickersSymbol({"symbol": _CLOCK_FROM})
    told: int | None = exchange.parse8601(reply.get("serverTime"))
    return told


def _flex(reply: Any) -> Row:  # noqa: ANN401 - JSON
    account = reply["accounts"]["flex"]
    if reply.get("result") != "success" or not isinstance(account, dict):
        raise VenueUnknownError("accounts: no multi-collateral account")
    return account


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    flex = _flex(reply)
    held, all_ = decimal_of(flex, "initialMargin"), decimal_of(flex, "initialMarginWithOrders")
    single = sum(
        decimal_of(account["marginRequirements"], "im")
        for account in reply["accounts"].values()
        if account.get("type") == "marginAccount"
    )
    return Witness(
        positions=held > 0 or single > 0,
        # Orders that only reduce reserve nothing: no margin does not tell that there are none.
        orders=True if all_ > held else None,
        evidence=f"initialMargin {held}, with orders {all_}, single-collateral accounts {single}",
    )


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    return decimal_of(_flex(reply), "portfolioValue"), "USD"


PLAN = UnifiedPlan(
    exchange="krakenfutures",
    name="Kraken Futures",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders, conditional ones among them",
            "positions of perpetuals and futures",
        ),
        not_covered=(
            "split of large orders: the venue tells no maximum",
            "equity of single-collateral accounts",
            "subaccounts",
            "executions: engines report them",
        ),
    ),
    positions=(
        Listing(
            name="positions",
            endpoint="privateGetOpenpositions",
            rows=("openPositions",),
            says=_GOOD,
            read=_position,
        ),
    ),
    orders=(Listing(name="orders", endpoint="privateGetOpenorders", rows=("openOrders",), says=_GOOD, read=_order),),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=20,
        group=lambda order: order.market,
        whole=_cancel_market,
    ),
    close=_close,
    maximum=never,
    ids=same_id,
    limits=BudgetLimits(per_minute=3000, burst=300, per_second=30, reserve=100, per_account=True),
    sends=(50, 5),
    expires=True,
    weight={"privateGetOpenpositions": 2, "privateGetOpenorders": 2, "privateGetAccounts": 2},
    names=lambda market: (market["id"], market["id"].lower(), market["id"].upper()),
    methods={"fetch_time": _time},
    witness=(Reading(endpoint="privateGetAccounts", read=_witness),),
    equity=Reading(endpoint="privateGetAccounts", read=_equity),
    switch=Switch(arm=_arm),
)
