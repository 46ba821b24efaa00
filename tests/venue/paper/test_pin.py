"""Pinned sessions go to the paper venue or nowhere."""

from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from ess_server.venue.paper import PaperVenue, open_session


async def test_any_host_name_reaches_the_venue_with_its_own_certificate(
    venue: PaperVenue, session: Callable[[PaperVenue], aiohttp.ClientSession]
) -> None:
    """Property: names that no dialect lists still verify, so that a leak is seen; none is answered as another venue."""
    for name, status in (("fapi.binance.com", 200), ("www.okx.com", 404), ("www.example.org", 404)):
        async with session(venue).get(f"https://{name}/fapi/v1/time") as reply:
            assert reply.status == status
    seen = [entry.details["host"] for entry in venue.journal.read(kinds=["unknown_path"])]
    assert seen == ["www.okx.com", "www.example.org"]


async def test_a_session_trusts_the_venues_ca_only(
    venue: PaperVenue, start_venue: Callable[..., object], tmp_path: Path
) -> None:
    """Property: with the CA of another venue the connection fails."""
    old = tmp_path / "old.pem"
    old.write_bytes(venue.ca_file.read_bytes())
    other = await start_venue()
    async with open_session(old, "127.0.0.1", other.port) as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get("https://fapi.binance.com/fapi/v1/time")


async def test_addresses_beside_the_venue_are_refused(
    venue: PaperVenue, session: Callable[[PaperVenue], aiohttp.ClientSession]
) -> None:
    """Property: a URL with an IP address, which no resolver sees, is not connected to."""
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await session(venue).get("https://127.0.0.2/fapi/v1/time")
    assert "pinned to 127.0.0.1" in str(caught.value.os_error)
