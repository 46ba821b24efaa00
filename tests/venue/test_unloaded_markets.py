"""A venue process that begins while the exchange's list of markets cannot be had."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ess_server.core.model import FlattenStatus
from ess_server.venue import markets
from tests.venue.clients import CLIENTS, connected, flatten
from tests.venue.floor import Floor


async def refused(**_: object) -> None:
    """Fail."""
    raise RuntimeError("no markets")


async def hanging(**_: object) -> None:
    """Never answer."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_names_that_come_late_are_used_as_soon_as_they_are_there(
    opened: AsyncExitStack, floor: Floor, monkeypatch: pytest.MonkeyPatch, client_of: Any, limits: Any
) -> None:
    """A position too large for one order is split once the list of markets can be had, without waiting for it."""
    monkeypatch.setattr(markets, "NAMES_WITHIN_S", 0.1)
    monkeypatch.setattr(markets, "RETRY_AFTER", 0.05)
    client = connected(opened, floor, client_of, limits)
    load, tried = client._exchange.load_markets, []

    async def late(**how: Any) -> Any:
        tried.append(how)
        if len(tried) < 4:
            raise RuntimeError("no markets yet")
        return await load(**how)

    client._exchange.load_markets = late
    most = floor.books.market.instrument("BTCUSDT").max_market_quantity
    for _ in range(2):
        floor.hold("BTCUSDT", str(most))
    flattener = await flatten(client, within=6)

    assert flattener.progress()["main"].status is FlattenStatus.FLAT
    assert floor.flat
    assert len(tried) == 4


@pytest.mark.parametrize("lists", [refused, hanging])
@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_the_list_of_markets_is_not_needed_to_stop(
    opened: AsyncExitStack, floor: Floor, monkeypatch: pytest.MonkeyPatch, *, client_of: Any, limits: Any, lists: Any
) -> None:
    """Orders and positions go under the exchange's own ids: a public endpoint that fails keeps no position open."""
    monkeypatch.setattr(markets, "NAMES_WITHIN_S", 0.1)
    client = connected(opened, floor, client_of, limits)
    client._exchange.load_markets = lists
    floor.hold("BTCUSDT", "3.5")
    floor.rest("BTCUSDT", "3.5")
    flattener = await flatten(client, within=6)

    assert flattener.progress()["main"].status is FlattenStatus.FLAT
    assert floor.flat
