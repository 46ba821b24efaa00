"""A TCP proxy on loopback whose line can be slow, silent or half open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.e2e.process import clock

CHUNK = 65536


@dataclass
class Proxy:
    """Forwards to ``port``. ``delay`` seconds lie between what comes in and what goes out, each way."""

    port: int
    delay: float = 0.0
    target: str = ""
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _servers: list[asyncio.StreamWriter] = field(default_factory=list)
    _half_open: bool = False

    def silence(self) -> float:
        """Let nothing through any more, in either direction, without an end of any connection; return when."""
        self._flowing.clear()
        return clock()

    def resume(self) -> float:
        """Let everything through again, what has waited first; return a time before that."""
        now = clock()
        self._flowing.set()
        self._half_open = False
        return now

    def half_open(self) -> float:
        """End every connection towards the server; clients are told nothing, now or later. Return when."""
        self._half_open = True
        for writer in self._servers:
            writer.transport.abort()
        self._servers.clear()
        return clock()

    async def serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """Forward one connection until it ends."""
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            server, asks = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            answers.transport.abort()
            return
        self._servers.append(asks)
        ways = [asyncio.create_task(self._way(client, asks)), asyncio.create_task(self._way(server, answers))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self._half_open:
                await asyncio.get_running_loop().create_future()
        finally:
            for way in ways:
                way.cancel()
            asks.transport.abort()
            answers.transport.abort()
            self._tasks.discard(task)

    async def _way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sending = asyncio.create_task(self._send(waiting, writer))
        try:
            with suppress(OSError):
                while data := await reader.read(CHUNK):
                    waiting.put_nowait((clock() + self.delay, data))
        finally:
            sending.cancel()

    async def _send(self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(due - clock())
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()

    def close(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """Open a proxy in front of a port."""
    proxy = Proxy(port)
    proxy.resume()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.close()
