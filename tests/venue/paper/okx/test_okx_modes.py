"""Position modes and margin modes of the OKX dialect."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import PaperVenue

BTC = "BTC/USDT:USDT"


@pytest.fixture
async def hedged(start_okx: Callable[..., Any], client: Callable[..., Any]) -> Any:
    """Unmodified ccxt on a venue in long/short mode."""
    return client(await start_okx(hedged=True))


async def test_long_and_short_stand_side_by_side(hedged: Any) -> None:
    """Property: in long/short mode each leg has a size without a sign; a close names its leg and leaves the other."""
    await hedged.create_order(BTC, "market", "buy", 5, None, {"hedged": True})
    await hedged.create_order(BTC, "market", "sell", 3, None, {"hedged": True})
    legs = {p["side"]: (p["contracts"], p["info"]["pos"], p["hedged"]) for p in await hedged.fetch_positions()}
    assert legs == {"long": (5, "5", True), "short": (3, "3", True)}
    await hedged.create_order(BTC, "market", "sell", 5, None, {"reduceOnly": True, "hedged": True})
    assert [(p["side"], p["contracts"]) for p in await hedged.fetch_positions()] == [("short", 3)]
    await hedged.close_position(BTC, "short")
    assert await hedged.fetch_positions() == []


async def test_a_close_beyond_its_leg_is_refused(hedged: Any) -> None:
    """Property: a closing order larger than what no other order closes yet neither flips nor overdraws the leg."""
    await hedged.create_order(BTC, "market", "buy", 2, None, {"positionSide": "long"})
    await hedged.create_order(BTC, "limit", "sell", 1, 61000, {"positionSide": "long"})
    [held] = await hedged.fetch_positions()
    assert held["info"]["availPos"] == "1"
    for size in (2, 3):
        with pytest.raises(ccxt.InvalidOrder, match="51112"):
            await hedged.create_order(BTC, "market", "sell", size, None, {"positionSide": "long"})
    await hedged.create_order(BTC, "market", "sell", 1, None, {"positionSide": "long"})
    assert (await hedged.fetch_positions())[0]["contracts"] == 1


async def test_the_leg_must_fit_the_mode(hedged: Any, venue: PaperVenue, okx: Any) -> None:
    """Property: long/short mode wants a leg, net mode takes none but net."""
    for exchange, params in ((hedged, {}), (okx, {"positionSide": "long"}), (okx, {"positionSide": "both"})):
        with pytest.raises(ccxt.BadRequest, match="posSide"):
            await exchange.create_order(BTC, "market", "buy", 1, None, params)
    await okx.create_order(BTC, "market", "buy", 1, None, {"positionSide": "net"})
    assert len(venue.journal.read(kinds=["fill"])) == 1


async def test_isolated_and_cross_positions_of_one_contract_are_apart(okx: Any) -> None:
    """Property: a close in the margin mode that ccxt assumes leaves the isolated position; its own mode closes it."""
    await okx.create_order(BTC, "market", "buy", 2, None, {"marginMode": "isolated"})
    await okx.create_order(BTC, "market", "sell", 1)
    shown = {p["marginMode"]: (p["side"], p["contracts"]) for p in await okx.fetch_positions()}
    assert shown == {"isolated": ("long", 2), "cross": ("short", 1)}
    for close in (
        okx.create_order(BTC, "market", "sell", 2, None, {"reduceOnly": True}),
        okx.create_order(BTC, "market", "buy", 2, None, {"reduceOnly": True, "marginMode": "isolated"}),
    ):
        with pytest.raises(ccxt.ExchangeError, match="51169"):
            await close
    await okx.close_position(BTC, None, {"marginMode": "isolated"})
    await okx.create_order(BTC, "market", "buy", 2, None, {"reduceOnly": True, "marginMode": "cross"})
    assert await okx.fetch_positions() == []


async def test_a_stop_closes_the_position_of_its_own_margin_mode(venue: PaperVenue, okx: Any) -> None:
    """Property: a conditional order keeps the margin mode it was placed with, in its list and when it fires."""
    for mode in ("isolated", "cross"):
        await okx.create_order(BTC, "market", "buy", 1, None, {"marginMode": mode})
    stop = {"stopLossPrice": 58000, "reduceOnly": True, "marginMode": "isolated"}
    placed = await okx.create_order(BTC, "market", "sell", 1, None, stop)
    assert (await okx.fetch_order(placed["id"], BTC, {"trigger": True}))["info"]["tdMode"] == "isolated"
    venue.books.set_mark("BTCUSDT", Decimal(57000))
    assert [p["marginMode"] for p in await okx.fetch_positions()] == ["cross"]
