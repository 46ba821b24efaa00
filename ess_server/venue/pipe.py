"""The two ends of the venue process: lines from the server, and messages to it that never wait for anybody."""

import asyncio
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from ess_server.core.venue_wire import MAX_LINE_BYTES, Message, encode

MAX_WAITING = 1000
"""Messages that wait for a server that does not read; the oldest go first."""
_CHUNK = 65_536


class Inbox:
    """Reads lines on a thread of its own, so that the end of the server is noticed whatever the event loop does.

    ``on_line`` and ``on_end`` are called in the event loop. ``grace`` seconds after the end the process is ended
    from the thread, in case the event loop is stuck in somebody's library.
    """

    def __init__(
        self, fd: int, loop: asyncio.AbstractEventLoop, on_line: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._fd = fd
        self._loop = loop
        self._on_line = on_line
        self._on_end = on_end

    def start(self, grace: float) -> None:
        """Begin reading."""
        threading.Thread(target=self._read, args=(grace,), name="server pipe", daemon=True).start()

    def _read(self, grace: float) -> None:
        rest = b""
        while len(rest) <= MAX_LINE_BYTES:
            try:
                chunk = os.read(self._fd, _CHUNK)
            except OSError:
                break
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._call(self._on_line, line)
        self._call(self._on_end)
        time.sleep(grace)
        os._exit(0)

    def _call(self, function: Callable[..., None], *args: bytes) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is closed: the process is ending already.
            return


class Outbox:
    """Writes messages in the background. Of ``latest`` messages with the same key only the newest waits."""

    def __init__(self) -> None:
        self._latest: OrderedDict[str, Callable[[], Message | None]] = OrderedDict()
        self._queue: deque[Message] = deque(maxlen=MAX_WAITING)
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    def latest(self, key: str, message: Message) -> None:
        """Send this message in place of one that waits under the same key."""
        self.pull(key, lambda: message)

    def pull(self, key: str, make: Callable[[], Message | None]) -> None:
        """Send what ``make`` returns when its turn comes, in place of what waits under the same key.

        What its owner learns until then goes along, so nothing needs to be replaced unread. None sends nothing.
        """
        self._latest.pop(key, None)
        self._latest[key] = make
        self._wake()

    def put(self, message: Message) -> None:
        """Send this message after those that wait."""
        self._queue.append(message)
        self._wake()

    async def flush(self) -> None:
        """Wait until everything has been handed over."""
        await self._drained.wait()

    async def run(self, fd: int) -> None:
        """Write until cancelled. Raises ConnectionError when the server has closed its end."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(fd, "wb", 0))
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue or self._latest:
                message = self._queue.popleft() if self._queue else self._latest.popitem(last=False)[1]()
                if message is not None:
                    writer.write(encode(message))
                    await writer.drain()
            self._drained.set()

    def _wake(self) -> None:
        self._drained.clear()
        self._filled.set()
