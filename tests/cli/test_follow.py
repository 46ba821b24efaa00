"""``ess events follow``: each event once, in order, also over a restart of the server."""

import json
from pathlib import Path
from typing import Any

from tests.cli.running import ServeProcess, eventually, watching


def read(log: Path) -> list[dict[str, Any]]:
    """The events printed so far."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_each_event_is_printed_once_also_over_a_restart(serving: ServeProcess, tmp_path: Path) -> None:
    """Beginning behind a number, nothing is lost or repeated while the server is killed and started again."""
    serving.commission()
    log = tmp_path / "followed"
    command = ("--target", serving.target, "events", "follow", "--after", "0", "--json", "--every", "0.05")
    with watching(log, *command):
        eventually(lambda: len(read(log)) >= 2)
        serving.end()
        eventually(lambda: "waiting: " in log.read_text())
        serving.start()
        serving.ess("trigger", "venue/okx", "-m", "fat finger")
        eventually(lambda: any("fat finger" in e["summary"] for e in read(log)))
    numbers = [int(e["sequence"]) for e in read(log)]
    assert numbers == list(range(1, numbers[-1] + 1))
    assert log.read_text().count("waiting: ") == 1


def test_only_what_happens_from_now_on_of_the_kind_that_was_asked_for(serving: ServeProcess, tmp_path: Path) -> None:
    """Without a number the past is left alone; a kind leaves out the rest."""
    serving.commission()
    log = tmp_path / "followed"
    with watching(log, "--target", serving.target, "events", "follow", "--kind", "stop.", "--every", "0.05"):
        scopes = [f"venue/v{n}" for n in range(40)]

        def shown() -> bool:
            # It tells nobody when it has begun.
            serving.ess("trigger", scopes.pop(), "-m", "later")
            return "stop.activated" in log.read_text()

        eventually(shown)
    assert "stop.released" not in log.read_text()
    assert all("  stop." in line for line in log.read_text().splitlines())
