"""What anybody writes first: a loop over ccxt's unified calls with default settings, one call after the other."""

import time
from typing import Any

import ccxt.async_support as ccxt

from tests.bench.floor import PASSPHRASE, SECRET, SYMBOLS, Floor, key_of


async def simple_flatten(exchange: str, where: Floor, account: str) -> float:
    """Cancel per symbol, conditional orders in a second pass, close each position, look again; return the seconds."""
    session = where.session()
    ex = getattr(ccxt, exchange)(
        {
            "apiKey": key_of(account),
            "secret": SECRET,
            "password": PASSPHRASE,
            "session": session,
            "options": {"defaultType": "swap", "fetchOpenOrders": {"warnWithoutSymbol": False}},
        }
    )
    try:
        await ex.load_markets()
        began = time.monotonic()
        await _flatten(ex)
        seconds = time.monotonic() - began
    finally:
        await ex.close()
        await session.close()
    if not await where.is_flat(account):
        raise RuntimeError(f"the simple loop left {account} open")
    return seconds


async def _flatten(ex: Any) -> None:
    held = [row for row in await ex.fetch_positions() if row["contracts"]]
    symbols = sorted({row["symbol"] for row in held})
    assert len(symbols) == SYMBOLS
    for symbol in symbols:
        if ex.has["cancelAllOrders"]:
            await ex.cancel_all_orders(symbol)
        else:
            await _cancel_each(ex, symbol, {})
    for symbol in symbols:
        if ex.id == "binanceusdm":
            await ex.cancel_all_orders(symbol, {"trigger": True})
        elif ex.id == "okx":
            await _cancel_each(ex, symbol, {"trigger": True, "ordType": "conditional"})
    for row in held:
        side = "sell" if row["side"] == "long" else "buy"
        await ex.create_order(row["symbol"], "market", side, row["contracts"], None, {"reduceOnly": True})
    for _ in range(2):
        await ex.fetch_positions()
        await ex.fetch_open_orders()


async def _cancel_each(ex: Any, symbol: str, params: dict[str, Any]) -> None:
    for order in await ex.fetch_open_orders(symbol, params=params):
        await ex.cancel_order(order["id"], symbol, params)
