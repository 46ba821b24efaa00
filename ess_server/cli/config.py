"""``ess config``."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

import click

from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import heed, plain, print_json, say
from ess_server.config.feeds import exchanges
from ess_server.config.load import ConfigError, load
from ess_server.config.settings import Settings
from ess_server.config.show import document
from ess_server.config.show import show as shown
from ess_server.core.errors import EssError
from ess_server.core.venue_feeds import FeedSource

FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group(epilog=exit_help(Exit.OK, Exit.USAGE))
def config() -> None:
    """Check a configuration, or show what it puts in force."""


@config.command()
@FILE
def check(file: Path) -> Exit:
    """Name every mistake in FILE."""
    from ess_server.app import check_listen  # noqa: PLC0415 - the whole server; the other commands start fast

    settings = read(file)
    try:
        check_listen(settings.server)
    except EssError as error:
        raise CommandError(f"{file}: {error}", Exit.USAGE) from None
    for note in (*(f"{path} does not exist yet" for path in _missing(settings)), *_strangers(settings)):
        heed(f"note: {plain(note)}", colour="yellow")
    accounts, evaluators = _counted(settings.accounts, "account"), _counted(settings.evaluators, "evaluator")
    say(f"{plain(str(file))}: no mistakes; {accounts}, {evaluators}", colour="green")
    return Exit.OK


@config.command()
@FILE
@json_option
def show(file: Path, *, as_json: bool) -> Exit:
    """Print what FILE puts in force, defaults included; keys and secrets are never read."""
    settings = read(file)
    if as_json:
        print_json(document(settings))
    else:
        say(shown(settings).rstrip("\n"))
    return Exit.OK


def read(file: Path, *, only: Collection[str] = ()) -> Settings:
    """Return the settings in a file, or in ``only`` these tables of it.

    Raises CommandError with a line for every mistake.
    """
    try:
        return load(file, only=only)
    except ConfigError as error:
        if len(error.problems) == 1:
            raise CommandError(str(error), Exit.USAGE) from None
        lines = tuple(str(p) for p in error.problems)
        raise CommandError(f"{file} has {len(lines)} mistakes", Exit.USAGE, lines=lines) from None


def _counted(things: Collection[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _strangers(settings: Settings) -> Iterator[str]:
    # No mistake: another version of the library may drop an exchange, and the other accounts need their server.
    known = exchanges(FeedSource.REST)
    for account in settings.accounts:
        if known and account.exchange not in known:
            close = get_close_matches(account.exchange, known, 1)
            hint = f"did you mean {close[0]}?" if close else "docs/venues.md has those with a plan"
            yield f'account {account.id}: no stop can work, for ccxt has no exchange "{account.exchange}"; {hint}'


def _missing(settings: Settings) -> Iterator[Path]:
    tls = settings.server.tls
    named = [tls.certificate, tls.key, tls.client_ca] if tls else []
    for account in settings.accounts:
        named += [account.api_key_file, account.secret_file, account.passphrase_file]
        named += [account.paper.ca_file] if account.paper else []
    yield from (path for path in named if path is not None and not path.exists())
