"""What else could tell a crowd: Redis, NATS and etcd, each with its own durable write before it tells anybody.

They are Debian's packages, started here on free ports of this machine; what is not installed is left out, and said.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

PACKAGES = {"redis-server": "redis-server", "nats-server": "nats-server", "etcd": "etcd-server"}
"""Package of each program."""
STARTS_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that tells subscribers, and how it is told: ``tell`` writes durably, then publishes a token."""

    kind: str
    port: int
    pid: int
    tell: Callable[[str], None]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str) -> str | None:
    """Return where a program is, Debian's place for servers included."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def missing() -> list[str]:
    """Return the packages that are not installed."""
    return [package for name, package in PACKAGES.items() if program(name) is None]


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            found = socket.create_connection(("127.0.0.1", port), timeout=STARTS_WITHIN)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return found


@contextmanager
def _running(*command: str) -> Iterator[int]:
    files = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(command, **files)
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


def _command(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)


@contextmanager
def redis(folder: Path) -> Iterator[Peer]:
    """SET with ``appendfsync always``, then PUBLISH."""
    port = free_port()
    options = "--bind 127.0.0.1 --save --appendonly yes --appendfsync always --maxclients 20000 --loglevel warning"
    command = [str(program("redis-server")), "--port", str(port), "--dir", str(folder), *options.split(" ")]
    command.insert(command.index("--save") + 1, "")
    with _running(*command) as pid, _connected(port) as line:

        def tell(token: str) -> None:
            for words in (("SET", "stop", token), ("PUBLISH", "stop", token)):
                line.sendall(_command(*words))
                line.recv(1 << 16)

        yield Peer("redis", port, pid, tell)


@contextmanager
def nats(folder: Path) -> Iterator[Peer]:
    """A line appended to a file and synced, then PUB; JetStream of this version does not sync every write."""
    port = free_port()
    with (
        _running(str(program("nats-server")), "-a", "127.0.0.1", "-p", str(port)) as pid,
        _connected(port) as line,
        (folder / "written").open("ab", buffering=0) as file,
    ):
        line.recv(1 << 16)
        line.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
        line.recv(1 << 16)

        def tell(token: str) -> None:
            file.write(token.encode() + b"\n")
            os.fdatasync(file.fileno())
            line.sendall(b"PUB stop %d\r\n%s\r\n" % (len(token), token.encode()))

        yield Peer("nats", port, pid, tell)


@contextmanager
def etcd(folder: Path) -> Iterator[Peer]:
    """A put, which one node writes and syncs before its watchers hear of it."""
    port, other = free_port(), free_port()
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}"
    options = {
        "data-dir": str(folder),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    with _running(str(program("etcd")), *words) as pid, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(STARTS_WITHIN)
        put = channel.unary_unary("/etcdserverpb.KV/Put", request_serializer=None, response_deserializer=None)

        def tell(token: str) -> None:
            put(b"\x0a\x04stop\x12" + bytes((len(token),)) + token.encode(), timeout=STARTS_WITHIN)

        tell("first")
        yield Peer("etcd", port, pid, tell)


@contextmanager
def all_peers(folder: Path) -> Iterator[list[Peer]]:
    """Run those that are installed, each with a place of its own on the disk."""
    known = {"redis-server": redis, "nats-server": nats, "etcd": etcd}
    with ExitStack() as stack:
        found = []
        for name, start in known.items():
            if program(name):
                place = folder / name
                place.mkdir()
                found.append(stack.enter_context(start(place)))
        yield found
