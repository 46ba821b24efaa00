"""``ess flatten --direct``: cancel and close when there is no server to do it."""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from ess_server.adapters.venue_process.holder import Holder, holder_of
from ess_server.cli.asking import ask
from ess_server.cli.config import read
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import by_option, json_option, utf8
from ess_server.cli.output import heed, plain
from ess_server.config.settings import AccountSettings, Settings
from ess_server.core.model import Action

LOCK_WITHIN = 2.0
"""Seconds in which the venue process of a server that was killed has ended by itself."""
_ACTIONS = {"cancel": Action.CANCEL, "flatten": Action.FLATTEN}
_TRIGGER = "ess trigger --action flatten"
_NEEDED = ("server", "accounts")
"""Tables of the configuration. A mistake elsewhere may be why no server runs; it must not keep positions open."""


@click.command(epilog=exit_help(Exit.OK, Exit.REFUSED, Exit.USAGE, Exit.INTERRUPTED))
@click.option("--direct", is_flag=True, help="without a server, straight on the venues")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="ESS_CONFIG",
    help="the server's configuration (ESS_CONFIG): accounts, and where their keys are",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    envvar="ESS_DATA_DIR",
    help="the server's data directory (ESS_DATA_DIR), if not the configuration's: for the lock, and for evidence",
)
@click.option("--account", "accounts", multiple=True, metavar="ID", help="only this account; may be repeated")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="only this symbol; may be repeated")
@click.option("--action", type=click.Choice(list(_ACTIONS)), default="flatten", show_default=True)
@click.option(
    "--yes-accounts", multiple=True, metavar="ID,ID", help="do not ask: every account that is meant, each by its name"
)
@by_option
@json_option
def flatten(
    *,
    direct: bool,
    config: Path | None,
    data_dir: Path | None,
    accounts: tuple[str, ...],
    symbols: tuple[str, ...],
    action: str,
    yes_accounts: tuple[str, ...],
    by: str,
    as_json: bool,
) -> Exit:
    """Cancel every order and close every position without a server, until the venues show them flat.

    For the hour when the server is what broke. It tells no gate and changes no latch: engines that ask no gate trade
    on. Where a server runs, it is `ess trigger --action flatten` that does this and stops the engines.

    Ctrl-C ends it, once nothing that was sent can act any more.
    """
    if not direct:
        raise _explained()
    if config is None:
        raise click.UsageError("name the server's configuration: --config FILE, or ESS_CONFIG")
    settings = read(config, only=_NEEDED)
    place = data_dir or settings.server.data_dir
    if place is None:
        raise click.UsageError("the configuration names no data directory: name the server's with --data-dir DIR")
    chosen = _chosen(settings, accounts)
    _check_lock(place, config)
    _confirm(chosen, symbols, action, yes_accounts)
    from ess_server.cli.direct import Wanted, carry_out  # noqa: PLC0415 - the venue's side; not needed to refuse

    # The end of a session must not end the closing; the venue process inherits it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ids = tuple(account.id for account in chosen)
    wanted = Wanted(settings, place, ids, tuple(utf8(s) for s in symbols), _ACTIONS[action], utf8(by))
    return asyncio.run(carry_out(wanted, as_json=as_json))


def _explained() -> CommandError:
    return CommandError(
        "a server that runs cancels and closes by itself, and stops the engines: that is what trigger does",
        Exit.USAGE,
        next_steps=(_TRIGGER, "only if no server runs: ess flatten --direct --config FILE"),
    )


def _chosen(settings: Settings, named: Sequence[str]) -> tuple[AccountSettings, ...]:
    """Return the accounts that are meant, all of them if none is named. Raises UsageError."""
    known = {account.id: account for account in settings.accounts}
    if not known:
        raise click.UsageError("the configuration has no account")
    for name in named:
        if name not in known:
            raise click.UsageError(f"there is no account {name!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(named or known))


def _check_lock(data_dir: Path, config: Path) -> None:
    """Refuse while a venue process works already. Raises CommandError."""
    if not data_dir.is_dir():
        step = f"name the server's data directory with --data-dir, or make one: mkdir -m 700 {data_dir}"
        raise CommandError(f"data directory {data_dir} does not exist", Exit.USAGE, next_steps=(step,))
    try:
        holder = _awaited(data_dir / "venue.lock")
    except OSError as error:
        step = "name another directory with --data-dir, once you know that no server runs"
        raise CommandError(
            f"{data_dir / 'venue.lock'} cannot be looked at ({error.strerror})", Exit.REFUSED, next_steps=(step,)
        ) from None
    if holder is not None:
        raise _held(holder, data_dir, config)


def _awaited(lock_file: Path) -> Holder | None:
    end = time.monotonic() + LOCK_WITHIN
    while (holder := holder_of(lock_file)) and time.monotonic() < end:
        time.sleep(0.05)
    return holder


def _held(holder: Holder, data_dir: Path, config: Path) -> CommandError:
    message = f"{data_dir / 'venue.lock'} is held by {holder.words}: two must not close against each other"
    again = f"then again: ess flatten --direct --config {config}"
    steps = (_TRIGGER, f"or, if it does not do its work: kill -KILL {holder.parent or holder.pid or 'PID'}; {again}")
    return CommandError(f"nothing was sent. {message}", Exit.REFUSED, next_steps=steps)


def _confirm(accounts: Sequence[AccountSettings], symbols: Sequence[str], action: str, named: Sequence[str]) -> None:
    """Let a person type the names of the accounts, unless they are given. Raises CommandError, UsageError."""
    wanted = {account.id for account in accounts}
    words = f"{action} {', '.join(symbols) if symbols else 'everything'} on {', '.join(sorted(wanted))}"
    if not named:
        if not sys.stdin.isatty():
            names = ",".join(sorted(wanted))
            raise click.UsageError(f"nobody can be asked here: to {words}, give --yes-accounts {names}")
        for account in accounts:
            where = "paper venue" if account.paper else "REAL"
            heed(plain(f"{account.id}  {account.venue}  {account.exchange}  {where}"))
        heed(f"to {plain(words)}, type the names of the accounts, with commas between them", colour="red")
        named = (ask("accounts"),)
    if not _names(named, wanted):
        message = f"nothing was sent: that does not name the accounts to {words}, each of them and no other"
        raise CommandError(message, Exit.REFUSED)


def _names(given: Sequence[str], wanted: set[str]) -> bool:
    # A name may hold a comma.
    return set(given) == wanted or {name.strip() for text in given for name in text.split(",")} == wanted
