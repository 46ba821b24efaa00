"""Calls to one exchange client: bounded in time, and what was sent is never forgotten."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from ess_server.core.errors import VenueUnknownError
from ess_server.core.ports import Clock

T = TypeVar("T")


class BoundedCalls:
    """Runs calls with a timeout and knows which of them may still change something on the venue.

    A call that outlives its timeout is cancelled and left behind: a client that does not react to the
    cancellation delays nobody, but counts as sending for as long as it lives.
    """

    def __init__(self, clock: Clock, *, expiry: timedelta) -> None:
        self._clock = clock
        self._expiry = expiry.total_seconds()
        self._sending: set[asyncio.Future[Any]] = set()
        # An earlier process of this account may have sent until the very moment this one began.
        self._last_send = clock.uptime()

    async def read(self, call: Coroutine[Any, Any, T], within: timedelta) -> T:
        """Await a call that changes nothing. Raises VenueUnknownError if it takes longer, or the client cancels it."""
        task = asyncio.ensure_future(call)
        task.add_done_callback(_retrieve)
        return await _bounded(task, within.total_seconds())

    async def send(self, call: Coroutine[Any, Any, T], within: timedelta) -> T:
        """Await a call that may change something. Raises VenueUnknownError as ``read``."""
        task = asyncio.ensure_future(call)
        self._sending.add(task)
        task.add_done_callback(self._sent)
        return await _bounded(task, within.total_seconds())

    def nothing_sent_since(self, uptime: float) -> bool:
        """Whether every send had ended before ``uptime``."""
        return not self._sending and self._last_send < uptime

    async def quiesced(self) -> None:
        """Return once nothing that was sent can still act."""
        while self._sending or self._remaining() > 0:
            if self._sending:
                await asyncio.wait(self._sending)
            else:
                await asyncio.sleep(self._remaining())

    def _remaining(self) -> float:
        return self._last_send + self._expiry - self._clock.uptime()

    def _sent(self, task: "asyncio.Future[Any]") -> None:
        self._last_send = self._clock.uptime()
        self._sending.discard(task)
        _retrieve(task)


async def _bounded(task: "asyncio.Future[T]", seconds: float) -> T:
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        late = not task.done()
        if late:
            task.cancel()
    if late:
        raise VenueUnknownError(f"the venue did not answer within {seconds:g} s")
    if task.cancelled():
        # Somebody inside the client did that: passed on, it would look as if we were to end.
        raise VenueUnknownError("the call was cancelled")
    return task.result()


def _retrieve(task: "asyncio.Future[Any]") -> None:
    """Mark the outcome as seen: nobody awaits a call that was left behind."""
    if not task.cancelled():
        task.exception()
