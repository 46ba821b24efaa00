"""Unmodified ccxt for Bybit, pinned to a paper venue."""

from collections.abc import Callable
from typing import Any

import pytest

from ess_server.venue.paper import PaperVenue


@pytest.fixture
def client(exchange: Callable[..., Any]) -> Callable[..., Any]:
    """Make ccxt's bybit for a venue; keywords overwrite its config."""

    def make(venue: PaperVenue, **config: Any) -> Any:
        options = {"defaultType": "swap"}
        return exchange(venue, kind="bybit", **{"options": options, **config})

    return make


@pytest.fixture
async def bybit(venue: PaperVenue, client: Callable[..., Any]) -> Any:
    """Unmodified ccxt on the venue in one-way mode, without limits per endpoint."""
    venue.set_limits(endpoint_percent=None)
    return client(venue)
