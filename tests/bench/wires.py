"""What a subscriber says and hears on each wire, as bytes: gRPC over HTTP/2, Redis, NATS.

No client library stands between the socket and the stamp: of what arrives only frames that want an answer are read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

_DATA, _SETTINGS, _PING, _GOAWAY = 0x0, 0x4, 0x6, 0x7
_ACK = 0x1
_END_STREAM, _END_HEADERS = 0x1, 0x4
_LARGEST_WINDOW = 2**31 - 1
_FIRST_WINDOW = 65_535
_FRAME_HEADER = 9


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return one HTTP/2 frame (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _literal(text: str) -> bytes:
    """Return a header name or value as HPACK writes it plainly (RFC 7541, section 5.2); at most 126 bytes."""
    assert len(text) < 127
    return bytes((len(text),)) + text.encode()


def _headers(path: str) -> bytes:
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "bench",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(b"\0" + _literal(name) + _literal(value) for name, value in fields.items())


def grpc_hello(path: str, request: bytes, *, closes: bool) -> bytes:
    """Return all that a client sends to open one stream of ``path``; with windows that never run full.

    ``closes`` tells that nothing follows the request, as in a call that streams only its answers.
    """
    settings = (4).to_bytes(2, "big") + _LARGEST_WINDOW.to_bytes(4, "big")
    message = b"\0" + len(request).to_bytes(4, "big") + request
    return b"".join(
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            frame(_SETTINGS, 0, 0, settings),
            frame(0x8, 0, 0, (_LARGEST_WINDOW - _FIRST_WINDOW).to_bytes(4, "big")),
            frame(0x1, _END_HEADERS, 1, _headers(path)),
            frame(_DATA, _END_STREAM if closes else 0, 1, message),
        )
    )


class Lost(Exception):  # noqa: N818 - as in conversation
    """The server gave this subscriber up."""


@dataclass(slots=True)
class Grpc:
    """One HTTP/2 connection: answers settings and pings, and notes when the stream has begun to speak."""

    hello: bytes
    ready: bool = False
    _rest: bytes = b""

    def heard(self, data: bytes) -> bytes:
        """Take in what arrived; return what has to be answered. Raises Lost."""
        data, at, answers = self._rest + data, 0, b""
        while len(data) - at >= _FRAME_HEADER:
            end = at + _FRAME_HEADER + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            kind, flags = data[at + 3], data[at + 4]
            if kind == _DATA:
                self.ready = True
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                payload = data[at + _FRAME_HEADER : end] if kind == _PING else b""
                answers += frame(kind, _ACK, 0, payload)
            elif kind == _GOAWAY:
                raise Lost(repr(data[at:end]))
            at = end
        self._rest = data[at:]
        return answers


@dataclass(slots=True)
class Text:
    """A connection that is ready once ``welcome`` was heard, and pongs where it is pinged."""

    hello: bytes
    welcome: bytes
    ready: bool = False
    _heard: bytes = b""

    def heard(self, data: bytes) -> bytes:
        """Take in what arrived; return what has to be answered."""
        if not self.ready:
            self._heard += data
            self.ready = self.welcome in self._heard
        return b"PONG\r\n" if b"PING\r\n" in data else b""


Wire = Grpc | Text


def ess(name: bytes = b"") -> Wire:
    """A watcher of the stop state; ``name`` as in the configuration, empty for one that is not counted."""
    request = b"\x0a" + bytes((len(name),)) + name if name else b""
    return Grpc(grpc_hello("/ess.v1.EmergencyStopService/WatchState", request, closes=True))


def etcd() -> Wire:
    """A watch of the key ``stop``: WatchRequest{create_request{key}}."""
    create = b"\x0a\x04stop"
    return Grpc(grpc_hello("/etcdserverpb.Watch/Watch", b"\x0a" + bytes((len(create),)) + create, closes=False))


def redis() -> Wire:
    """A subscriber of the channel ``stop``."""
    return Text(b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nstop\r\n", b":1\r\n")


def nats() -> Wire:
    """A subscriber of the subject ``stop``."""
    return Text(b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB stop 1\r\nPING\r\n', b"PONG\r\n")


@dataclass(frozen=True, slots=True)
class Kinds:
    """How each kind of subscriber is made, by its name on the command line."""

    made: dict[str, Callable[[], Wire]] = field(
        default_factory=lambda: {"ess": ess, "etcd": etcd, "redis": redis, "nats": nats}
    )
