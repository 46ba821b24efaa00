"""A server that cannot or must not serve ends at once with 2 and one sentence, and has changed nothing."""

from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.process import Ended, ServerProcess, ess, eventually

USAGE = 2
FREE = ("--listen", "127.0.0.1:0")


async def refused(*arguments: str | Path) -> Ended:
    """Start a server that is expected to end by itself."""
    done = await ess("serve", *arguments)
    assert "Traceback" not in done.err
    assert done.err.strip()
    return done


async def test_a_data_directory_serves_one(server: ServerProcess) -> None:
    """A second server on the directory names the first one and what to do; the first one goes on as before."""
    before = (await server.state()).state

    done = await refused(*FREE, "--data-dir", server.data_dir)

    assert done.code == USAGE
    assert f"is held by process {server.process.pid}, another ess serve: stop it or name another directory" in done.err
    assert (await server.state()).state == before


async def test_a_port_serves_one(server: ServerProcess) -> None:
    """A second server on the port has not even made its data directory; the first one goes on as before."""
    before = (await server.state()).state
    other = server.data_dir.parent / "other"

    done = await refused("--listen", server.target, "--data-dir", other)

    assert done.code == USAGE
    assert f"listen: {server.target} cannot be bound (Address already in use): end what uses it, or name" in done.err
    assert not other.exists()
    assert (await server.state()).state == before


async def test_of_two_that_start_together_one_serves(servers: Servers) -> None:
    """On one new directory, at the same moment: one serves, the other ends with 2, and nothing is torn."""
    first, second = servers(), servers()
    for one in (first, second):
        one.log.touch()
        one.spawn()
    await eventually(lambda: first.has_ended() != second.has_ended(), 30)

    beaten, serving = (first, second) if first.has_ended() else (second, first)

    assert await beaten.ended() == USAGE
    await serving.kill()
    state = (await serving.start()).state
    # The kill may have met it between its two records; either way nothing is proven, and it blocks and no more.
    assert [(s.scope, s.action, s.cause.source) for s in state.stops] == [
        ("global", pb.STOP_ACTION_BLOCK, pb.CAUSE_SOURCE_STORE)
    ]


CONFIG = """
[server]
listen = "127.0.0.1:0"
lease_ms = 100
hartbeat_ms = 100

[[evaluators]]
kind = "drawdown"
account = "main"
max_daily_loss_percent = 101
max_drawdown_percent = nan
"""
TLS = '[server.tls]\ncertificate = "no.pem"\nkey = "no.key"\n'


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        ((*FREE, "--data-dir", "file"), ["file: there is a file of that name; name another directory"]),
        ((*FREE, "--data-dir", "file/data"), ["file/data: there is a file of that name; name another directory"]),
        ((*FREE, "--data-dir", "/proc/data"), ["/proc/data cannot be used", "make it writable for this user or name"]),
        ((*FREE, "--data-dir", "full"), ["full cannot be used", "make it writable for this user or name another"]),
        (("--data-dir", "data", "--listen", "0.0.0.0:0"), ["listen: 0.0.0.0:0", "listen on 127.0.0.1, or insist with"]),
        (("--data-dir", "data", "--listen", "127.0.0.1:65536"), ['--listen: "65536" is not a port from 0 to 65535']),
        (
            ("--data-dir", "data", "--listen", "192.0.2.1:0", "--insecure"),
            ["listen: 192.0.2.1:0 cannot be bound", "name a free address of this machine"],
        ),
        ((*FREE, "--data-dir", "data", "--config", "no.toml"), ["no.toml: cannot be read", "name a TOML file"]),
        ((*FREE, "--data-dir", "data", "--config", "file"), ["file:1: is not TOML", "mend this line first"]),
        ((*FREE, "--data-dir", "data", "--config", "tls.toml"), ["no.pem and", "name a certificate and its key"]),
        (
            (*FREE, "--data-dir", "data", "--config", "bad.toml"),
            [
                "bad.toml:4: server.lease_ms: 100 ms is not 200 ms to 2000 ms",
                "bad.toml:5: server.hartbeat_ms: unknown key; did you mean heartbeat_ms?",
                'bad.toml:9: evaluators.account: there is no account "main"',
                "bad.toml:10: evaluators.max_daily_loss_percent: 101 is not above 0 and at most 100",
                "bad.toml:11: evaluators.max_drawdown_percent: NaN is not a finite number",
            ],
        ),
        (FREE, ["say where the state is kept with --data-dir DIR, or keep nothing with --ephemeral"]),
    ],
    ids=[
        *("a file", "below a file", "not writable", "lock in the way", "not loopback", "no port", "not ours"),
        *("no config", "not TOML", "no certificate", "mistakes", "nowhere"),
    ],
)
async def test_what_cannot_serve_says_why_and_leaves_nothing_behind(
    arguments: tuple[str, ...], sentences: list[str], tmp_path: Path
) -> None:
    """Exit code 2, the name of the field, the next step, and every file as it was before."""
    (tmp_path / "file").write_text("[no table\n")
    (tmp_path / "bad.toml").write_text(CONFIG)
    (tmp_path / "tls.toml").write_text(TLS)
    (tmp_path / "full" / "lock").mkdir(parents=True)
    before = tree(tmp_path)

    done = await refused(*(a if a.startswith(("-", "/")) or ":" in a else str(tmp_path / a) for a in arguments))

    assert (done.code, done.out) == (USAGE, "")
    assert [s for s in sentences if s not in done.err] == [], done.err
    assert tree(tmp_path) == before


def tree(directory: Path) -> Mapping[str, int]:
    """Return a checksum of every file below a directory."""
    return {str(path): crc32(path.read_bytes()) if path.is_file() else 0 for path in directory.rglob("*")}
