"""The event loop of each module, and a controller: a module that sets ``EVENT_LOOP`` runs its tests on such a loop."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from .listeners import Source
from .rig import Rig, commissioned


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - the hook's signature
    item: pytest.Function,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the one kind of loop that the module of ``item`` asks for."""
    return {"loop": getattr(item.module, "EVENT_LOOP", asyncio.new_event_loop)}


@pytest.fixture
async def rig() -> Rig:
    """A commissioned controller over two records, without obstacles."""
    return await commissioned()


@pytest.fixture
def source() -> Source:
    """What is told."""
    return Source()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single message is sent at once."""
    monkeypatch.setattr("ess_server.core.broadcast.AT_ONCE", 1)
