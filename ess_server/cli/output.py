"""Text for people and JSON for machines."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import click
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

STOPPED = "TRADING STOPPED (ESS ACTIVE)"
ALLOWED = "Trading is allowed"


def say(text: str, *, colour: str | None = None, bold: bool = False) -> None:
    """Print a result."""
    click.secho(text, fg=colour, bold=bold or None, color=_colours())


def heed(text: str, *, colour: str | None = None) -> None:
    """Print what is no result on stderr: progress, warnings, errors, the next command."""
    click.secho(text, fg=colour, err=True, color=_colours())


def tinted(text: str, colour: str) -> str:
    """Return a text in a colour if stderr shows colours, for what goes there by another way than ``heed``."""
    shows = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return click.style(text, fg=colour) if shows else text


def verdict(text: str, *, allowed: bool) -> None:
    """Print a sentence on the state in green or red, led by the words everybody knows."""
    words = ALLOWED if allowed else STOPPED
    sentence = plain(text)
    say(sentence if words in sentence else f"{words}. {sentence}", colour="green" if allowed else "red", bold=True)


def print_json(value: Message | Mapping[str, Any], *, one_line: bool = False) -> None:
    """Print JSON with the contract's field names; fields without presence are always there, ``durable`` too."""
    document = as_document(value) if isinstance(value, Message) else value
    click.echo(json.dumps(document, indent=None if one_line else 2, default=str))


def as_document(message: Message) -> dict[str, Any]:
    """Return a message as JSON would have it."""
    document: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return document


def plain(text: str) -> str:
    """Return a text without control characters: what others wrote must not steer the terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def time_text(stamp: Timestamp) -> str:
    """Return a time in UTC to the second, empty for none."""
    return f"{stamp.ToDatetime(UTC):%Y-%m-%d %H:%M:%S}" if stamp.seconds else ""


def seconds(duration: Duration) -> float:
    """Return a duration in seconds."""
    return float(duration.seconds + duration.nanos / 1e9)


def millis(duration: Duration) -> str:
    """Return a duration in milliseconds, as people read it."""
    return f"{seconds(duration) * 1000:.3g} ms" if seconds(duration) < 1 else f"{seconds(duration):.3g} s"


def name_of(enum: Any, value: int) -> str:  # noqa: ANN401 - generated enumerations have no common type
    """Return a value of the contract without its prefix; a number if this version does not know it."""
    prefix = str(enum.Name(0)).removesuffix("UNSPECIFIED")
    return str(enum.Name(value)).removeprefix(prefix) if value in enum.values() else str(value)


def _colours() -> bool | None:
    """No colours if NO_COLOR says so, else those that the stream can show."""
    return False if os.environ.get("NO_COLOR") else None
