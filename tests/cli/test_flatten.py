"""``ess flatten``: what it asks, and what it refuses before anything is sent."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ess_server.adapters.venue_process.holder import holder_of
from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import Ended, ess_on_terminal, eventually

ACCOUNT = """
[[accounts]]
id = "{id}"
venue = "binance"
exchange = "binanceusdm"
api_key_env = "KEY"
secret_env = "SECRET"
paper = {{ address = "127.0.0.1:{port}", ca_file = "ca.pem" }}
"""


@pytest.fixture
def asked() -> Iterator[socket.socket]:
    """A venue that nobody may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as venue:
        venue.setblocking(False)
        yield venue


@pytest.fixture
def config(tmp_path: Path, asked: socket.socket) -> Path:
    """A configuration with two accounts on that venue."""
    file = tmp_path / "ess.toml"
    accounts = "".join(ACCOUNT.format(id=id_, port=asked.getsockname()[1]) for id_ in ("main", "hedge"))
    file.write_text(f'[server]\ndata_dir = "data"\n{accounts}')
    (tmp_path / "data").mkdir()
    return file


def nothing_was_sent(venue: socket.socket, place: Path) -> bool:
    """Whether no connection came, and no venue process was started."""
    with pytest.raises(BlockingIOError):
        venue.accept()
    return not list((place / "data").iterdir())


def test_without_direct_it_says_what_to_do(here: Here, config: Path) -> None:
    """Where a server runs, trigger is the way; the message names it, and nothing is done."""
    done = here("flatten", "--config", config)

    assert done.code == Exit.USAGE
    assert "next: ess trigger --action flatten" in done.err
    assert "ess flatten --direct --config FILE" in done.err


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ((), Exit.USAGE),
        (("--yes-accounts", "main"), Exit.REFUSED),
        (("--yes-accounts", "main,hedge,other"), Exit.REFUSED),
        (("--yes-accounts", ""), Exit.REFUSED),
        (("--yes-accounts", "all"), Exit.REFUSED),
        (("--account", "main", "--yes-accounts", "main,hedge"), Exit.REFUSED),
        (("--account", "none", "--yes-accounts", "none"), Exit.USAGE),
        (("--yes",), Exit.USAGE),
    ],
)
def test_a_script_must_name_every_account_and_no_other(
    here: Here, config: Path, asked: socket.socket, named: tuple[str, ...], code: Exit
) -> None:
    """Anything but the very accounts that are meant sends nothing."""
    done = here("flatten", "--direct", "--config", config, *named)

    assert done.code == code, done.err
    assert nothing_was_sent(asked, config.parent)


def test_a_script_is_told_what_to_name(here: Here, config: Path) -> None:
    """Where nobody can be asked, the refusal holds the option to give."""
    done = here("flatten", "--direct", "--config", config, "--symbol", "BTC/USDT:USDT", "--action", "cancel")

    assert "to cancel BTC/USDT:USDT on hedge, main, give --yes-accounts hedge,main" in done.err


def test_a_person_who_types_something_else_sends_nothing(config: Path, asked: socket.socket) -> None:
    """The accounts are shown, and that one answers yes is not enough."""
    done = _typed(config, "yes")

    assert done.code == Exit.REFUSED
    assert "main  binance  binanceusdm  paper venue" in done.out
    assert "nothing was sent" in done.out
    assert nothing_was_sent(asked, config.parent)


def test_a_person_who_leaves_at_the_question_is_told_that_nothing_was_sent(config: Path, asked: socket.socket) -> None:
    """Whoever presses Ctrl-C or ends the input instead of naming accounts need not wonder."""
    done = _typed(config, "\x04")

    assert done.code == Exit.INTERRUPTED
    assert "ess: interrupted: nothing was sent" in done.out
    assert nothing_was_sent(asked, config.parent)


def test_a_data_directory_that_is_not_there_is_not_made(here: Here, config: Path) -> None:
    """A mistyped one would hold no lock that a running server knows of."""
    done = here(
        "flatten", "--direct", "--config", config, "--data-dir", config.parent / "dta", "--yes-accounts", "main,hedge"
    )

    assert done.code == Exit.USAGE
    assert "mkdir -m 700" in done.err
    assert not (config.parent / "dta").exists()


@pytest.mark.parametrize("arguments", [("--data-dir", "."), ("--config", "{config}")])
def test_it_must_know_accounts_and_data_directory(here: Here, tmp_path: Path, arguments: tuple[str, str]) -> None:
    """Without a configuration there is nothing to close; without a directory neither lock nor evidence."""
    file = tmp_path / "bare.toml"
    file.write_text(ACCOUNT.format(id="main", port=1))

    done = here("flatten", "--direct", "--yes-accounts", "main", *(a.format(config=file) for a in arguments))

    assert done.code == Exit.USAGE


def test_a_mistake_elsewhere_in_the_configuration_does_not_keep_positions_open(here: Here, config: Path) -> None:
    """Evaluators, their code, feeds and what nobody knows are not looked at: they may be why no server runs."""
    text = config.read_text()
    config.write_text(f'unknown = 1\npython_path = ["gone"]\n{text}\n[[evaluators]]\nkind = "gone:Gone"\n')

    assert here("config", "check", config).code == Exit.USAGE
    assert here("flatten", "--direct", "--config", config, "--yes-accounts", "main").code == Exit.REFUSED
    config.write_text(text.replace("binanceusdm", "Binance"))
    done = here("flatten", "--direct", "--config", config, "--yes-accounts", "main")
    assert (done.code, "exchange" in done.err) == (Exit.USAGE, True)


def test_whoever_holds_the_lock_is_named(here: Here, config: Path) -> None:
    """The process, what started it, and what to do if that does not do its work."""
    lock = config.parent / "data" / "venue.lock"
    code = (
        "import fcntl, os, sys\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(os.getpid(), file=file, flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, lock], stdin=subprocess.PIPE)
    try:
        eventually(lambda: lock.exists() and lock.read_text())
        holder = holder_of(lock)
        done = here("flatten", "--direct", "--config", config, "--yes-accounts", "main,hedge")
    finally:
        child.kill()
        child.communicate()

    assert holder is not None
    assert (holder.pid, holder.parent) == (child.pid, os.getpid())
    assert done.code == Exit.REFUSED
    assert f"is held by process {child.pid}, the venue process of {os.getpid()}" in done.err
    assert f"kill -KILL {os.getpid()}" in done.err
    assert holder_of(lock) is None


def test_a_holder_of_whom_nothing_is_known_is_one_all_the_same(tmp_path: Path) -> None:
    """Without a number in the file the lock is held by another process, and not by nobody."""
    lock = tmp_path / "venue.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        holder = holder_of(lock)

    assert holder is not None
    assert holder.words == "another process"


def _typed(config: Path, answer: str) -> Ended:
    return ess_on_terminal("flatten", "--direct", "--config", str(config), answers={"accounts: ": answer})
