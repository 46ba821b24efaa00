"""Several calls to a venue at once."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ess_server.core.errors import VenueUnknownError, describe
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
    """Await all, whatever becomes of each; raises for those that failed.

    BelowMinimumError only where each of them was too small: beside one that was taken it says nothing of their sum.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    failures = [r for r in results if isinstance(r, BaseException)]
    serious = [f for f in failures if not isinstance(f, BelowMinimumError)]
    if serious and len(calls) > 1:
        # What is raised here is shown, whatever it was made of.
        first = describe(serious[0])
        raise VenueUnknownError(f"{len(serious)} of {len(calls)} {what} requests failed, the first: {first}")
    if failures and len(failures) < len(calls):
        raise VenueUnknownError(f"{len(failures)} of {len(calls)} {what} requests were too small: {failures[0]}")
    if failures:
        raise failures[0]


def cut(items: list[T], size: int) -> list[list[T]]:
    """Divide what one request cannot hold."""
    return [items[n : n + size] for n in range(0, len(items), size)]


class Shared:
    """Makes one call for all who ask for it before it begins: what they get was read after each of them had asked."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._call = call
        self._next: asyncio.Future[Any] | None = None

    async def __call__(self) -> Any:  # noqa: ANN401 - JSON
        """Return the reply, or raise what the call raised."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._make())
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())
        # One who gives up must not take it from the others.
        return await asyncio.shield(self._next)

    async def _make(self) -> Any:  # noqa: ANN401 - JSON
        await asyncio.sleep(0)
        self._next = None
        return await self._call()
