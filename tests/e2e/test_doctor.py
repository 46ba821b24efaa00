"""``ess doctor`` and ``on_unsafe`` in real processes, on a paper venue that speaks for three exchanges."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from ess_server.venue.paper import PaperConfig, PaperVenue
from ess_server.venue.paper.credentials import ApiKey
from tests.cli.running import Ended, ess_here
from tests.e2e.conftest import Servers

KEY = ApiKey(key="key-of-main", secret="secret-of-main", account="main", passphrase="phrase", addresses=("192.0.2.7",))
MAY_NOT = ApiKey(key="key-of-weak", secret="secret-of-weak", account="weak", passphrase="phrase", can_trade=False)
SERVER = """
[server]
on_unsafe = "{on_unsafe}"
expected_subscribers = ["engine"]
"""
ACCOUNT = """
[[accounts]]
id = "{id}"
venue = "paper"
exchange = "{exchange}"
api_key_file = "{key}.key"
secret_file = "{key}.secret"
{more}
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca}" }}
"""
EVALUATOR = """
[[evaluators]]
kind = "drawdown"
account = "main"
max_drawdown_percent = 10
"""


class Clinic:
    """A paper venue with a sound key and a weak one, and configurations that lead to it."""

    def __init__(self, venue: PaperVenue, place: Path) -> None:
        self.venue = venue
        self.place = place
        self.address = (venue.port, venue.ca_file)
        for key in (KEY, MAY_NOT):
            for name, content in (("key", key.key), ("secret", key.secret), ("phrase", key.passphrase)):
                path = place / f"{key.account}.{name}"
                path.write_text(content)
                path.chmod(0o600)

    def write(self, *accounts: tuple[str, str, str], on_unsafe: str = "warn") -> Path:
        """Write a configuration of accounts by id, exchange and key."""
        text = SERVER.format(on_unsafe=on_unsafe)
        for id_, exchange, key in accounts:
            more = f'passphrase_file = "{key}.phrase"' if exchange == "okx" else ""
            port, ca = self.address
            text += ACCOUNT.format(id=id_, exchange=exchange, key=key, more=more, port=port, ca=ca)
        path = self.place / "ess.toml"
        path.write_text(text + EVALUATOR)
        return path

    async def doctor(self, config: Path, *arguments: str) -> tuple[Ended, dict[str, Any]]:
        """Run the command; what it printed, and its JSON."""
        done = await said("--config", config, "--json", *arguments)
        return done, json.loads(done.out)


async def said(*arguments: str | Path) -> Ended:
    """Run the command within this process, beside the venue."""
    return await asyncio.to_thread(ess_here, "doctor", *arguments)


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    """One that closes with the test."""
    venue = PaperVenue(PaperConfig(tick=None))
    for key in (KEY, MAY_NOT):
        venue.open_account(key, {"USDT": Decimal(1000)})
    await venue.start(cert_dir=tmp_path / "tls")
    yield Clinic(venue, tmp_path)
    await venue.stop()


def grades(told: dict[str, Any], account: str) -> dict[str, str]:
    """Return the grade of each topic of an account; of two the later one."""
    return {f["topic"]: f["grade"] for f in told["findings"] if f["account"] == account}


async def test_beside_a_server_that_runs(clinic: Clinic, servers: Servers) -> None:
    """Sound accounts on three exchanges: 0, each of them examined, and the venue's books have seen nothing of it."""
    config = clinic.write(("main", "binanceusdm", "main"), ("o", "okx", "main"), ("b", "bybit", "main"))
    server = servers(arguments=("--config", config))
    await server.start()
    before = clinic.venue.journal.last_seq

    done, told = await clinic.doctor(config)

    assert (done.code, told["verdict"]) == (Exit.OK, "WARN"), done.out
    assert {grades(told, account)["key"] for account in ("main", "o", "b")} == {"OK"}
    assert grades(told, "b")["dead man's switch"] == "WARN"
    assert "asking the venues" in done.err
    assert list(clinic.venue.journal.read(after=before)) == []
    assert not server.has_ended()
    assert KEY.secret not in done.out + done.err


async def test_what_it_says_to_people_and_to_scripts(clinic: Clinic) -> None:
    """A table with a next step for all that matters: 8 for what is unsafe, 9 for what is unknown."""
    config = clinic.write(("main", "binanceusdm", "main"), ("weak", "binanceusdm", "weak"))

    table = await said("--config", config)
    await clinic.venue.stop()
    away, told = await clinic.doctor(config, "--account", "main", "--within", "8")
    nobody = await said("--config", config, "--account", "nobody")
    nowhere = await said()

    assert table.code == Exit.UNSAFE
    assert "weak     right to trade     UNSAFE  the key may not trade here" in table.out
    assert "UNSAFE weak: right to trade: give the key the right to trade" in table.out
    assert table.out.splitlines()[-1].startswith("1 UNSAFE")
    assert (away.code, told["verdict"]) == (Exit.UNEXAMINED, "UNKNOWN")
    assert [(f["topic"], f["next"]) for f in told["findings"] if f["grade"] == "UNKNOWN"] == [
        ("venue", "ask again when the venue answers: ess doctor")
    ]
    assert (nobody.code, "there are main, weak" in nobody.err) == (Exit.USAGE, True)
    assert (nowhere.code, "--config FILE, or ESS_CONFIG" in nowhere.err) == (Exit.USAGE, True)


async def test_a_start_is_refused_only_where_nothing_is_stopped(clinic: Clinic, servers: Servers) -> None:
    """Unsafe and free to trade: refused with 2, and the log says why. Unknown or stopped: it serves."""
    config = clinic.write(("main", "binanceusdm", "main"))
    server = servers(arguments=("--config", config))
    await server.start()
    await server.reset()
    await server.end()
    clinic.write(("main", "binanceusdm", "weak"), on_unsafe="refuse")
    server.spawn()

    assert await server.ended(within=20) == Exit.USAGE
    assert "on_unsafe = 'refuse': main: UNSAFE, right to trade: the key may not trade here" in server.printed
    assert "listening" not in server.printed

    await clinic.venue.stop()
    seen = await server.start()
    assert seen.state.status == pb.STOP_STATUS_INACTIVE
    assert "main: UNKNOWN, venue: could not be read" in seen.summary
    logged = await server.ess("events", "--kind", "doctor.", "--json")
    assert [event["kind"] for event in json.loads(logged.out)["events"]] == ["doctor.unknown", "doctor.unsafe"]

    await server.trigger()
    await server.kill()
    clinic.write(("main", "nosuchexchange", "main"), on_unsafe="refuse_unknown")
    assert (await server.start()).state.status == pb.STOP_STATUS_ACTIVE
