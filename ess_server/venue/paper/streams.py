"""Websocket connections of the paper venue: each listens to a channel, and all can be cut at once."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from aiohttp import WSMsgType, web


class Channel(Protocol):
    """One connection's side of a dialect."""

    def receive(self, text: str) -> Sequence[str]:
        """Take what the client sent, and return what is answered."""

    def news(self) -> Sequence[str]:
        """Return what is sent now without being asked for."""


class Streams:
    """The open connections; each is told news ``every`` so often."""

    def __init__(self, every: timedelta) -> None:
        self._every = every.total_seconds()
        self._open: set[asyncio.Transport] = set()

    def __len__(self) -> int:
        return len(self._open)

    def drop(self) -> int:
        """Cut all connections without a word; return how many there were."""
        dropped = tuple(self._open)
        for transport in dropped:
            transport.abort()
        return len(dropped)

    async def serve(self, request: web.BaseRequest, channel: Channel) -> web.StreamResponse:
        """Speak with one client until it is gone."""
        socket, transport = web.WebSocketResponse(), request.transport
        await socket.prepare(request)
        if transport is None:
            return socket
        self._open.add(transport)
        telling = asyncio.create_task(self._tell(socket, channel))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    for answer in channel.receive(message.data):
                        await socket.send_str(answer)
        except ConnectionError:
            pass
        finally:
            self._open.discard(transport)
            telling.cancel()
        return socket

    async def _tell(self, socket: web.WebSocketResponse, channel: Channel) -> None:
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                await asyncio.sleep(self._every)
                for text in channel.news():
                    await socket.send_str(text)
