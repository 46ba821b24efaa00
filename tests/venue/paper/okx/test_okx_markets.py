"""Markets, currencies, clock, account and prices of the OKX dialect, as unmodified ccxt reads them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt_async

from ess_server.venue.paper import PaperVenue

BTC, DOGE = "BTC/USDT:USDT", "DOGE/USDT:USDT"


async def test_markets_are_swaps_in_contracts_of_their_own_size(venue: PaperVenue, okx: Any) -> None:
    """Property: ccxt's whole start-up finds its endpoints; a contract is not a unit of the base currency."""
    markets = await okx.load_markets()
    assert len(markets) == 25
    btc = markets[BTC]
    assert (btc["id"], btc["swap"], btc["linear"], btc["settle"]) == ("BTC-USDT-SWAP", True, True, "USDT")
    assert (btc["contractSize"], btc["precision"]["amount"], btc["limits"]["amount"]["min"]) == (0.01, 0.1, 0.1)
    assert (btc["info"]["maxMktSz"], markets[DOGE]["contractSize"]) == ("12000", 10)
    assert "USDT" in okx.currencies
    assert venue.journal.read(kinds=["unknown_path"]) == []


async def test_clock_status_and_account_configuration(
    start_okx: Callable[..., Any], client: Callable[..., Any]
) -> None:
    """Property: clock, position mode, account level and what the key may do are told."""
    venue = await start_okx(hedged=True)
    okx = client(venue)
    assert abs(await okx.load_time_difference()) < 5_000
    assert (await okx.fetch_status())["status"] == "ok"
    mode = await okx.fetch_position_mode()
    assert (mode["hedged"], mode["info"]["acctLv"], mode["info"]["perm"]) == (True, "2", "read_only,trade")


async def test_prices_follow_the_mark(venue: PaperVenue, okx: Any) -> None:
    """Property: every price endpoint follows the mark, bid below and ask above it, sizes in contracts."""
    await okx.load_markets()
    venue.books.set_mark("BTCUSDT", Decimal(50000))
    ticker, book = await okx.fetch_ticker(BTC), await okx.fetch_order_book(BTC)
    assert (ticker["last"], (await okx.fetch_mark_price(BTC))["markPrice"]) == (50000, 50000)
    assert ticker["bid"] < 50000 < ticker["ask"]
    assert (book["bids"][0], book["asks"][0][0]) == ([ticker["bid"], 12000, 0], ticker["ask"])
    assert len(await okx.fetch_tickers()) == 25


async def test_one_server_speaks_for_both_exchanges_by_host_name(
    venue: PaperVenue, okx: Any, exchange: Callable[..., Any]
) -> None:
    """Property: one account is reached through either exchange's host, and each sees what the other did."""
    usdm: ccxt_async.binanceusdm = exchange(venue, apiKey="okx-key", secret="okx-secret")
    await okx.create_order(BTC, "market", "buy", 50)
    [shown] = await usdm.fetch_positions()
    assert (shown["contracts"], shown["side"]) == (0.5, "long")
    await usdm.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert await okx.fetch_positions() == []
