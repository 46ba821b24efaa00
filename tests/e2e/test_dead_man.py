"""The dead man's switch with real processes: a lost host cancels at the venue, an upgrade does not."""

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually
from tests.e2e.test_direct_flatten import floor
from tests.venue.floor import Floor

__all__ = ["floor"]

AFTER = timedelta(seconds=30)


async def armed(floor: Floor, servers: Servers, place: Path) -> ServerProcess:
    """Return a server that keeps the timer of the one symbol with an order alive."""
    config = place / "ess.toml"
    config.write_text(config.read_text() + f"dead_man_seconds = {AFTER.seconds}\n")
    floor.hold("BTCUSDT", "1")
    floor.rest("BTCUSDT", "1")
    server = servers(arguments=("--config", config))
    await server.start()
    await server.reset()
    await eventually(lambda: due(floor), within=30)
    return server


def due(floor: Floor) -> datetime | None:
    """When the venue cancels the orders."""
    return floor.books._countdowns.get(("main", "BTCUSDT"))


def pass_time(floor: Floor) -> None:
    """Let the venue's clock go past every timer that was set before."""
    floor.venue.clock.skew += AFTER + timedelta(seconds=1)
    floor.books.tick()


async def test_a_host_that_is_lost_cancels_orders_and_closes_nothing(
    floor: Floor, servers: Servers, tmp_path: Path
) -> None:
    """Server and venue process are killed: by its own clock the venue cancels what rests, and positions stay."""
    server = await armed(floor, servers, tmp_path)
    venue_process = int((tmp_path / "data" / "venue.lock").read_text())
    server.signal(signal.SIGKILL)
    os.kill(venue_process, signal.SIGKILL)
    await server.ended()
    floor.books.tick()
    assert len(floor.account.open_orders) == 1

    pass_time(floor)
    assert not floor.account.open_orders
    assert list(floor.positions) == ["BTCUSDT BOTH"]


async def test_a_server_that_ends_as_told_cancels_nothing(floor: Floor, servers: Servers, tmp_path: Path) -> None:
    """SIGTERM stops the timer before the process is gone, whatever time passes then."""
    server = await armed(floor, servers, tmp_path)
    assert await server.end() == 0

    assert due(floor) is None
    pass_time(floor)
    assert len(floor.account.open_orders) == 1
    assert "switch could be stopped" not in server.printed
