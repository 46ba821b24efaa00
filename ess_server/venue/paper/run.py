"""Runs a paper venue as a process until it is told to stop."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ess_server.venue.paper.accounts import load_accounts
from ess_server.venue.paper.venue import PaperConfig, PaperVenue


async def serve(
    *,
    cert_dir: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    accounts: Path | None = None,
    config: PaperConfig | None = None,
    on_ready: Callable[[PaperVenue], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. ``on_ready`` is told once the port is open; by default one JSON line is printed.

    Raises ValueError for a bad accounts file, OSError for a taken port or a directory that cannot be written.
    """
    specs = [] if accounts is None else load_accounts(accounts)
    venue = PaperVenue(config)
    for spec in specs:
        venue.open_account(spec.key, spec.balances, hedged=spec.hedged, spot=spec.spot)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await venue.start(host, port, cert_dir=cert_dir)
        (on_ready or _announce)(venue)
        await stopping.wait()
    finally:
        await venue.stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _announce(venue: PaperVenue) -> None:
    line = {"port": venue.port, "ca_file": str(venue.ca_file), "accounts": list(venue.books.accounts)}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
