"""How a command says that it failed: one sentence, then what to type next."""

import click

from ess_server.cli.exits import Exit
from ess_server.cli.output import heed, plain


class CommandError(click.ClickException):
    """A command failed as expected. ``lines`` follow the message, ``next_steps`` are commands to type."""

    def __init__(
        self, message: str, code: Exit = Exit.REFUSED, *, next_steps: tuple[str, ...] = (), lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.lines = lines
        self.next_steps = next_steps

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature; errors go to stderr
        """Print it."""
        heed(f"ess: {plain(self.format_message())}", colour="red")
        for line in self.lines:
            heed(f"  {plain(line)}")
        for step in self.next_steps:
            heed(f"next: {plain(step)}")
