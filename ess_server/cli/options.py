"""Options that several commands share."""

import getpass
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])


def json_option(command: C) -> C:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="print JSON for machines")(command)


def by_option(command: C) -> C:
    """Add ``--by``."""
    text = "who asks, if not the user of this shell"
    return click.option("--by", metavar="NAME", default=user_name, show_default=False, help=text)(command)


def user_name() -> str:
    """Return the name of the user who runs this, or the number of one who has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def utf8(text: str) -> str:
    """Return a text from the command line as the contract can carry it, whatever bytes it was typed in."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
