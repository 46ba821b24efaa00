"""``ess reset`` and ``ess hold``: only with a revision that somebody has looked at."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess, ess_on_terminal, eventually
from tests.cli.scripted import ScriptedService, StatusError, inactive

Script = Callable[..., ScriptedService]

NOT_FLAT = pb.Refusal(reason="NOT_FLAT", detail="account main is CLOSING", overridable=True)
STORE_FAILED = pb.Refusal(reason="STORE_FAILED", detail="the disk is full; mend it", overridable=False)
REFUSED = "; ".join(f"{r.reason}: {r.detail}" for r in (NOT_FLAT, STORE_FAILED))


def stopped(revision: int = 7) -> pb.GetStateResponse:
    """Return a state with a global stop."""
    stop = pb.Stop(stop_id="1", scope="global", action=pb.STOP_ACTION_FLATTEN, revision=revision, durable=True)
    state = pb.StopState(store_id="s", revision=revision, status=pb.STOP_STATUS_ACTIVE, stops=[stop])
    return inactive(state=state, summary="TRADING STOPPED (ESS ACTIVE) since noon")


def released(_: Any) -> pb.ResetResponse:
    """Answer as if nothing stood in the way."""
    return pb.ResetResponse(
        outcome=pb.RESET_OUTCOME_RELEASED, summary="Trading is allowed: no stop is latched", state=inactive().state
    )


def validating(*refusals: pb.Refusal) -> Callable[[pb.ResetRequest], pb.ResetResponse]:
    """Answer checks with ``refusals``, and everything else with a release."""

    def answer(request: pb.ResetRequest) -> pb.ResetResponse:
        if not request.validate_only:
            return released(request)
        summary = f"{len(refusals)} things stand in the way"
        return pb.ResetResponse(outcome=pb.RESET_OUTCOME_VALIDATED, summary=summary, refusals=refusals)

    return answer


def refusing(_: Any) -> None:
    """Refuse for two reasons."""
    raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, REFUSED)


def test_a_stop_is_released_with_the_revision_in_force_and_no_other(serving: ServeProcess) -> None:
    """A stale revision is refused with what to type next, the right one releases, twice is refused."""
    serving.commission()
    old = serving.ess("status", "--json").json["state"]["revision"]
    serving.ess("trigger", "-m", "fat finger")

    stale = serving.ess("reset", "--revision", old, "-m", "mended")
    unasked = serving.ess("reset", "-m", "mended")

    assert (stale.code, unasked.code) == (Exit.REFUSED, Exit.USAGE)
    assert "REVISION_MISMATCH: global was stopped at revision" in stale.err
    assert f"next: ess --target {serving.target} status, and then again" in stale.err
    now = serving.ess("status", "--json").json["state"]["revision"]
    assert f"now in force is {now}" in unasked.err
    assert f"reset --revision {now} --reason" in unasked.err

    right = serving.ess("reset", "--revision", now, "-m", "mended", "--by", "ann", "--json")
    again = serving.ess("reset", "--revision", now, "-m", "mended")

    assert (right.code, again.code) == (Exit.OK, Exit.REFUSED)
    assert right.json["outcome"] == "RESET_OUTCOME_RELEASED"
    assert "NOT_STOPPED: global is not stopped" in again.err
    newest = serving.ess("events", "--kind", "stop.released", "--limit", "1", "--json").json["events"][0]
    assert (newest["summary"], newest["actor"]["requested_by"]) == ("mended", "ann")


def test_a_tripwire_keeps_it_stopped_and_is_named(serving: ServeProcess) -> None:
    """What stands in the way is listed completely, each thing with its next command."""
    serving.commission()
    (serving.data_dir / "tripwire").touch()
    eventually(lambda: serving.ess("status").code == Exit.ACTIVE)

    done = serving.ess("reset", "--revision", "1", "-m", "x")
    checked = serving.ess("reset", "--dry-run")

    assert (done.code, checked.code) == (Exit.REFUSED, Exit.REFUSED)
    assert "TRIPWIRE_PRESENT" in checked.out
    assert "next: on the server's machine: rm DATA_DIR/tripwire" in checked.out


@pytest.mark.parametrize(("named", "code"), [("not_flat", Exit.OK), ("NOT_FLATT", Exit.USAGE)])
def test_an_override_that_does_not_exist_is_named(named: str, code: Exit, script: Script, here: Here) -> None:
    """A name in small letters counts; one that is none is wrong use, and the answer lists those that are."""
    server = script(GetState=lambda _: stopped(), Reset=released)
    done = here("--target", server.target, "reset", "--revision", "7", "-m", "x", "--by", "bob", "--override", named)
    assert done.code == code
    if code:
        assert (
            "'NOT_FLATT' is no refusal; what can be gone past is NOT_FLAT, CONDITION_TRUE, UNCONFIRMED_GATES"
            in done.err
        )
    else:
        assert list(server.requests[-1].overrides) == ["NOT_FLAT"]


def test_everything_that_was_typed_is_sent(script: Script, here: Here) -> None:
    """Scope, reason, revision, overrides, rebaseline and person arrive; the store is not claimed unseen."""
    server = script(Reset=released)

    done = here(
        *("--target", server.target, "reset", "account/a", "--revision", "7", "-m", "why", "--by", "ann"),
        *("--override", "NOT_FLAT", "--override", "CONDITION_TRUE", "--rebaseline"),
    )

    (request,) = server.requests
    assert done.code == Exit.OK
    assert (request.scope, request.revision, request.reason, request.requested_by) == ("account/a", 7, "why", "ann")
    assert list(request.overrides) == ["NOT_FLAT", "CONDITION_TRUE"]
    assert (request.rebaseline, request.validate_only, request.store_id) == (True, False, "")
    assert len(request.request_id) == 32


@pytest.mark.parametrize("command", ["reset", "hold"])
def test_a_refusal_is_a_list_each_with_what_to_type_next(command: str, script: Script, here: Here) -> None:
    """Details that hold semicolons stay whole; nothing was changed, so it ends with 1."""
    server = script(Reset=refusing, HoldFlatten=refusing)

    done = here("--target", server.target, command, "--revision", "7", "-m", "x")

    look = f"ess --target {server.target} status"
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert done.err.splitlines() == [
        f"ess: the {command} was refused, 2 things stand in the way",
        "  NOT_FLAT: account main is CLOSING",
        f"      next: {look} until the accounts are flat, or take it upon you: --override NOT_FLAT",
        "  STORE_FAILED: the disk is full; mend it",
        f"      next: mend the disk, then: {look}",
    ]


def test_a_refusal_is_json_for_machines(script: Script, here: Here) -> None:
    """The reasons can be read without parsing sentences."""
    server = script(Reset=refusing)

    done = here("--target", server.target, "reset", "--revision", "7", "-m", "x", "--json")

    assert (done.code, done.json["outcome"]) == (Exit.REFUSED, "REFUSED")
    assert [r["reason"] for r in done.json["refusals"]] == ["NOT_FLAT", "STORE_FAILED"]


def test_a_release_that_could_not_be_written_is_refused_not_unreachable(script: Script, here: Here) -> None:
    """The server answers UNAVAILABLE for it; the command tells it from a server that is gone."""

    def fail(_: Any) -> None:
        raise StatusError(grpc.StatusCode.UNAVAILABLE, "STORE_FAILED: the reset could not be written; still stopped")

    done = here("--target", script(Reset=fail).target, "reset", "--revision", "7", "-m", "x")

    assert done.code == Exit.REFUSED
    assert done.err.startswith("ess: STORE_FAILED: the reset could not be written; still stopped\nnext: ess --target")


@pytest.mark.parametrize(
    ("refusals", "overrides", "code"),
    [
        ((), (), Exit.OK),
        ((NOT_FLAT,), (), Exit.REFUSED),
        ((NOT_FLAT,), ("NOT_FLAT",), Exit.OK),
        ((STORE_FAILED,), ("STORE_FAILED",), Exit.REFUSED),
    ],
    ids=["free", "in the way", "overridden", "cannot be overridden"],
)
def test_a_dry_run_tells_whether_the_reset_would_go_through(
    refusals: tuple[pb.Refusal, ...], overrides: tuple[str, ...], code: Exit, *, script: Script, here: Here
) -> None:
    """Nothing is released; the exit code is that of the reset as typed, with the revision in force."""
    server = script(GetState=lambda _: stopped(), Reset=validating(*refusals))

    done = here("--target", server.target, "reset", "--dry-run", *(f"--override={o}" for o in overrides))

    assert done.code == code
    assert all(r.validate_only and r.revision == 7 for r in server.requests if isinstance(r, pb.ResetRequest))
    assert all(r.detail in done.out for r in refusals)


@pytest.mark.parametrize("command", ["reset", "hold"])
def test_no_reason_is_wrong_use(command: str, script: Script, here: Here) -> None:
    """Without a reason, and without anybody to ask, nothing is sent."""
    server = script()

    done = here("--target", server.target, command, "--revision", "7")

    assert (done.code, server.requests) == (Exit.USAGE, [])
    assert "--reason is required" in done.err


def test_on_a_terminal_the_state_is_shown_and_its_revision_confirmed(script: Script) -> None:
    """A person sees stops and obstacles, says why, agrees; revision and store are those that were shown."""
    server = script(GetState=lambda _: stopped(), Reset=validating(NOT_FLAT))

    done = ess_on_terminal(
        *("--target", server.target, "reset"),
        answers={"why is it safe": "mended", "[y/N]": "y"},
    )

    sent = server.requests[-1]
    assert done.code == Exit.OK
    assert (sent.validate_only, sent.revision, sent.store_id, sent.reason) == (False, 7, "s", "mended")
    shown = [done.out.index(w) for w in ("since noon", "NOT_FLAT: account main", "at revision 7", "Trading is allowed")]
    assert shown == sorted(shown)


@pytest.mark.parametrize("command", ["reset", "hold"])
def test_on_a_terminal_nothing_happens_without_a_yes(command: str, script: Script) -> None:
    """Anything but yes changes nothing and ends with 1."""
    server = script(GetState=lambda _: stopped(), Reset=validating())

    done = ess_on_terminal("--target", server.target, command, "-m", "x", answers={"[y/N]": ""})

    assert done.code == Exit.REFUSED
    assert "nothing was changed" in done.out
    assert not [r for r in server.requests if isinstance(r, pb.HoldFlattenRequest)]
    assert not [r for r in server.requests if isinstance(r, pb.ResetRequest) and not r.validate_only]


@pytest.mark.parametrize("command", ["reset", "hold"])
@pytest.mark.parametrize("left_at", ["]: ", "?: "], ids=["confirmation", "reason"])
def test_who_leaves_at_a_question_is_told_that_nothing_was_sent(command: str, left_at: str, script: Script) -> None:
    """Nobody has to look whether a stop was released that they had not agreed to."""
    server = script(GetState=lambda _: stopped(), Reset=validating())
    reason = ["-m", "x"] if left_at == "]: " else []

    done = ess_on_terminal("--target", server.target, command, *reason, answers={left_at: "\x04"})

    assert done.code == Exit.INTERRUPTED
    assert "ess: interrupted: nothing was sent" in done.out
    assert not [r for r in server.requests if isinstance(r, pb.HoldFlattenRequest)]
    assert not [r for r in server.requests if isinstance(r, pb.ResetRequest) and not r.validate_only]


def test_hold_ends_the_work_and_trading_stays_blocked(serving: ServeProcess) -> None:
    """A held stop is still a stop, and its action is down to BLOCK."""
    serving.commission()
    revision = serving.ess("trigger", "--json").json["stop"]["revision"]

    done = serving.ess("hold", "--revision", revision, "-m", "false trip")

    assert done.code == Exit.OK
    assert done.out.startswith("TRADING STOPPED (ESS ACTIVE)")
    (stop,) = serving.ess("status", "--json").json["state"]["stops"]
    assert stop["action"] == "STOP_ACTION_BLOCK"


def test_a_bad_scope_is_wrong_use_of_reset(serving: ServeProcess) -> None:
    """What the server calls an invalid argument ends with 2 and its own sentence."""
    done = serving.ess("reset", "acount/main", "--revision", "1", "-m", "x")

    assert done.code == Exit.USAGE
    assert done.err.startswith("ess: scope: 'acount/main' is not global or one of venue/<id>")
