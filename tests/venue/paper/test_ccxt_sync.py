"""Unmodified synchronous ccxt (on requests), pinned to the served venue."""

import asyncio
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import PaperVenue, pin_sync

BTC = "BTC/USDT:USDT"


@pytest.fixture
def sync_exchange(venue: PaperVenue) -> Any:
    """A synchronous exchange pinned to the venue."""
    made = ccxt.binanceusdm({"apiKey": "paper-key", "secret": "paper-secret", "enableRateLimit": False})
    pin_sync(made, "127.0.0.1", venue.port, venue.ca_file)
    yield made
    made.close()


async def test_a_synchronous_engine_trades_on_the_paper_venue(venue: PaperVenue, sync_exchange: Any) -> None:
    """Property: sync ccxt loads markets, trades and sees its position, with the production host name in its URLs."""

    def trade() -> tuple[Any, Any]:
        order = sync_exchange.create_order(BTC, "market", "buy", 0.5)
        return order, sync_exchange.fetch_positions()

    order, positions = await asyncio.to_thread(trade)
    assert (order["status"], positions[0]["contracts"]) == ("closed", 0.5)
    assert venue.journal.read(kinds=["unknown_path"]) == []


async def test_synchronous_refusals_keep_their_classes(venue: PaperVenue, sync_exchange: Any) -> None:
    """Property: a refusal has the class that production URLs give it."""
    del venue

    def close() -> None:
        sync_exchange.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})

    with pytest.raises(ccxt.InvalidOrder, match="-2022"):
        await asyncio.to_thread(close)


async def test_every_host_leads_to_the_venue_and_plain_http_nowhere(venue: PaperVenue, sync_exchange: Any) -> None:
    """Property: another host name ends at the venue with that name in its journal; plain HTTP is refused."""
    fetch: Callable[..., Any] = sync_exchange.session.get
    reply = await asyncio.to_thread(fetch, "https://api.kraken.com/0/public/Time", timeout=5)
    assert reply.status_code == 404
    assert [entry.details["host"] for entry in venue.journal.read(kinds=["unknown_path"])] == ["api.kraken.com"]
    with pytest.raises(OSError, match="no plain HTTP"):
        await asyncio.to_thread(fetch, "http://fapi.binance.com/fapi/v1/time", timeout=5)
