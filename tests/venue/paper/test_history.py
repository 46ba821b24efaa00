"""What became of orders, as unmodified ccxt reads it afterwards."""

from collections.abc import Callable
from typing import Any

import pytest

from ess_server.venue.paper import PaperVenue

BTC = "BTC/USDT:USDT"


async def test_fills_are_paged_from_the_oldest_by_time_and_by_number(
    venue: PaperVenue, exchange: Callable[..., Any]
) -> None:
    """Property: from a time or a number on come the oldest, so that a reader pages forward and misses none."""
    ex = exchange(venue)
    for _ in range(5):
        await ex.create_order(BTC, "market", "buy", 0.01)
    since = ex.milliseconds() - 60_000
    first = await ex.fetch_my_trades(BTC, since=since, limit=2)
    rest = await ex.fetch_my_trades(BTC, limit=1000, params={"fromId": int(first[-1]["id"]) + 1})
    newest = await ex.fetch_my_trades(BTC, limit=2)

    assert [t["id"] for t in (*first, *rest)] == [str(f.id) for f in venue.books.account("a").fills]
    assert [t["id"] for t in newest] == [t["id"] for t in rest[-2:]]
    with pytest.raises(Exception, match="-1128"):
        await ex.fetch_my_trades(BTC, since=since, params={"fromId": 1})


async def test_orders_of_every_symbol_are_listed_without_one(venue: PaperVenue, exchange: Callable[..., Any]) -> None:
    """Property: one call shows what became of the orders of all markets, newest last."""
    ex = exchange(venue)
    await ex.create_order(BTC, "market", "buy", 0.01)
    await ex.create_order("ETH/USDT:USDT", "limit", "buy", 0.1, 2900)

    assert [(o["symbol"], o["status"]) for o in await ex.fetch_orders()] == [
        (BTC, "closed"),
        ("ETH/USDT:USDT", "open"),
    ]


async def test_the_venue_expires_and_liquidates_when_told(
    venue: PaperVenue, admin: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: orders expire, and a liquidation closes all with an order that bears the venue's own id."""
    ex = exchange(venue)
    await ex.create_order(BTC, "market", "buy", 0.5)
    await ex.create_order(BTC, "limit", "buy", 0.1, 58500)
    _, expired = await admin(venue, "POST", "expire", {"account": "a", "symbol": "BTCUSDT"})
    await ex.create_order(BTC, "limit", "sell", 0.1, 61500)
    await admin(venue, "POST", "liquidate", {"account": "a", "symbol": "BTCUSDT"})
    orders = await ex.fetch_orders(BTC)

    assert expired["expired"] == [int(orders[1]["id"])]
    assert [o["status"] for o in orders] == ["closed", "expired", "expired", "closed"]
    assert orders[-1]["clientOrderId"].startswith("autoclose-")
    assert not list(venue.books.account("a").positions())
