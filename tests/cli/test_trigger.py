"""``ess trigger``: stops, whatever it takes, and never claims a stop that is not one."""

import getpass
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess, ess, eventually
from tests.cli.scripted import ScriptedService, StatusError, latched

Script = Callable[..., ScriptedService]
NOBODY = "127.0.0.1:9"


@pytest.fixture
def used_dir(tmp_path: Path) -> Path:
    """A data directory that a server has used."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "lock").touch()
    return data_dir


def test_nothing_but_the_word_stops_everything_durably(serving: ServeProcess) -> None:
    """`ess trigger` alone latches a global stop on disk, in the name of the user; status and events show it."""
    serving.commission()

    done = serving.ess("trigger")

    assert done.code == Exit.OK
    assert done.out.startswith("TRADING STOPPED (ESS ACTIVE)")
    state = serving.ess("status", "--json")
    (stop,) = state.json["state"]["stops"]
    assert state.code == Exit.ACTIVE
    assert (stop["scope"], stop["action"], stop["durable"]) == ("global", "STOP_ACTION_FLATTEN", True)
    assert stop["cause"]["reason"] == f"stopped by {getpass.getuser()}"
    assert stop["cause"]["actor"]["requested_by"] == getpass.getuser()


def test_a_scope_that_nothing_matches_is_stopped_and_ends_with_5(serving: ServeProcess) -> None:
    """An id that nobody knows, and a kind that does not exist, are latched with a warning, never refused."""
    serving.commission()

    unknown = serving.ess("trigger", "account/mian", "--action", "block", "--json")
    typo = serving.ess("trigger", "acount/main", "--action", "block")

    assert (unknown.code, typo.code) == (Exit.UNMATCHED, Exit.UNMATCHED)
    assert unknown.json["stop"]["scope"] == "account/mian"
    assert unknown.json["warnings"] == ["no account or gate is known for scope account/mian"]
    assert "the global scope was stopped instead" in typo.out


def test_every_option_arrives_as_typed(script: Script, here: Here) -> None:
    """Scope, reason, action, person and request id are what was typed; without an id each run has a new one."""
    server = script(Trigger=lambda _: latched())

    here("--target", server.target, "trigger", "venue/okx", "-m", "why", "--action", "cancel", "--by", "ann")
    here("--target", server.target, "trigger", "venue/okx", "--request-id", "mine")

    first, second = server.requests
    assert (first.scope, first.reason, first.requested_by) == ("venue/okx", "why", "ann")
    assert first.action == pb.STOP_ACTION_CANCEL
    assert (len(first.request_id), second.request_id) == (32, "mine")
    assert second.action == pb.STOP_ACTION_UNSPECIFIED


def test_bytes_that_are_no_text_do_not_keep_it_from_stopping(script: Script) -> None:
    """A reason typed in another encoding is mended, not refused."""
    server = script(Trigger=lambda _: latched())

    done = ess("--target", server.target, "trigger", "-m", b"stra\xdfe", env={"LC_ALL": "C.UTF-8"})

    assert done.code == Exit.OK, done.err
    assert server.requests[0].reason == "stra\ufffde"


def test_a_stop_that_is_not_on_disk_yet_is_said_to_be_so(script: Script, here: Here) -> None:
    """It holds, so the command succeeds, but nobody is told that it is durable."""
    server = script(Trigger=lambda _: latched(stop=pb.Stop(durable=False)))

    done = here("--target", server.target, "trigger")

    assert (done.code, "NOT YET ON DISK" in done.out) == (Exit.OK, True)


def test_the_same_trigger_is_sent_until_a_starting_server_answers(script: Script, here: Here) -> None:
    """A server that refuses for a moment is asked again, with the same request id, and nothing falls back."""
    answers = iter([StatusError(grpc.StatusCode.UNAVAILABLE, "starting")] * 2)

    def answer(_: Any) -> pb.TriggerResponse:
        for error in answers:
            raise error
        return latched()

    server = script(Trigger=answer)
    done = here("--target", server.target, "trigger")

    assert done.code == Exit.OK
    assert len({r.request_id for r in server.requests}) == 1
    assert len(server.requests) == 3


def test_a_server_that_comes_up_in_time_takes_the_trigger(serving: ServeProcess) -> None:
    """The trigger keeps trying a port that nobody answers on, for two seconds, before it does anything else."""
    serving.commission()
    serving.send(signal.SIGSTOP)
    running = threading.Timer(1.0, serving.send, [signal.SIGCONT])
    running.start()

    done = serving.ess("trigger", "-m", "late", "--data-dir", serving.data_dir)

    running.join()
    assert done.code == Exit.OK
    assert done.out.startswith("TRADING STOPPED (ESS ACTIVE)")
    assert not (serving.data_dir / "tripwire").exists()


def test_a_dead_server_is_stopped_by_the_tripwire_and_stays_so(serving: ServeProcess) -> None:
    """The file is made with the reason in it, loudly; the server that starts next is ACTIVE because of it."""
    serving.commission()
    serving.end()

    done = serving.ess("trigger", "-m", "fat finger", "--data-dir", serving.data_dir)

    tripwire = serving.data_dir / "tripwire"
    assert done.code == Exit.OK
    assert f"TRIPWIRE MADE: {tripwire}" in done.out
    assert "does not answer" in done.err
    assert f"rm {tripwire}" in done.err
    assert "close without one: ess flatten --direct --config FILE" in done.err
    assert tripwire.read_text().startswith(f"fat finger (ess trigger by {getpass.getuser()} at ")

    serving.start()
    stopped = eventually(lambda: (s := serving.ess("status", "--json")).code == Exit.ACTIVE and s)
    cause = stopped.json["state"]["stops"][0]["cause"]
    assert cause["source"] == "CAUSE_SOURCE_TRIPWIRE"
    assert cause["reason"].startswith("fat finger")


def test_a_frozen_server_is_stopped_by_the_tripwire(serving: ServeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts connections and answers nothing is given up after two seconds; once it runs, it stops."""
    serving.commission()
    serving.send(signal.SIGSTOP)

    began = time.monotonic()
    monkeypatch.setenv("ESS_DATA_DIR", str(serving.data_dir))
    done = serving.ess("trigger", "--json")
    took = time.monotonic() - began
    serving.send(signal.SIGCONT)

    assert done.code == Exit.OK, done.err
    assert done.json["tripwire"] == str(serving.data_dir / "tripwire")
    assert took < 4
    assert eventually(lambda: serving.ess("status").code == Exit.ACTIVE)


def test_the_data_directory_is_found_in_the_configuration(used_dir: Path, here: Here) -> None:
    """--config names the directory as the server would read it."""
    config = used_dir.parent / "ess.toml"
    config.write_text('[server]\ndata_dir = "data"\n')

    done = here("--target", NOBODY, "--timeout", "0.2", "trigger", "--config", config)

    assert done.code == Exit.OK
    assert (used_dir / "tripwire").exists()
    assert [p.name for p in used_dir.iterdir() if p.name.startswith(".")] == []


def test_a_tripwire_that_is_there_already_is_left_alone(used_dir: Path, here: Here) -> None:
    """A second trigger neither fails nor replaces the first reason."""
    (used_dir / "tripwire").write_text("first\n")

    done = here("--target", NOBODY, "--timeout", "0.2", "trigger", "-m", "second", "--data-dir", used_dir)

    assert (done.code, "(it was there already)" in done.out) == (Exit.OK, True)
    assert (used_dir / "tripwire").read_text() == "first\n"


def test_a_disk_without_room_for_the_reason_still_takes_the_file(
    used_dir: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no second name can be given, as on some file systems, the file itself is written."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)

    done = here("--target", NOBODY, "--timeout", "0.2", "trigger", "-m", "why", "--data-dir", used_dir)

    assert done.code == Exit.OK
    assert (used_dir / "tripwire").read_text().startswith("why (")


@pytest.mark.parametrize(
    ("target", "arguments", "step"),
    [
        (NOBODY, (), "make the tripwire: ess --target 127.0.0.1:9 trigger --data-dir DIR"),
        (NOBODY, ("--data-dir", "{}/missing"), "is no directory): touch {}/missing/tripwire"),
        (NOBODY, ("--data-dir", "{}/unused"), "no server has ever used {}/unused"),
        (NOBODY, ("--config", "{}/missing.toml"), "cannot be read"),
        (NOBODY, ("account/a", "--data-dir", "{}/data"), "can only stop everything: ess --target 127.0.0.1:9 trigger"),
        (NOBODY, ("--action", "block", "--data-dir", "{}/data"), "can only stop everything"),
        ("0.0.0.0:9", ("--data-dir", "{}/data"), "on its own machine: touch DATA_DIR/tripwire"),
    ],
    ids=["no directory", "missing", "never used", "bad config", "a scope", "an action", "elsewhere"],
)
def test_where_the_tripwire_cannot_stop_it_says_not_stopped_and_how_to(
    target: str, arguments: tuple[str, ...], step: str, used_dir: Path, here: Here
) -> None:
    """Without a server and without a tripwire that counts, it ends with 4, says NOT STOPPED and names what is left."""
    (used_dir.parent / "unused").mkdir()
    named = [a.format(used_dir.parent) for a in arguments]

    done = here("--target", target, "--timeout", "0.2", "trigger", *named)

    assert (done.code, done.out) == (Exit.UNREACHABLE, "")
    assert done.err.startswith("ess: NOT STOPPED.")
    assert f"next: {step.format(used_dir.parent)}" in done.err or step.format(used_dir.parent) in done.err
    assert not (used_dir / "tripwire").exists()
