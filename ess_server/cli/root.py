"""The group of all commands, each loaded only when it is asked for."""

import importlib
import os
import signal
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

import click

from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.install import install_step
from ess_server.cli.output import heed
from ess_server.cli.target import target_defaults


class Entry(NamedTuple):
    """Where a command is, and what it is for."""

    module: str
    name: str
    text: str


COMMANDS: dict[str, Entry] = {
    "status": Entry("ess_server.cli.status", "status", "Show whether trading is stopped, and everything behind it."),
    "trigger": Entry("ess_server.cli.trigger", "trigger", "Stop trading."),
    "reset": Entry("ess_server.cli.reset", "reset", "Release a stop: trading is allowed again."),
    "hold": Entry("ess_server.cli.hold", "hold", "End cancelling and closing; trading stays blocked."),
    "watch": Entry("ess_server.cli.watch", "watch", "Print every change as it happens."),
    "subscribers": Entry("ess_server.cli.subscribers", "subscribers", "List the gates and what they have confirmed."),
    "events": Entry("ess_server.cli.events", "events", "List or verify the audit log."),
    "serve": Entry("ess_server.cli.serve", "serve", "Run the server."),
    "flatten": Entry("ess_server.cli.flatten", "flatten", "Cancel and close without a server, when it is what broke."),
    "config": Entry("ess_server.cli.config", "config", "Check a configuration, or show what it puts in force."),
    "doctor": Entry("ess_server.cli.doctor", "doctor", "Would the stop work? Ask the venues before it has to."),
    "replay": Entry("ess_server.cli.replay", "replay", "Run the evaluators over recorded data: what would they stop?"),
    "paper": Entry("ess_server.cli.paper", "paper", "Run a paper venue."),
    "demo": Entry("ess_server.cli.demo", "demo", "Show a stop from breach to reset on a paper venue."),
}


_RELOADING = {"serve"}
_CHANGING = {"trigger", "reset", "hold"}


class Commands(click.Group):
    """Looks commands up in the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Load a command; None if there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if cmd_name in _RELOADING:
            # Until it is heard: who asks for a reload while the server starts must not end it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            command: click.Command = getattr(importlib.import_module(entry.module), entry.name)
        except ModuleNotFoundError as missing:
            message = f"ess {cmd_name} needs {missing.name}, which is not installed"
            raise CommandError(message, Exit.USAGE, next_steps=(install_step("server", "venues"),)) from missing
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` begin with. Raises UsageError with the closest name."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean: ess {close[0]}" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the table, without loading a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.text) for name, entry in COMMANDS.items()])


@click.group(cls=Commands, epilog=exit_help(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="emergency-stop-system", message="ess %(version)s")
@target_defaults
def ess() -> None:
    """Emergency Stop System: stop trading, keep it stopped, tell every engine.

    In an emergency: ess trigger
    """


def run(arguments: Iterable[str]) -> int:
    """Run one command and return its exit code; expected failures are printed, never raised."""
    # gRPC's own log lines would stand among the answers.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    arguments = list(arguments)
    try:
        return int(ess.main(arguments, prog_name="ess", standalone_mode=False) or 0)
    except click.UsageError as error:
        return _wrong_use(error)
    except CommandError as error:
        error.show()
        return error.code
    except (click.Abort, KeyboardInterrupt):
        sent = "; what was sent may have happened, look with: ess status" if _CHANGING & set(arguments) else ""
        heed(f"ess: interrupted{sent}", colour="red")
        return Exit.INTERRUPTED


def _wrong_use(error: click.UsageError) -> int:
    error.show()
    if error.ctx is not None and error.ctx.info_name == "trigger":
        heed("Nothing was stopped. The shortest way to stop everything: ess trigger", colour="red")
    return Exit.USAGE
