"""The revision that a person has looked at: named, or shown and confirmed on a terminal."""

import sys
from dataclasses import dataclass

import click

from ess_server.cli.asking import agreed, ask
from ess_server.cli.connection import Remote
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit
from ess_server.cli.output import heed
from ess_server.cli.status import show


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A revision; ``store_id`` is empty if the person named it without looking here."""

    revision: int
    store_id: str = ""


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def look(remote: Remote, command: str, revision: int | None) -> LookedAt:
    """Return ``revision`` if it is named, else show the state and return its own.

    Raises CommandError where nobody looks: with the revision in force, for whoever does.
    """
    if revision is not None:
        return LookedAt(revision)
    state = remote.asking(Remote.state)
    if not is_terminal():
        now = state.state.revision
        step = f"{remote.target.ess} {command} --revision {now} --reason 'why it is safe'"
        message = f"--revision is required where nobody can be asked: the one you have looked at; now in force is {now}"
        raise CommandError(message, Exit.USAGE, next_steps=(f"{remote.target.ess} status", step))
    show(state)
    return LookedAt(state.state.revision, state.state.store_id)


def reason_given(reason: str, question: str) -> str:
    """Return the reason, asked for if there is none. Raises UsageError where nobody can be asked."""
    if reason.strip():
        return reason
    if not is_terminal():
        raise click.UsageError("--reason is required: say why it is safe, it goes into the audit log")
    return ask(question)


def confirmed(question: str, *, yes: bool, looked: LookedAt) -> bool:
    """Whether the person agrees; not asked with ``yes``, nor if the revision was named."""
    if yes or not looked.store_id:
        return True
    if agreed(question):
        return True
    heed("nothing was changed")
    return False
