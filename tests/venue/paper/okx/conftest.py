"""Unmodified ccxt for OKX, pinned to a paper venue."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt_async
import pytest

from ess_server.venue.paper import PaperConfig, PaperVenue
from ess_server.venue.strict import lent

KEY, SECRET, PASSPHRASE = "okx-key", "okx-secret", "okx-passphrase"


@pytest.fixture
async def start_okx(stack: AsyncExitStack, tmp_path: Path) -> Callable[..., Any]:
    """Start a venue with one account; ``hedged``, and what goes to the config."""

    async def start(*, hedged: bool = False, **config: Any) -> PaperVenue:
        venue = PaperVenue(PaperConfig(tick=None, **config))
        venue.add_account(
            "a",
            key=KEY,
            secret=SECRET,
            passphrase=PASSPHRASE,
            balances={"USDT": Decimal(10_000_000)},
            hedged=hedged,
        )
        await venue.start(cert_dir=tmp_path / "tls")
        stack.push_async_callback(venue.stop)
        return venue

    return start


@pytest.fixture
async def venue(start_okx: Callable[..., Any]) -> PaperVenue:
    """A venue whose account is in net mode."""
    made: PaperVenue = await start_okx()
    return made


@pytest.fixture
def client(stack: AsyncExitStack, session: Callable[..., Any]) -> Callable[..., Any]:
    """Make ccxt's okx; keywords overwrite its config."""

    def make(venue: PaperVenue, **config: Any) -> Any:
        made = ccxt_async.okx(
            {
                "apiKey": KEY,
                "secret": SECRET,
                "password": PASSPHRASE,
                **lent(session(venue)),
                "enableRateLimit": False,
                "options": {"defaultType": "swap"},
                **config,
            }
        )
        stack.push_async_callback(made.close)
        return made

    return make


@pytest.fixture
async def okx(venue: PaperVenue, client: Callable[..., Any]) -> Any:
    """Unmodified ccxt on the venue in net mode."""
    return client(venue)
