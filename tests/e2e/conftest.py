"""Servers that end with the test."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import ServerProcess

Servers = Callable[..., ServerProcess]


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    """Make servers by the name of their data directory; none is started yet."""
    made: list[ServerProcess] = []

    def make(name: str = "data", **settings: Any) -> ServerProcess:
        made.append(ServerProcess(tmp_path / name, **settings))
        return made[-1]

    yield make
    for server in made:
        await server.kill()


@pytest.fixture
async def server(servers: Servers) -> ServerProcess:
    """Return a server that runs and allows trading."""
    made = servers()
    await made.start()
    await made.reset()
    return made
