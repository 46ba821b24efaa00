"""``ess status``: the verdict first, and an exit code that errs on the side of stopped."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from ess_server.cli.views import age_text, detail_text
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess, ess_on_terminal
from tests.cli.scripted import ScriptedService, StatusError, inactive

Script = Callable[..., ScriptedService]
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def stop(**changes: Any) -> pb.Stop:
    """Return a durable global stop, but for ``changes``."""
    cause = pb.Cause(source=pb.CAUSE_SOURCE_MANUAL, reason="fat finger", actor=pb.Actor(requested_by="ann"))
    made = pb.Stop(
        stop_id="1", scope="global", action=pb.STOP_ACTION_FLATTEN, revision=7, cause=cause, cause_count=1, durable=True
    )
    made.MergeFrom(pb.Stop(**changes))
    return made


def test_a_server_from_its_start_to_its_end(serving: ServeProcess) -> None:
    """Stopped is 3, allowed is 0, gone is 4; the next command is always named, and it works."""
    new = serving.ess("status")
    assert (new.code, "never commissioned" in new.out) == (Exit.ACTIVE, True)
    assert "TRADING STOPPED (ESS ACTIVE)" in new.out
    revision = new.err.split("--revision ")[1].split()[0]
    assert new.err.startswith(f"next: ess --target {serving.target} reset --revision {revision} ")

    reset = serving.ess("reset", "--revision", revision, "-m", "commission")
    assert (reset.code, reset.out.startswith("Trading is allowed")) == (Exit.OK, True)

    allowed = serving.ess("status")
    assert (allowed.code, allowed.out.startswith("Trading is allowed"), allowed.err) == (Exit.OK, True, "")

    serving.end()
    gone = serving.ess("status")
    assert (gone.code, gone.out) == (Exit.UNREACHABLE, "")
    assert "does not answer: Connection refused\nnext: start it with: ess serve --config FILE" in gone.err


def test_json_is_the_whole_answer_with_the_names_of_the_contract(script: Script, here: Here) -> None:
    """Machines get every field, `durable` also when it is false, and the same exit code."""
    state = pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=[stop(durable=False)])
    server = script(GetState=lambda _: inactive(state=state))

    done = here("--target", server.target, "status", "--json")

    assert done.code == Exit.ACTIVE
    assert done.json["state"]["stops"][0]["durable"] is False
    assert done.json["state"]["warnings"] == []
    assert done.json["gate_level"] == 1


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (inactive(), Exit.OK, "Trading is allowed"),
        (inactive(state=pb.StopState(stops=[stop()])), Exit.ACTIVE, "TRADING STOPPED (ESS ACTIVE)"),
        (inactive(state=pb.StopState(status=pb.STOP_STATUS_ACTIVE)), Exit.ACTIVE, "TRADING STOPPED (ESS ACTIVE)"),
        (inactive(state=pb.StopState(status=17)), Exit.ACTIVE, "TRADING STOPPED (ESS ACTIVE)"),  # type: ignore[arg-type] # a value that a later version may add
        (pb.GetStateResponse(), Exit.ACTIVE, "TRADING STOPPED (ESS ACTIVE)"),
        (inactive(gate_level=2), Exit.ACTIVE, "speaks level 2 of the contract"),
        (inactive(proof_age=Duration(seconds=1)), Exit.ACTIVE, "gates deny until it is renewed"),
    ],
    ids=["allowed", "stops", "active", "unknown status", "empty", "newer level", "old proof"],
)
def test_only_a_proven_inactive_state_is_shown_and_answered_as_allowed(
    answer: pb.GetStateResponse, code: Exit, words: str, script: Script, here: Here
) -> None:
    """What is not proven to be INACTIVE, by the rules that gates follow, is shown as stopped and ends with 3."""
    server = script(GetState=lambda _: answer)

    done = here("--target", server.target, "status")

    assert done.code == code
    assert words in done.out
    assert ("TRADING STOPPED (ESS ACTIVE)" in done.out) == (code is Exit.ACTIVE)


def test_everything_behind_the_state_is_shown(script: Script, here: Here) -> None:
    """Stops, gates, warnings, accounts and evaluators appear with their figures."""
    state = pb.StopState(
        status=pb.STOP_STATUS_ACTIVE,
        installation="prod",
        stops=[stop(durable=False, cause_count=2)],
        warnings=[pb.Warning(evaluator="loss", scope="global", tier_percent=90)],
    )
    gates = pb.Enforcement(revision=7, expected=3, confirmed=1, expired=1, pending=0, missing=1, unconfirmed=["eng-3"])
    gates.elapsed.nanos = 12_000_000
    account = pb.AccountProgress(
        account="main", venue="okx", status=pb.FLATTEN_STATUS_CLOSING, open_orders=0, detail="busy", stop_id="1"
    )
    evaluator = pb.EvaluatorState(
        name="loss",
        scope="account/main",
        status=pb.EVALUATOR_STATUS_WARN,
        reading="4.5",
        limit="5",
        limit_used=0.9,
        tier_percent=90,
        near_misses=3,
        detail="near",
        last_error="raised KeyError",
    )
    evaluator.reading_age.FromMilliseconds(1400)
    evaluator.last_error_time.FromJsonString("2026-11-22T03:04:05Z")
    answer = inactive(state=state, enforcement=gates, accounts=[account], evaluators=[evaluator])
    server = script(GetState=lambda _: answer)

    out = here("--target", server.target, "status").out

    for row in (
        r"prod, revision 7, store s, ess 1\.2\.3",
        r"global +FLATTEN +7 +NOT YET +1 +manual by ann: fat finger \(and 1 more\)",
        r"gates: 1 of 3 confirmed, 1 lease expired, 1 MISSING in 12 ms; not confirmed: eng-3",
        r"warning: loss is past 90 % of its limit",
        r"main +okx +CLOSING +0 +\? +busy",
        r"loss +account/main +live +WARN +4\.5 +1\.4 s +5 +90% +90 % +3 +near",
        r"near \(last error 2026-11-22 03:04:05: raised KeyError\)",
    ):
        assert re.search(row, re.sub(r" {2,}", "  ", out)), row


def test_an_account_on_which_nothing_is_to_be_done_is_not_shown_as_pending(script: Script, here: Here) -> None:
    """Under a stop that only blocks nobody waits for a flatten that will not come; what a person held is named."""
    stops = [
        stop(scope="account/main", action=pb.STOP_ACTION_BLOCK, stop_id="1"),
        stop(scope="account/hedge", action=pb.STOP_ACTION_BLOCK, stop_id="2", held=True),
        stop(scope="venue/w", action=pb.STOP_ACTION_BLOCK, stop_id="3"),
    ]
    accounts = [
        pb.AccountProgress(account="main", venue="v", status=pb.FLATTEN_STATUS_PENDING, detail="nothing", stop_id="1"),
        pb.AccountProgress(account="hedge", venue="v", status=pb.FLATTEN_STATUS_HELD, stop_id="2"),
        pb.AccountProgress(account="both", venue="w", status=pb.FLATTEN_STATUS_HELD, stop_id="3"),
    ]
    answer = inactive(state=pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=stops), accounts=accounts)
    server = script(GetState=lambda _: answer)

    out = here("--target", server.target, "status").out

    assert re.search(r"main +v +- +\? +\? +nothing", out)
    assert re.search(r"hedge +v +HELD ", out)
    assert re.search(r"both +w +HELD ", out)


def test_delayed_flatten_is_counted_down_and_a_hold_is_shown(script: Script, here: Here) -> None:
    """Whoever looks sees what will be closed and when, and the command that keeps it from being closed."""
    waits = stop(scope="account/main", action=pb.STOP_ACTION_CANCEL, stop_id="2", revision=9)
    waits.flatten_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=40, milliseconds=-1))
    held = stop(stop_id="0123456789abcdef", action=pb.STOP_ACTION_BLOCK, held=True)
    state = pb.StopState(status=pb.STOP_STATUS_ACTIVE, revision=9, stops=[held, waits])
    server = script(GetState=lambda _: inactive(state=state))

    done = here("--target", server.target, "status")

    assert re.search(r"global +BLOCK held +7 +yes +01234567 +manual", done.out)
    assert re.search(r"account/main flattens in (40|39|38) s, at \d\d:\d\d:\d\d UTC, unless held", done.out)
    assert "hold --revision 9 --reason" in done.err.splitlines()[0]
    assert "reset --revision 9" in done.err.splitlines()[1]


@pytest.mark.parametrize(
    ("detail", "error", "shown"),
    [("", "", ""), ("dark", "dark", "dark"), ("", "dark", "last error 2026-11-22 03:04:05: dark")],
)
def test_last_error_is_shown_once(detail: str, error: str, shown: str) -> None:
    """What is the matter now is not told again as what was."""
    one = pb.EvaluatorState(detail=detail, last_error=error)
    one.last_error_time.FromJsonString("2026-11-22T03:04:05Z")
    assert detail_text(one) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (90, "2 min"), (9000, "2.5 h")])
def test_ages_are_told_as_people_read_them(seconds: float, shown: str) -> None:
    """Tenths while it matters, then minutes and hours."""
    age = Duration()
    age.FromMilliseconds(int(seconds * 1000))
    assert age_text(age) == shown


def test_what_others_wrote_cannot_steer_the_terminal(script: Script, here: Here) -> None:
    """Control characters and markup in a reason are shown, not obeyed, and no line is cut off."""
    evil = "\x1b[2Jcleared\r\n[red]bold[/red] " + "x" * 200
    state = pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=[stop(cause=pb.Cause(reason=evil))])
    server = script(GetState=lambda _: inactive(state=state, summary=evil))

    out = here("--target", server.target, "status").out

    assert "\x1b" not in out
    assert "\\x1b[2Jcleared\\x0d\\x0a[red]bold[/red] " + "x" * 200 in out.splitlines()[0]
    assert "x" * 200 in out.splitlines()[-2]


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["colours", "NO_COLOR"]
)
def test_a_terminal_shows_red_for_stopped_unless_colours_are_unwanted(
    environment: dict[str, str], *, coloured: bool, script: Script
) -> None:
    """The verdict is bold red on a terminal; NO_COLOR leaves the words alone."""
    state = pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=[stop()])
    server = script(GetState=lambda _: inactive(state=state, summary="TRADING STOPPED (ESS ACTIVE) since noon"))

    done = ess_on_terminal("--target", server.target, "status", env={"TERM": "xterm", **environment})

    assert ("\x1b[31m" in done.out) == coloured
    assert "TRADING STOPPED (ESS ACTIVE) since noon" in ANSI.sub("", done.out)


@pytest.mark.parametrize(
    ("status", "details", "code", "words"),
    [
        (grpc.StatusCode.UNAVAILABLE, "down", Exit.UNREACHABLE, "does not answer: down"),
        (grpc.StatusCode.UNIMPLEMENTED, "no such", Exit.UNREACHABLE, "is no ESS server, or one of another version"),
        (
            grpc.StatusCode.UNAVAILABLE,
            "x: [a: no name]",
            Exit.UNREACHABLE,
            "does not answer: no name\n",
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "full", Exit.UNREACHABLE, "does not answer: full"),
        (grpc.StatusCode.PERMISSION_DENIED, "not you", Exit.REFUSED, "ess: not you"),
        (grpc.StatusCode.INTERNAL, "", Exit.REFUSED, "the server failed with INTERNAL"),
    ],
)
def test_every_failure_is_one_sentence_and_an_exit_code(
    status: grpc.StatusCode, details: str, code: Exit, words: str, *, script: Script, here: Here
) -> None:
    """No failure of a call shows a traceback, and its status decides the exit code."""

    def fail(_: Any) -> None:
        raise StatusError(status, details)

    done = here("--target", script(GetState=fail).target, "status", "--json")

    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_a_server_that_hangs_is_given_up_in_time(script: Script, here: Here) -> None:
    """--timeout bounds the wait for an answer."""

    def hang(_: Any) -> pb.GetStateResponse:
        time.sleep(2)
        return inactive()

    done = here("--target", script(GetState=hang).target, "--timeout", "0.2", "status")

    assert done.code == Exit.UNREACHABLE
    assert "nothing came back in time" in done.err


def test_numbers_of_the_contract_are_printed_as_its_json(script: Script, here: Here) -> None:
    """64-bit numbers are texts in JSON, as protobuf defines it."""
    document = json.loads(here("--target", script(GetState=lambda _: inactive()).target, "status", "--json").out)

    assert document["state"]["revision"] == "7"


def test_a_cause_names_its_evaluator_once(script: Script, here: Here) -> None:
    """Words that begin with the evaluator's own name do not repeat it."""
    one = stop()
    one.cause.CopyFrom(pb.Cause(source=pb.CAUSE_SOURCE_EVALUATOR, evaluator="host", reason="host: the disk is full"))
    server = script(GetState=lambda _: inactive(state=pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=[one])))

    assert "evaluator by host: the disk is full" in here("--target", server.target, "status").out


def test_an_account_with_positions_is_not_flat_because_its_orders_are_gone(script: Script, here: Here) -> None:
    """What a stop that only cancels has finished is shown as cancelled while a position is open."""
    one = stop(stop_id="c", action=pb.STOP_ACTION_CANCEL)
    main = pb.AccountProgress(account="main", status=pb.FLATTEN_STATUS_CANCELLED, stop_id="c", open_orders=0)
    main.open_positions = 1
    state = pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=[one])
    server = script(GetState=lambda _: inactive(state=state, accounts=[main]))

    out = here("--target", server.target, "status").out

    assert "CANCELLED" in out
    assert "FLAT" not in out.partition("accounts")[2]
