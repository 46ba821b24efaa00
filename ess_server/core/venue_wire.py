"""The line between server and venue process: how messages travel, whatever they say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ess_server.core.errors import EssError

MAX_LINE_BYTES = 1 << 23
"""Longest line either side accepts; a longer one ends the connection."""
ALIVE_EVERY = timedelta(seconds=1)

Message = dict[str, Any]


class LinkError(EssError):
    """The other side sent what is not part of the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperEndpoint:
    """A paper venue to talk to instead of the exchange; ``host`` is an IP address."""

    host: str
    port: int
    ca_file: str


def encode(message: Mapping[str, Any]) -> bytes:
    """Return one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Read one line. Raises LinkError."""
    try:
        message = json.loads(line)
    except ValueError:
        raise LinkError("a line is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise LinkError("a message is not an object with a type")
    return message
