"""``ess config``."""

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import click

from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import heed, plain, print_json, say
from ess_server.config.account_checks import looks_like_a_key
from ess_server.config.feeds import exchanges
from ess_server.config.load import ConfigError, load
from ess_server.config.settings import AccountSettings, Settings
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
    for note in (*_missing(settings), *_strangers(settings)):
        heed(f"note: {plain(note)}", colour="yellow")
    accounts, evaluators = _counted(settings.accounts, "account"), _counted(settings.evaluators, "evaluator")
    say(f"{plain(str(file))}: no mistakes; {accounts}, {evaluators}", colour="green")
    return Exit.OK


@config.command()
@FILE
@json_option
def show(file: Path, *, as_json: bool) -> Exit:
    """Print what FILE puts in force, defaults included; keys and secrets are never read."""
    settings = _without_keys(read(file))
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


def _missing(settings: Settings) -> Iterator[str]:
    tls = settings.server.tls
    named = [tls.certificate, tls.key, tls.client_ca] if tls else []
    named += [account.paper.ca_file for account in settings.accounts if account.paper]
    yield from (f"{path} does not exist yet" for path in named if path is not None and not _is_there(path))
    for account in settings.accounts:
        for key, path in _key_files(account).items():
            if not _is_there(path):
                # Without the name: it may be the key itself, pasted into the wrong place.
                yield f"account {account.id}: {key} names no file that can be found"


def _without_keys(settings: Settings) -> Settings:
    """Hide what stands where the name of a key's file should, names no file, and looks like the key itself."""
    accounts = (
        replace(
            account,
            api_key_file=_showable(account.api_key_file),
            secret_file=_showable(account.secret_file),
            passphrase_file=_showable(account.passphrase_file),
        )
        for account in settings.accounts
    )
    return replace(settings, accounts=tuple(accounts))


def _showable(path: Path | None) -> Path | None:
    if path is None:
        return None
    found = next(folder for folder in (path, *path.parents) if _is_there(folder))
    hidden = looks_like_a_key(str(path.relative_to(found)))
    return Path("not shown: it names no file, and looks like the key itself") if hidden else path


def _key_files(account: AccountSettings) -> dict[str, Path]:
    keys = ("api_key_file", "secret_file", "passphrase_file")
    return {key: path for key in keys if (path := getattr(account, key)) is not None}


def _is_there(path: Path) -> bool:
    # Unlike Path.exists, which raises for a name that is too long to be one.
    return os.path.exists(path)  # noqa: PTH110 - as above
