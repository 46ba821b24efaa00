"""What all commands share: help, options, exit codes, and what is loaded for what."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ess_server.cli.exits import MEANINGS, Exit
from ess_server.cli.root import COMMANDS
from tests.cli.conftest import Here
from tests.cli.running import ESS, environment

NOBODY = "127.0.0.1:9"


def loaded_after(code: str) -> set[str]:
    """Run Python code in a process of its own and return the modules that it has loaded."""
    program = f"import sys\n{code}\nprint('\\n' + '\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, env=environment(), check=True
    )
    return set(done.stdout.split())


def test_help_names_every_command_and_every_exit_code(here: Here) -> None:
    """The first page is complete: all commands of the table, all exit codes with their meaning."""
    done = here("--help")

    assert done.code == Exit.OK
    assert all(f"  {name} " in done.out for name in COMMANDS)
    assert all(f"{code.value}  {meaning}" in done.out for code, meaning in MEANINGS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
def test_every_command_explains_itself(name: str, here: Here) -> None:
    """Every command of the table can be loaded and has a help page."""
    done = here(name, "--help")

    assert (done.code, done.err) == (Exit.OK, "")
    assert done.out.startswith(f"Usage: ess {name}")


def test_help_loads_no_command() -> None:
    """Looking at the commands does not wait for what they need."""
    assert not {"grpc", "rich", "cattrs"} & loaded_after("from ess_server.cli.root import run; run(['--help'])")


def test_a_trigger_loads_neither_tables_nor_venues() -> None:
    """The command that must be fast loads nothing that it does not need."""
    loaded = loaded_after("import ess_server.cli.trigger")

    assert "grpc" in loaded
    assert not {"rich", "ccxt", "aiohttp", "cattrs", "opentelemetry", "ess_server.service"} & loaded


def test_the_server_loads_neither_tables_nor_venues() -> None:
    """The server's process stays small: no rich, no ccxt, no HTTP client."""
    assert not {"rich", "ccxt", "aiohttp", "trustme"} & loaded_after("import ess_server.cli.serve")


def test_a_slip_in_a_command_is_answered_with_the_right_one(here: Here) -> None:
    """An unknown command ends with 2 and names the closest one."""
    done = here("statsu")

    assert done.code == Exit.USAGE
    assert "did you mean: ess status" in done.err


def test_wrong_use_of_trigger_says_that_nothing_was_stopped(here: Here) -> None:
    """Whoever meant to stop and mistyped is told so, with the shortest command that works."""
    done = here("trigger", "--actoin", "block")

    assert done.code == Exit.USAGE
    assert "Nothing was stopped" in done.err
    assert done.err.rstrip().endswith("ess trigger")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--target", NOBODY, "status"),
        ("status", "--target", NOBODY),
        ("--target", "127.0.0.1:1", "status", "--target", NOBODY),
    ],
    ids=["before", "after", "the later counts"],
)
def test_the_server_is_named_before_or_after_the_command(arguments: tuple[str, ...], here: Here) -> None:
    """Both places work, the one after the command counts more, and next steps name the server again."""
    done = here(*arguments)

    assert done.code == Exit.UNREACHABLE
    assert done.err.startswith(f"ess: {NOBODY} does not answer: Connection refused")
    assert "Traceback" not in done.err


def test_the_environment_names_the_server_and_options_win(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """ESS_TARGET is the default of every command, and never wins over what is typed."""
    monkeypatch.setenv("ESS_TARGET", NOBODY)

    assert here("status").err.startswith(f"ess: {NOBODY} ")
    assert here("--target", "127.0.0.1:1", "status").err.startswith("ess: 127.0.0.1:1 ")
    assert here("status", "--target", "127.0.0.1:1").err.startswith("ess: 127.0.0.1:1 ")


def test_files_of_tls_that_cannot_be_read_are_named(here: Here, tmp_path: Path) -> None:
    """A missing authority, and a certificate without its key, end with 2 and say which."""
    missing = here("status", "--ca", tmp_path / "ca.pem")
    alone = here("status", "--cert", tmp_path / "c.pem")

    assert (missing.code, alone.code) == (Exit.USAGE, Exit.USAGE)
    assert f"{tmp_path}/ca.pem cannot be read" in missing.err
    assert "--cert and --key belong together" in alone.err


@pytest.mark.parametrize(
    ("module", "command", "extras"),
    [("click", "status", "server"), ("google", "status", "server"), ("aiohttp", "paper", "server,venues")],
)
def test_who_lacks_an_extra_is_told_what_to_install_and_where(module: str, command: str, extras: str) -> None:
    """The script that a plain client installs says what it lacks, by the way that works: from the project's folder."""
    program = f"import sys; sys.modules[{module!r}] = None; from ess_server.cli import main; raise SystemExit(main())"
    line = [sys.executable, "-c", program, command, "--help"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == Exit.USAGE
    assert f"pip install '.[{extras}]'  # in the project's folder" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_reader_that_goes_away_is_no_error() -> None:
    """Output into a pipe that nobody reads any more ends the command without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*ESS, "--help"], stdout=writer, stderr=subprocess.PIPE, timeout=20, check=False)
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (Exit.REFUSED, b"")
