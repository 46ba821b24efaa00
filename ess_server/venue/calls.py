"""Several calls to a venue at once."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import BelowMinimumError

T = TypeVar("T")


async def together(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Await all; the first failure ends the others."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def all_of(calls: Sequence[Coroutine[Any, Any, None]], what: str) -> None:
    """Await all, whatever becomes of each; raises for those that failed."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    failures = [r for r in results if isinstance(r, BaseException)]
    serious = [f for f in failures if not isinstance(f, BelowMinimumError)]
    if len(calls) > 1 and serious:
        raise VenueUnknownError(f"{len(serious)} of {len(calls)} {what} requests failed, the first: {serious[0]}")
    if failures:
        raise failures[0]


def cut(items: list[T], size: int) -> list[list[T]]:
    """Divide what one request cannot hold."""
    return [items[n : n + size] for n in range(0, len(items), size)]
