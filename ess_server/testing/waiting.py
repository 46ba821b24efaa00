"""Waiting for something to become true, bounded in time."""

import asyncio
from collections.abc import Callable
from time import monotonic


async def eventually(condition: Callable[[], object], *, within: float = 5.0, every: float = 0.005) -> None:
    """Return once ``condition()`` is true; times in seconds. Raises AssertionError when time is up."""
    deadline = monotonic() + within
    while not condition():
        if monotonic() > deadline:
            raise AssertionError(f"did not become true within {within:g} s")
        await asyncio.sleep(every)
