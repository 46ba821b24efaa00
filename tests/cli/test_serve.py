"""``ess serve``: starts with a plain statement of what is, or ends with 2 and one sentence."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess, ess, eventually

SMALL = 60 * 1024
"""KiB."""


def test_it_says_where_it_listens_what_state_it_is_in_and_what_to_type(serving: ServeProcess) -> None:
    """Address, data directory, state with its reason, and two commands that work as they stand there."""
    log = eventually(lambda: "reset" in serving.log.read_text() and serving.log.read_text())

    assert f"listening on {serving.target} without TLS" in log
    assert f"state is kept in {serving.data_dir}" in log
    assert "TRADING STOPPED (ESS ACTIVE)" in log
    assert "never commissioned" in log
    assert f"next: ess --target {serving.target} status" in log
    assert f"next: ess --target {serving.target} reset" in log


def test_it_ends_on_sigterm_within_two_seconds_with_0(serving: ServeProcess) -> None:
    """The end is asked for and clean."""
    began = time.monotonic()

    code = serving.end(signal.SIGTERM)

    assert (code, time.monotonic() - began < 2) == (Exit.OK, True)
    assert serving.log.read_text().endswith("ess: ended; what is latched stays latched\n")


def test_without_venues_it_stays_small(serving: ServeProcess) -> None:
    """The server's process is resident with less than 60 MB."""
    assert serving.child is not None
    status = Path(f"/proc/{serving.child.pid}/status").read_text()

    assert int(status.split("VmRSS:")[1].split()[0]) < SMALL


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_a_port_that_is_taken_is_named(taken: str, tmp_path: Path) -> None:
    """A second server on the port fails loudly."""
    done = ess("serve", "--data-dir", tmp_path / "data", "--listen", taken)

    assert done.code == Exit.USAGE
    assert f"ess: listen: {taken} cannot be bound" in done.err
    assert "Traceback" not in done.err


def test_a_second_server_on_the_data_directory_is_refused(serving: ServeProcess) -> None:
    """The process that holds it is named."""
    assert serving.child is not None

    done = ess("serve", "--data-dir", serving.data_dir, "--listen", "127.0.0.1:0")

    assert done.code == Exit.USAGE
    assert f"is held by process {serving.child.pid}, another ess serve" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say where the state is kept with --data-dir DIR, or keep nothing with --ephemeral"),
        (("--ephemeral", "--data-dir", "{}"), "leave one out"),
        (("--ephemeral", "--listen", "localhost"), '"localhost" is not host:port'),
        (("--ephemeral", "--listen", "127.0.0.1:70000"), "is not a port from 0 to 65535"),
        (("--config", "{}/missing.toml"), "missing.toml: cannot be read (No such file or directory)"),
        (("--config", "{}/bad.toml"), "bad.toml has 2 mistakes"),
        (("--ephemeral", "--log-level", "loud"), "'loud' is not one of"),
    ],
    ids=["no place", "both", "no port", "bad port", "no config", "bad config", "level"],
)
def test_what_was_typed_wrong_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, here: Here
) -> None:
    """Every mistake ends with 2 and says what is wrong and what to do."""
    (tmp_path / "bad.toml").write_text("[server]\nlease = 1\nlease_ms = 1\n")

    done = here("serve", *(a.format(tmp_path) for a in arguments))

    assert (done.code, sentence in done.err) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--ephemeral", "--listen", "0.0.0.0:0"), "can be reached from elsewhere and has no TLS"),
        (("--listen", "127.0.0.1:0", "--data-dir", "{}/file"), "there is a file of that name; name another directory"),
        (("--listen", "127.0.0.1:0", "--data-dir", "/proc/nowhere"), "cannot be used"),
    ],
    ids=["open", "a file", "not writable"],
)
def test_what_keeps_it_from_serving_is_one_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """What cannot be served ends with 2 as well, without a traceback, and nothing is half started."""
    (tmp_path / "file").touch()

    done = ess("serve", *(a.format(tmp_path) for a in arguments))

    assert (done.code, sentence in done.err) == (Exit.USAGE, True)
    assert "Traceback" not in done.err


def test_mistakes_of_the_configuration_are_listed_with_their_lines(tmp_path: Path, here: Here) -> None:
    """The server names all of them before it ends."""
    config = tmp_path / "ess.toml"
    config.write_text("[server]\nlease = 1\nlease_ms = 1\n")

    done = here("serve", "--ephemeral", "--config", config)

    assert [line.strip().partition(": ")[0] for line in done.err.splitlines()[1:]] == [f"{config}:2", f"{config}:3"]


def test_the_configuration_is_in_force_and_the_command_line_counts_more(tmp_path: Path) -> None:
    """Address and directory come from the file unless they are given; the rest is the file's."""
    config = tmp_path / "ess.toml"
    config.write_text('installation = "lab"\n[server]\nlisten = "127.0.0.1:9"\ndata_dir = "unused"\nlease_ms = 900\n')
    server = ServeProcess(
        tmp_path / "data", tmp_path / "log", arguments=("--config", str(config), "--log-format", "json")
    ).start()
    try:
        state = server.ess("status", "--json").json
        server.ess("trigger")
    finally:
        server.end(signal.SIGTERM)

    assert (state["state"]["installation"], state["lease"]) == ("lab", "0.900s")
    assert not (tmp_path / "unused").exists()
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert any(line["logger"] == "ess.events" and line["event"]["event"] == "stop.raised" for line in lines)


def test_an_ephemeral_server_keeps_nothing_even_where_a_directory_is_named(tmp_path: Path) -> None:
    """--ephemeral counts more than the environment and than the configuration."""
    config = tmp_path / "ess.toml"
    config.write_text('[server]\ndata_dir = "unused"\n')
    server = ServeProcess(tmp_path / "data", tmp_path / "log", arguments=("--config", str(config), "--ephemeral"))
    server.env = {"ESS_DATA_DIR": str(tmp_path / "named")}
    try:
        state = server.start().ess("status")
    finally:
        server.end()

    assert state.code == Exit.ACTIVE
    assert "state is kept in nowhere" in server.log.read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ess.toml", "log"]


def test_tls_is_served_and_spoken(tmp_path: Path) -> None:
    """With certificates it may listen, and the command line reaches it with the authority, and only so."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    identity = authority.issue_cert("127.0.0.1")
    identity.private_key_pem.write_to_path(tmp_path / "key.pem")
    identity.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    config = tmp_path / "ess.toml"
    config.write_text('[server.tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    server = ServeProcess(tmp_path / "data", tmp_path / "log", arguments=("--config", str(config))).start()
    try:
        log = server.log.read_text()
        trusted = server.ess("--ca", tmp_path / "ca.pem", "status")
        plain = server.ess("--timeout", "1", "status")
    finally:
        server.end()

    assert "with TLS" in log
    assert (trusted.code, plain.code) == (Exit.ACTIVE, Exit.UNREACHABLE)
    assert f"next: ess --target {server.target} --ca {tmp_path}/ca.pem reset" in trusted.err
    assert "with TLS, name its certificate authority with --ca FILE" in plain.err
