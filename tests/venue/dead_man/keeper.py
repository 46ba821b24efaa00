"""A keeper over a switch whose requests are slow, fail, or arrive when nobody waits for them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from ess_server.core.dead_man import DeadMan
from ess_server.core.errors import VenueUnknownError
from ess_server.testing import FakeClock
from ess_server.venue.dead_man import DeadManKeeper
from ess_server.venue.upkeep import Faults

AFTER = timedelta(seconds=60)
VALID = timedelta(seconds=2)


class Venue:
    """A switch whose requests arrive ``latency`` after they are sent, also when nobody waits for them any more."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.resting = frozenset({"A"})
        self.latency = 0.05
        self.looking = 0.0
        self.failing: Exception | None = None
        self.unread: Exception | None = None
        self.heard: list[tuple[float, str, tuple[str, ...]]] = []
        self.timers: dict[str, float] = {}

    async def order_symbols(self) -> frozenset[str]:
        """See ``DeadManSwitch``."""
        await asyncio.sleep(self.looking)
        if self.unread:
            raise self.unread
        return self.resting

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch``."""
        await self._request("arm", after.total_seconds(), symbols)

    async def failing_arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """All of them are set but one."""
        await self._request("arm", after.total_seconds(), symbols)
        raise VenueUnknownError("one was refused")

    async def disarm(self, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch``."""
        await self._request("disarm", 0, symbols)

    async def _request(self, what: str, seconds: float, symbols: Sequence[str]) -> None:
        if self.failing:
            raise self.failing
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrive() -> None:
            self.heard.append((self.clock.uptime(), what, tuple(symbols)))
            for symbol in symbols:
                self.timers[symbol] = seconds and self.clock.uptime() + seconds
            if not arrived.done():
                arrived.set_result(None)

        loop.call_later(self.latency, arrive)
        await arrived

    def times(self, what: str) -> list[float]:
        """When such requests arrived."""
        return [round(at, 2) for at, heard, _ in self.heard if heard == what]


class Desk:
    """A keeper over such a venue, and what it told."""

    def __init__(self, clock: FakeClock, wanted: DeadMan, most: int | None) -> None:
        self.clock = clock
        self.venue = Venue(clock)
        self.server_heard: float | None = None
        self.faults: list[str] = []
        self.armed: list[tuple[str, ...]] = []
        self.keeper = DeadManKeeper(
            "main",
            self.venue,
            wanted,
            clock=clock,
            valid=VALID,
            heard=lambda: clock.uptime() if self.server_heard is None else self.server_heard,
            on_armed=lambda _, symbols: self.armed.append(tuple(symbols)),
            faults=Faults(clock, lambda _, detail: self.faults.append(detail)),
            most=most,
        )


Story = Callable[[Desk], Coroutine[Any, Any, None]]
