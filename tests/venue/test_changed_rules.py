"""Sizes of a market that the exchange changes after they were loaded: what is held is closed all the same."""

from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.model import FlattenStatus
from tests.venue.clients import CLIENTS, connected, flatten
from tests.venue.floor import Floor


@pytest.mark.parametrize(("client_of", "limits"), CLIENTS)
async def test_a_close_by_old_sizes_asks_for_the_new_ones(
    opened: AsyncExitStack, floor: Floor, client_of: Any, limits: Any
) -> None:
    """A lower maximum is learnt from the first refusal, not at the next hour."""
    client = connected(opened, floor, client_of, limits)
    await client.prepare()
    floor.hold("BTCUSDT", "3.5")
    market = floor.books.market.instruments
    market["BTCUSDT"] = replace(market["BTCUSDT"], max_market_quantity=Decimal(2), max_quantity=Decimal(2))
    flattener = await flatten(client, within=6)

    assert flattener.progress()["main"].status is FlattenStatus.FLAT
    assert floor.flat
