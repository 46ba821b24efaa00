"""A connection that answers from a script and keeps what was asked: all of ccxt above it is real."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

VOLATILE = ("timestamp", "signature", "nonce", "recvWindow", "expiryTime")
Answer = Any
"""JSON, text that is sent as it is, or a function that makes one of these from what was asked."""


@dataclass(frozen=True)
class Sent:
    """A request."""

    method: str
    host: str
    path: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def line(self) -> str:
        """Method, host and path."""
        return f"{self.method} {self.host}{self.path}"

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same request the next time."""
        lasting = {k: v for k, v in self.params.items() if k not in VOLATILE}
        return self.line, json.dumps(lasting, sort_keys=True, default=str)

    def says(self, params: Mapping[str, Any]) -> bool:
        """Whether it has these parameters; one that is expected to be None must not be there.

        A name that begins with ``header `` is looked for among the headers.
        """
        told = {**self.params, **{f"header {name}": value for name, value in self.headers.items()}}
        return all(_same(told.get(name), value) for name, value in params.items())


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict | list) or isinstance(other, dict | list) or one is None or other is None:
        return one == other
    return str(one).lower() == str(other).lower()


class _Response:
    def __init__(self, wire: "Wire", status: int, body: str) -> None:
        self.status, self.reason, self.headers = status, "", {"Content-Type": "application/json"}
        self._wire = wire
        self._body = body

    async def __aenter__(self) -> Self:
        self._wire.under_way += 1
        self._wire.most_at_once = max(self._wire.most_at_once, self._wire.under_way)
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """The request has ended."""
        self._wire.under_way -= 1

    async def text(self, errors: str = "") -> str:
        """Return the body."""
        assert errors == "replace"
        return self._body


class Wire:
    """Stands for aiohttp's session. ``answers`` are by path; ``instead`` replaces the answer to one very request."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.instead: dict[tuple[str, str], Answer] = {}
        self.sent: list[Sent] = []
        self.closed = False
        self.under_way = self.most_at_once = 0
        self.headers: dict[str, str] = {}

    def get(self, url: Any, **request: Any) -> _Response:
        """Answer a GET."""
        return self._answer("GET", str(url), request["data"], request["headers"])

    def post(self, url: Any, **request: Any) -> _Response:
        """Answer a POST."""
        return self._answer("POST", str(url), request["data"], request["headers"])

    def delete(self, url: Any, **request: Any) -> _Response:
        """Answer a DELETE."""
        return self._answer("DELETE", str(url), request["data"], request["headers"])

    async def close(self) -> None:
        """Nothing to close."""
        self.closed = True

    def taken(self) -> list[Sent]:
        """Return what was asked since the last time, and forget it."""
        sent, self.sent = self.sent, []
        return sent

    def _answer(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> _Response:
        place, _, query = url.partition("?")
        host, _, path = place.removeprefix("https://").partition("/")
        params = dict(parse_qsl(query, keep_blank_values=True)) | _body(data)
        sent = Sent(method, host, f"/{path}", params, headers)
        self.sent.append(sent)
        answer = self.instead.get(sent.key, self.answers.get(sent.path))
        assert answer is not None, f"nothing answers {sent.line} {params}"
        if callable(answer):
            answer = answer(sent)
        status, answer = answer if isinstance(answer, tuple) else (200, answer)
        return _Response(self, status, answer if isinstance(answer, str) else json.dumps(answer))


def _body(data: bytes | None) -> dict[str, Any]:
    text = (data or b"").decode()
    if text.startswith("{"):
        return dict(json.loads(text))
    if text.startswith("["):
        return {"items": json.loads(text)}
    if text.startswith("json="):
        return dict(json.loads(text.removeprefix("json=")))
    return dict(parse_qsl(text, keep_blank_values=True))
