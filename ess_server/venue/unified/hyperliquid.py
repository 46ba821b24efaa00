"""Hyperliquid perpetuals of the main exchange, and spot orders. Requests are signed actions of a wallet."""

import hashlib
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.orders import flag, never, text
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
from ess_server.venue.usdm_rows import decimal_of, rows_of, text_of

SLIPPAGE = "0.05"
"""There are no market orders: one that takes everything within so much of the mark price is one."""

FIGURES = 5


def _position(row: Row) -> ListedPosition | None:
    held = row["position"]
    amount = decimal_of(held, "szi")
    if row.get("type") != "oneWay":
        raise VenueUnknownError("positions: a position that is not one-way")
    if not amount:
        return None
    price = abs(decimal_of(held, "positionValue") / amount)
    return ListedPosition(market=text_of(held, "coin"), amount=amount, price=price)


def _order(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "oid"),
        market=text_of(row, "coin"),
        conditional=flag(row, "isTrigger"),
        reduce_only=flag(row, "reduceOnly"),
        client_order_id=text(row, "cloid"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    market = exchange.safe_market(exchange.coin_to_market_id(orders[0].market))
    # Not by ccxt's own call, which begins with approving its builder's fee.
    request = exchange.cancel_orders_request([o.id for o in orders], market["symbol"])
    await exchange.privatePostExchange(request)


async def _close(exchange: Exchange, closing: Closing) -> None:
    price = _price(closing)
    own = {"reduceOnly": True, "clientOrderId": closing.client_order_id}
    order = {
        "symbol": closing.symbol,
        "type": "market" if closing.limit is None else "limit",
        "side": closing.side,
        "amount": closing.size,
        "price": f"{price:f}",
        "params": {**own, "slippage": SLIPPAGE} if closing.limit is None else {**own, "timeInForce": "Ioc"},
    }
    request = exchange.create_orders_request([order])
    # ccxt signs without an expiry, and an order without one may act whenever it arrives.
    signature = exchange.sign_l1_action(request["action"], request["nonce"], None, closing.expires)
    await exchange.privatePostExchange({**request, "signature": signature, "expiresAfter": closing.expires})


def _price(closing: Closing) -> Decimal:
    price = closing.limit or closing.position.price
    if not price:
        raise VenueUnknownError(f"no price of {closing.symbol} to bound the close by")
    # Five significant figures are taken, or whole numbers; ccxt would round a bound to the nearer side.
    unit = Decimal(1).scaleb(min(price.adjusted() + 1 - FIGURES, 0))
    return price.quantize(unit, ROUND_CEILING if closing.long else ROUND_FLOOR)


async def _arm(exchange: Exchange, milliseconds: int, _: str) -> None:
    nonce = exchange.incrementing_nonce()
    # The action without a time is what takes a timer away; ccxt's call has no way to leave it out.
    action = {"type": "scheduleCancel"} | ({"time": nonce + milliseconds} if milliseconds else {})
    request = {"action": action, "nonce": nonce, "signature": exchange.sign_l1_action(action, nonce)}
    reply = await exchange.privatePostExchange(request)
    if reply.get("status") != "ok":
        raise VenueUnknownError("the reply does not say that the timer was set")


def _id(client_order_id: str) -> str:
    """Hyperliquid takes 128 bits in hex: the same ones for the same id."""
    return "0x" + hashlib.sha256(client_order_id.encode()).hexdigest()[:32]


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    resting = rows_of(reply, "open orders")
    return Witness(orders=bool(resting), evidence=f"{len(resting)} in the short list of open orders")


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    return decimal_of(reply["marginSummary"], "accountValue"), "USDC"


PLAN = UnifiedPlan(
    exchange="hyperliquid",
    name="Hyperliquid",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders, conditional ones among them, spot too",
            "positions of the main exchange's perpetuals",
        ),
        not_covered=(
            "balances: nothing is sold",
            "exchanges of builders (HIP-3)",
            "vaults and subaccounts",
            "TWAP orders",
            "the rights of the key: use that of an API wallet, which cannot withdraw",
            "the timer for accounts that have traded too little, and more than ten times a day",
            "executions: engines report them",
        ),
    ),
    positions=(
        Listing(
            name="positions",
            endpoint="publicPostInfo",
            params={"type": "clearinghouseState"},
            rows=("assetPositions",),
            read=_position,
        ),
    ),
    orders=(Listing(name="orders", endpoint="publicPostInfo", params={"type": "frontendOpenOrders"}, read=_order),),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=50,
        group=lambda order: order.market,
        gone=("never placed, already canceled, or filled",),
    ),
    close=_close,
    maximum=never,
    ids=_id,
    limits=BudgetLimits(per_minute=1200, burst=300, per_second=12, reserve=100),
    sends=(50, 10),
    expires=True,
    weight={"publicPostInfo": 20},
    options={"builderFee": False, "fetchMarkets": {"types": ["spot", "swap"]}},
    remark="As API key give the address of the account, as secret the private key of an API wallet of it.",
    keys=lambda wallet, secret: {"walletAddress": wallet, "privateKey": secret},
    always=lambda exchange: {"user": exchange.walletAddress},
    markets=("swap", "spot"),
    names=lambda market: (str(market["info"]["name"]),),
    witness=(Reading(endpoint="publicPostInfo", params={"type": "openOrders"}, read=_witness),),
    equity=Reading(endpoint="publicPostInfo", params={"type": "clearinghouseState"}, read=_equity),
    switch=Switch(arm=_arm),
    below_minimum=("minimum value",),
)
