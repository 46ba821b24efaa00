"""Gate perpetual contracts, settled in USDT and in BTC; orders count in contracts."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import CheckedBy, Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits
from ess_server.venue.unified.markets import number
from ess_server.venue.unified.orders import flag, info_limit, send_close, text
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
from ess_server.venue.unified.reading import by_offset
from ess_server.venue.usdm_rows import decimal_of, text_of

SETTLES = ("usdt", "btc")
PAGE = 100
_MODES = ("single", "dual_long", "dual_short")
_EXPIRES = "X-Gate-Exptime"
"""Milliseconds of the venue's clock after which an order is refused; a header, a parameter in between."""
_NEVER_USED = ("USER_NOT_FOUND",)
"""An account that never held this settle currency does not exist there."""


def _position(row: Row) -> ListedPosition | None:
    mode, amount = text_of(row, "mode"), decimal_of(row, "size")
    wrong_sign = (mode == "dual_long" and amount < 0) or (mode == "dual_short" and amount > 0)
    if mode not in _MODES or wrong_sign:
        raise VenueUnknownError(f"positions: {amount} in mode {mode[:20]!r}")
    if not amount:
        return None
    return ListedPosition(
        market=text_of(row, "contract"), amount=amount, hedged=mode != "single", price=number(row.get("mark_price"))
    )


def _order(row: Row) -> ListedOrder:
    return ListedOrder(
        id=text_of(row, "id"),
        market=text_of(row, "contract"),
        conditional=False,
        reduce_only=flag(row, "is_reduce_only") or row.get("is_close") is True,
        client_order_id=text(row, "text"),
    )


def _trigger(row: Row) -> ListedOrder:
    sent = row["initial"]
    return ListedOrder(
        id=text_of(row, "id"),
        market=text_of(sent, "contract"),
        conditional=True,
        reduce_only=sent.get("is_reduce_only") is True or sent.get("is_close") is True,
        client_order_id=text(sent, "text"),
    )


async def _cancel_some(exchange: Exchange, orders: Sequence[ListedOrder]) -> None:
    settle = orders[0].scope["settle"]
    if orders[0].conditional:
        for order in orders:
            await exchange.privateFuturesDeleteSettlePriceOrdersOrderId({"settle": settle, "order_id": order.id})
    else:
        await exchange.privateFuturesPostSettleBatchCancelOrders([{"settle": settle}, *(o.id for o in orders)])


async def _cancel_market(exchange: Exchange, order: ListedOrder) -> None:
    named = {"settle": order.scope["settle"], "contract": order.market}
    if order.conditional:
        await exchange.privateFuturesDeleteSettlePriceOrders(named)
    else:
        await exchange.privateFuturesDeleteSettleOrders(named)


def _sign(exchange: Exchange, path: str, api: Any, method: str = "GET", params: Any = None) -> Any:  # noqa: ANN401 - ccxt's
    """Move the expiry from the parameters to the headers, which Gate does not sign."""
    expires = params.pop(_EXPIRES, None) if isinstance(params, dict) else None
    signed = ccxt.gate.sign(exchange, path, api, method, params or {})
    if expires is not None:
        signed["headers"][_EXPIRES] = str(expires)
    return signed


async def _close(exchange: Exchange, closing: Closing) -> None:
    if not closing.position.hedged:
        await send_close(exchange, closing, {"reduceOnly": True, _EXPIRES: closing.expires})
        return
    # ccxt has no word for the leg, which in dual mode is what an order names to close it as a whole.
    sign = "-" if closing.long else ""
    whole = {"size": 0, "auto_size": "close_long" if closing.long else "close_short"}
    await exchange.privateFuturesPostSettleOrders(
        {
            "settle": closing.position.scope["settle"],
            "contract": closing.position.market,
            "price": "0" if closing.limit is None else f"{closing.limit:f}",
            "tif": "ioc",
            "reduce_only": True,
            "text": closing.client_order_id,
            _EXPIRES: closing.expires,
            **(whole if closing.whole else {"size": sign + closing.size}),
        }
    )


def _id(client_order_id: str) -> str:
    """Gate asks for the prefix t-, and ccxt lets 28 characters pass: the same ones for the same id."""
    return f"t-ess-{hashlib.sha256(client_order_id.encode()).hexdigest()[:22]}"


def _witness(reply: Any) -> Witness:  # noqa: ANN401 - JSON
    held = decimal_of(reply, "position_margin") + (number(reply.get("cross_initial_margin")) or Decimal(0))
    resting = decimal_of(reply, "order_margin") + (number(reply.get("cross_order_margin")) or Decimal(0))
    return Witness(
        positions=True if held > 0 else None,
        orders=True if resting > 0 else None,
        evidence=f"margin of positions {held}, of orders {resting}",
    )


def _equity(reply: Any) -> tuple[Decimal, str]:  # noqa: ANN401 - JSON
    return decimal_of(reply, "total") + decimal_of(reply, "unrealised_pnl"), "USDT"


def _positions(settle: str) -> Listing[ListedPosition]:
    return Listing(
        name=f"positions in {settle}",
        endpoint="privateFuturesGetSettlePositions",
        params={"settle": settle, "holding": "true", "limit": PAGE},
        scope={"settle": settle},
        absent=_NEVER_USED,
        read=_position,
        pages=by_offset("offset", PAGE),
    )


def _orders(settle: str, *, conditional: bool) -> Listing[ListedOrder]:
    return Listing(
        name=f"{'conditional ' if conditional else ''}orders in {settle}",
        endpoint="privateFuturesGetSettlePriceOrders" if conditional else "privateFuturesGetSettleOrders",
        params={"settle": settle, "status": "open", "limit": PAGE},
        scope={"settle": settle},
        absent=_NEVER_USED,
        read=_trigger if conditional else _order,
        pages=by_offset("offset", PAGE),
    )


PLAN = UnifiedPlan(
    exchange="gate",
    name="Gate",
    coverage=Coverage(
        checked_by=CheckedBy.REQUEST_SHAPE,
        covered=(
            "orders",
            "price-triggered orders",
            "positions of perpetuals settled in USDT and in BTC, one-way and hedged",
        ),
        not_covered=(
            "dated futures, options, spot and margin",
            "trailing and chase orders",
            "equity beyond the USDT futures account",
            "bots of the exchange",
            "executions: engines report them",
        ),
    ),
    positions=tuple(_positions(settle) for settle in SETTLES),
    orders=tuple(_orders(settle, conditional=kind) for settle in SETTLES for kind in (False, True)),
    cancelling=Cancelling(
        some=_cancel_some,
        batch=20,
        group=lambda order: (order.market, order.scope["settle"], order.conditional),
        whole=_cancel_market,
        gone=("ORDER_NOT_FOUND",),
    ),
    close=_close,
    maximum=info_limit("market_order_size_max"),
    ids=_id,
    limits=BudgetLimits(per_minute=1200, burst=60, per_second=15, reserve=20, per_account=True),
    sends=(50, 10),
    expires=True,
    methods={"sign": _sign},
    options={
        "unifiedAccount": False,
        "defaultType": "swap",
        "fetchMarkets": {"types": ["swap"]},
        "swap": {"fetchMarkets": {"settlementCurrencies": list(SETTLES)}},
    },
    mode=Reading(
        endpoint="privateFuturesGetSettleAccounts",
        params={"settle": "usdt"},
        read=lambda reply: flag(reply, "in_dual_mode"),
        absent=_NEVER_USED,
        otherwise=False,
    ),
    witness=(
        Reading(
            endpoint="privateFuturesGetSettleAccounts",
            params={"settle": "usdt"},
            read=_witness,
            absent=_NEVER_USED,
            otherwise=Witness(),
        ),
    ),
    equity=Reading(endpoint="privateFuturesGetSettleAccounts", params={"settle": "usdt"}, read=_equity),
)
