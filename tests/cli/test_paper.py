"""``ess paper``: the paper venue as a command."""

import json
import signal
import subprocess
from pathlib import Path

from ess_server.cli.exits import Exit
from tests.cli.running import ESS, environment, ess


def test_a_paper_venue_announces_itself_and_ends_when_told(tmp_path: Path) -> None:
    """One JSON line names port, authority and accounts; SIGTERM ends it with 0."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps([{"name": "main", "key": "k", "secret": "s", "balances": {"USDT": "100"}}]))
    child = subprocess.Popen(
        [*ESS, "paper", "--cert-dir", tmp_path, "--accounts", accounts], stdout=subprocess.PIPE, env=environment()
    )
    try:
        assert child.stdout is not None
        announced = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGTERM)
        code = child.wait(10)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()

    assert code == Exit.OK
    assert announced["accounts"] == ["main"]
    assert Path(announced["ca_file"]).exists()


def test_a_bad_accounts_file_is_named(tmp_path: Path) -> None:
    """Mistakes end with 2 and one sentence."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text('[{"name": "main"}]')

    done = ess("paper", "--cert-dir", tmp_path, "--accounts", accounts)

    assert done.code == Exit.USAGE
    assert done.err == f"ess: paper venue: {accounts}: account 0: key: a text is required\n"
