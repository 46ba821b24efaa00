"""``ess watch``: a line per change, and no silence that looks like peace."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess, eventually, watching
from tests.cli.scripted import ScriptedService, StatusError

Script = Callable[..., ScriptedService]
ENDED = StatusError(grpc.StatusCode.UNAVAILABLE, "the server is going down")


def message(status: int = pb.STOP_STATUS_INACTIVE, revision: int = 7, **changes: Any) -> pb.WatchStateResponse:
    """Return a message of the stream whose proof is 250 ms old."""
    state = pb.StopState(store_id="s", revision=revision, status=status, stops=changes.pop("stops", ()))  # type: ignore[arg-type] # a value of the enumeration
    made = pb.WatchStateResponse(state=state, server_instance_id="i", gate_level=1)
    made.sent_uptime.seconds, made.proven_uptime.nanos = 1, 750_000_000
    made.MergeFrom(pb.WatchStateResponse(**changes))
    return made


def test_every_change_is_one_line_and_repetition_is_none(script: Script, here: Here) -> None:
    """The first state and each difference are printed; the same state again is not, unless asked for."""
    cause = pb.Cause(source=pb.CAUSE_SOURCE_EVALUATOR, evaluator="loss", reason="5 % lost")
    stop = pb.Stop(scope="global", action=pb.STOP_ACTION_FLATTEN, durable=False, cause=cause, cause_count=1)
    active = message(pb.STOP_STATUS_ACTIVE, 8, stops=[stop])
    durable = message(pb.STOP_STATUS_ACTIVE, 8, stops=[stop])
    durable.state.stops[0].durable = True
    released, draining = message(revision=9), message(revision=9, draining=True)
    stream = [message(), message(), active, durable, durable, released, draining, ENDED]
    server = script(WatchState=lambda _: stream)

    done = here("--target", server.target, "watch")
    chatty = here("--target", server.target, "watch", "--heartbeats")

    lines = [line.partition("  ")[2] for line in done.out.splitlines()]
    assert done.code == Exit.UNREACHABLE
    assert lines == [
        "Trading is allowed; revision 7",
        "TRADING STOPPED (ESS ACTIVE); revision 8; global FLATTEN (evaluator by loss: 5 % lost) [not yet on disk]",
        "TRADING STOPPED (ESS ACTIVE); revision 8; global FLATTEN (evaluator by loss: 5 % lost)",
        "Trading is allowed; revision 9",
        "Trading is allowed; revision 9; the server is going down",
    ]
    assert re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{3}  .*\n)+", done.out)
    assert len(chatty.out.splitlines()) == 7
    assert "heartbeat, proof 250 ms old, revision 7" in chatty.out


def test_what_is_not_proven_inactive_is_shown_as_stopped(script: Script, here: Here) -> None:
    """An unknown status and a newer level of the contract read as stopped."""
    stream = [message(17), message(gate_level=2), ENDED]
    server = script(WatchState=lambda _: stream)

    out = here("--target", server.target, "watch").out.splitlines()

    assert all("TRADING STOPPED (ESS ACTIVE)" in line for line in out)
    assert "contract level 2 is newer than this command" in out[1]


def test_json_is_one_message_a_line(script: Script, here: Here) -> None:
    """Machines read a line at a time, changes only."""
    server = script(WatchState=lambda _: [message(), message(), message(revision=8), ENDED])

    lines = here("--target", server.target, "watch", "--json").out.splitlines()

    assert [json.loads(line)["state"]["revision"] for line in lines] == ["7", "8"]


def test_a_stream_that_falls_silent_ends_with_4(script: Script, here: Here) -> None:
    """A server that hangs ends no stream; nothing heard within the time out is an outage."""
    done = here("--target", script(WatchState=lambda _: [message()]).target, "--timeout", "0.3", "watch")

    assert done.code == Exit.UNREACHABLE
    assert "has said nothing for 0.3 s; gates deny by themselves" in done.err


def test_follow_connects_again_and_names_the_newest_revision_seen(serving: ServeProcess, tmp_path: Path) -> None:
    """A restart is survived; the stop that another process latches shows up; Ctrl-C ends it cleanly with 130."""
    serving.commission()
    log = tmp_path / "watch.log"

    with watching(log, "--target", serving.target, "watch", "--follow") as child:
        eventually(lambda: "Trading is allowed" in log.read_text())
        serving.end(signal.SIGTERM)
        eventually(lambda: "going down" in log.read_text())
        serving.start()
        serving.ess("trigger", "-m", "after the restart")
        eventually(lambda: "manual by" in log.read_text() and "after the restart" in log.read_text())
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == Exit.INTERRUPTED

    assert log.read_text().endswith("ess: interrupted\n")
    assert "witness" not in log.read_text()
    assert "Traceback" not in log.read_text()


def test_reconnecting_is_witness_of_what_was_seen(script: Script, tmp_path: Path) -> None:
    """The second stream of --follow names store and highest revision, as a gate does."""
    server = script(WatchState=lambda _: [message(revision=9), message(revision=8), ENDED])

    with watching(tmp_path / "log", "--target", server.target, "watch", "--follow"):
        eventually(lambda: len(server.requests) > 1)

    first, second = server.requests[:2]
    assert (first.store_id, first.highest_revision) == ("", 0)
    assert (second.store_id, second.highest_revision) == ("s", 9)
    assert second.subscriber_id == ""
