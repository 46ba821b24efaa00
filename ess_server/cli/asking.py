"""Questions to a person at a terminal."""

import click

from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit
from ess_server.cli.output import heed


def ask(question: str) -> str:
    """Return what the person types. Raises CommandError for Ctrl-C and the end of the input: nothing was sent yet."""
    try:
        answer: str = click.prompt(question, err=True)
    except click.Abort:
        raise _nothing_sent() from None
    return answer


def agreed(question: str) -> bool:
    """Whether the person says yes. Raises CommandError as ``ask``."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        raise _nothing_sent() from None


def _nothing_sent() -> CommandError:
    # Behind the question and the ^C that the terminal shows.
    heed("")
    return CommandError("interrupted: nothing was sent", Exit.INTERRUPTED)
