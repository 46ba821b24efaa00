"""A crowd of lean subscribers in one process: raw sockets, one epoll, a stamp for each message that arrives.

``python -m tests.bench.crowd KIND PORT`` obeys lines on stdin and answers each with a line of JSON: ``grow N`` opens
connections until N have heard their server; ``await TOKEN`` stamps the wall clock where TOKEN first arrives on each.
With ``return`` they come back by themselves when the server goes, as gates do, after a wait that is drawn.
"""

import errno
import json
import os
import random
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ess_client._session import FIRST_BACKOFF, MAX_BACKOFF
from tests.bench.wires import Kinds, Lost, Wire

OPENING = 100
"""Connections that are being opened at the same time: below every server's backlog."""
LARGEST = 1 << 16
READABLE = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR
TAIL = 64
"""Bytes kept of what came before, so that a token which was split is found; tokens are shorter."""


@dataclass(slots=True)
class Member:
    """One subscriber: its socket, what it speaks, and how often it has tried in vain."""

    wire: Wire
    connection: socket.socket
    tail: bytes = b""
    attempts: int = 0
    is_ready: bool = False


@dataclass(slots=True)
class Crowd:
    """All subscribers of one kind. ``stamps`` are those of the token that is awaited, by socket."""

    kind: str
    port: int
    returning: bool
    members: dict[int, Member] = field(default_factory=dict)
    stamps: dict[int, float] = field(default_factory=dict)
    token: bytes = b""
    wanted: int = 0
    ready: int = 0
    lost: int = 0
    ready_at: list[float] = field(default_factory=list)
    _waiting: list[tuple[float, int]] = field(default_factory=list)
    _epoll: select.epoll = field(default_factory=select.epoll)

    def run(self) -> None:
        """Obey until stdin ends."""
        commands = sys.stdin.fileno()
        os.set_blocking(commands, False)
        self._epoll.register(commands, select.EPOLLIN)
        answer: Iterator[str | None] = iter(())
        while True:
            self._open()
            for number, what in self._epoll.poll(0.005, 4096):
                if number != commands:
                    self._heard(number, what)
                    continue
                line = os.read(commands, 4096).decode().split()
                if not line:
                    return
                answer = self._obey(line)
            text = next(answer, None)
            if text is not None:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()

    def _obey(self, words: list[str]) -> Iterator[str | None]:
        """Begin what a line asks for; yields None until it is done, then the answer."""
        name, value = words
        began = time.time()
        if name == "grow":
            self.wanted = int(value)
            while self.ready < self.wanted:
                yield None
            yield json.dumps({"seconds": time.time() - began, "lost": self.lost})
        elif name == "await":
            self.token, self.stamps, cpu = value.encode(), {}, time.process_time()
            yield json.dumps({"awaiting": value})
            while len(self.stamps) < self.ready:
                yield None
            yield json.dumps({"stamps": sorted(self.stamps.values()), "cpu": time.process_time() - cpu})
        elif name == "back":
            self.ready_at = []
            yield json.dumps({"awaiting": value})
            while len(self.ready_at) < int(value):
                yield None
            yield json.dumps({"stamps": sorted(self.ready_at)})

    def _open(self) -> None:
        while len(self.members) + len(self._waiting) < self.wanted and len(self.members) - self.ready < OPENING:
            self._connect(0)
        if self._waiting:
            now = time.time()
            due = [w for w in self._waiting if w[0] <= now]
            self._waiting = [w for w in self._waiting if w[0] > now]
            for _, attempts in due:
                self._connect(attempts)

    def _connect(self, attempts: int) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if connection.connect_ex(("127.0.0.1", self.port)) not in (0, errno.EINPROGRESS):
            raise OSError(f"port {self.port} cannot be reached")
        self.members[connection.fileno()] = Member(Kinds().made[self.kind](), connection, attempts=attempts)
        self._epoll.register(connection.fileno(), READABLE | select.EPOLLOUT)

    def _heard(self, number: int, what: int) -> None:
        member = self.members[number]
        try:
            if what & select.EPOLLOUT:
                member.connection.sendall(member.wire.hello)
                self._epoll.modify(number, READABLE)
            if what & READABLE:
                self._take(number, member, os.read(number, LARGEST))
        except (OSError, Lost) as error:
            self._gone(number, member, error)

    def _take(self, number: int, member: Member, data: bytes) -> None:
        now = time.time()
        if self.token and number not in self.stamps:
            if self.token in data or self.token in member.tail + data:
                self.stamps[number] = now
            member.tail = data[-TAIL:]
        if not data:
            raise Lost("the connection was closed")
        answer = member.wire.heard(data)
        if answer:
            member.connection.sendall(answer)
        if member.wire.ready and not member.is_ready:
            member.is_ready, member.attempts = True, 0
            self.ready += 1
            self.ready_at.append(now)

    def _gone(self, number: int, member: Member, error: Exception) -> None:
        if not self.returning:
            raise SystemExit(f"a subscriber of {self.kind} was lost: {error}")
        self.lost += 1
        self.ready -= member.is_ready
        self._epoll.unregister(number)
        member.connection.close()
        del self.members[number]
        limit = min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(member.attempts, 10))
        self._waiting.append((time.time() + random.uniform(0, limit), member.attempts + 1))


def main(arguments: list[str]) -> None:
    """Be the crowd that the command line names."""
    kind, port, *rest = arguments
    Crowd(kind, int(port), "return" in rest).run()


if __name__ == "__main__":
    main(sys.argv[1:])
