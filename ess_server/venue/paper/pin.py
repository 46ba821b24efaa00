"""Sends unmodified exchange clients to a paper venue: every host name leads there, and only its CA is trusted.

Production URLs stay as they are, so a client's own error handling stays the production one, and no request can
leave the machine by mistake.
"""

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ess_server.core.venue_wire import PaperEndpoint

if TYPE_CHECKING:
    from requests import Session


class PinnedResolver(AbstractResolver):
    """Resolves every name to one address and port."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the paper venue's address, whatever was asked."""
        del port, family
        found = ResolveResult(
            hostname=host,
            host=self._host,
            port=self._port,
            family=socket.AF_INET6 if ":" in self._host else socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
        return [found]

    async def close(self) -> None:
        """Nothing to release."""


def open_session(ca_file: Path, host: str, port: int) -> aiohttp.ClientSession:
    """Return a session for ccxt's ``session=`` whose every connection ends at the paper venue.

    ``host`` is an IP address. Call it inside the running event loop and close what it returns: ccxt leaves sessions
    it was given open. Connections to IP addresses other than ``host`` are refused with OSError.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca_file))

    def make_socket(address: tuple[Any, ...]) -> socket.socket:
        if address[4][0] != host:
            raise OSError(errno.ENETUNREACH, f"pinned to {host}: no connection to {address[4][0]}")
        return socket.socket(address[0], address[1], address[2])

    connector = aiohttp.TCPConnector(
        resolver=PinnedResolver(host, port), ssl=context, socket_factory=make_socket, limit=100
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


@contextmanager
def lent_session(paper: PaperEndpoint | None) -> Iterator[aiohttp.ClientSession | None]:
    """Give a session to a client that is made inside the block, and that closes it; None where no paper venue is.

    If the block raises there is nobody to do so: it is closed here, without waiting, for nothing was sent by it yet.
    """
    session = None if paper is None else open_session(Path(paper.ca_file), paper.host, paper.port)
    try:
        yield session
    except BaseException:
        if session is not None:
            session.detach()
        raise


def pin_sync(exchange: Any, host: str, port: int, ca_file: Path) -> None:  # noqa: ANN401 - any synchronous ccxt exchange
    """Send a synchronous ccxt exchange (on ``requests``) to the paper venue; plain HTTP is refused."""
    from ess_server.venue.paper.pin_requests import PinnedAdapter, RefusingAdapter  # noqa: PLC0415 - requests is ccxt's

    session: Session = exchange.session
    session.trust_env = False
    session.mount("https://", PinnedAdapter(host, port, ca_file))
    session.mount("http://", RefusingAdapter())
