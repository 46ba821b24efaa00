"""Who is told: subscribers of a broadcast that read when they are asked to, a source that counts, a pace."""

import asyncio
from datetime import timedelta

from ess_server.core.broadcast import StateBroadcast
from ess_server.core.pace import Pace

HEARTBEAT = timedelta(milliseconds=250)


class Listener:
    """A subscriber whose transport holds one message: the next one is taken when that one was read."""

    def __init__(self, broadcast: StateBroadcast) -> None:
        self._subscription = broadcast.subscribe()
        self._held: bytes | None = None
        self._is_full, self._has_room = asyncio.Event(), asyncio.Event()
        self.sent = 0
        self._serving = asyncio.get_running_loop().create_task(self._subscription.served(self._take, self._count))

    async def _take(self, message: bytes) -> None:
        self._held = message
        self._is_full.set()
        await self._has_room.wait()

    def _count(self) -> None:
        self.sent += 1

    async def next(self) -> bytes:
        """Read a message. Raises what ended the subscription."""
        full = asyncio.ensure_future(self._is_full.wait())
        await asyncio.wait([full, self._serving], return_when=asyncio.FIRST_COMPLETED)
        full.cancel()
        if self._held is None:
            await self._serving
        message, self._held = self._held, None
        assert message is not None
        self._is_full.clear()
        self._has_room.set()
        self._has_room = asyncio.Event()
        return message

    def close(self) -> None:
        """Leave."""
        self._serving.cancel()
        self._subscription.close()


def pace(cost: float = 0.0) -> Pace:
    """Return the pace of a machine on which nothing costs anything, or ``cost`` seconds for each look at the clock."""
    spent = 0.0

    def busy() -> float:
        nonlocal spent
        spent += cost
        return spent

    return Pace(HEARTBEAT, timedelta(seconds=1), busy)


class Source:
    """A state that counts how often it was rendered."""

    def __init__(self) -> None:
        self.rendered = 0

    def render(self) -> bytes:
        """Return the number of this rendering."""
        self.rendered += 1
        return str(self.rendered).encode()


def crowd(broadcast: StateBroadcast, number: int) -> list[Listener]:
    """Return so many subscribers."""
    return [Listener(broadcast) for _ in range(number)]
