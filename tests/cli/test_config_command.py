"""``ess config``: what a file says, before a server has to live by it."""

import json
from pathlib import Path

import pytest

from ess_server.cli.exits import Exit
from ess_server.config.load import load
from tests.cli.conftest import Here

EXAMPLE = Path(__file__).parents[2] / "examples" / "ess.toml"

NO_TLS = " and has no TLS; set [server.tls], listen on 127.0.0.1, or insist with --insecure"


def test_a_good_file_is_called_good_and_missing_files_are_noted(here: Here) -> None:
    """The example has no mistakes; the keys that it names are not there yet."""
    done = here("config", "check", EXAMPLE)

    assert done.code == Exit.OK
    assert done.out == f"{EXAMPLE}: no mistakes; 1 account, 2 evaluators\n"
    assert "note: account main: api_key_file names no file that can be found" in done.err


@pytest.mark.parametrize("secret", ["vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv", "a/Vm8PUZE6mv9SD5VNHk4HlWFs/+Q==", "4x" * 150])
def test_a_secret_in_place_of_the_name_of_its_file_is_not_printed(here: Here, tmp_path: Path, secret: str) -> None:
    """Neither by the check, which says what is wrong, nor among what is in force."""
    file = tmp_path / "ess.toml"
    file.write_text(EXAMPLE.read_text().replace('"keys/main.secret"', f'"{secret}"'))
    done, shown, machine = (
        here("config", "check", file),
        here("config", "show", file),
        here("config", "show", file, "--json"),
    )

    assert [one.code for one in (done, shown, machine)] == [Exit.OK] * 3
    assert "note: account main: secret_file names no file that can be found" in done.err
    assert f'api_key_file = "{tmp_path}/keys/main.key"' in shown.out
    assert 'secret_file = "not shown' in shown.out
    assert not any(secret in one.out + one.err for one in (done, shown, machine))


def test_an_exchange_that_ccxt_does_not_have_is_noted(here: Here, tmp_path: Path) -> None:
    """A slip of the pen is seen before an account turns out to have no client; the file is good all the same."""
    file = tmp_path / "ess.toml"
    file.write_text(EXAMPLE.read_text().replace('"binanceusdm"', '"binanceusd"'))

    done = here("config", "check", file)

    assert done.code == Exit.OK
    assert 'note: account main: no stop can work, for ccxt has no exchange "binanceusd"; did you mean' in done.err


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[server]\nlease = 1", ["ess: {}:2: server.lease: unknown key; did you mean lease_ms?"]),
        (
            "[server]\nlease = 1\nlease_ms = 1",
            [
                "ess: {} has 2 mistakes",
                "  {}:2: server.lease: unknown key; did you mean lease_ms?",
                "  {}:3: server.lease_ms: 1 ms is not 200 ms to 2000 ms: it bounds how long a gate may be deceived",
            ],
        ),
        ("[server]\nlisten = '0.0.0.0:1'", ["ess: {}: listen: 0.0.0.0:1 can be reached from elsewhere" + NO_TLS]),
    ],
    ids=["one", "several", "open without TLS"],
)
def test_every_mistake_is_printed_and_ends_with_2(text: str, lines: list[str], here: Here, tmp_path: Path) -> None:
    """One line for each, with file, line, key and remedy."""
    file = tmp_path / "ess.toml"
    file.write_text(text)

    done = here("config", "check", file)

    assert (done.code, done.out) == (Exit.USAGE, "")
    assert done.err.splitlines() == [line.format(file) for line in lines]


def test_what_is_shown_is_in_force(here: Here, tmp_path: Path) -> None:
    """The printed file loads to the same settings, and JSON says the same."""
    shown = here("config", "show", EXAMPLE)
    machine = here("config", "show", EXAMPLE, "--json")
    (tmp_path / "shown.toml").write_text(shown.out)

    assert (shown.code, machine.code) == (Exit.OK, Exit.OK)
    assert load(tmp_path / "shown.toml") == load(EXAMPLE)
    assert json.loads(machine.out)["server"]["lease_ms"] == 1000
    assert json.loads(machine.out)["evaluators"][1]["max_drawdown_percent"] == "8.5"
