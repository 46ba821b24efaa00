"""``ess trigger --wait``: follows gates and venues, and never calls done what is not."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from tests.cli.conftest import Here
from tests.cli.running import ess_on_terminal
from tests.cli.scripted import ScriptedService, StatusError, inactive, latched

Script = Callable[..., ScriptedService]


def waiting_states(*states: pb.GetStateResponse) -> Callable[[Any], pb.GetStateResponse]:
    """Answer with one state after the other, the last one for ever."""
    left = list(states)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def at_work(status: int, *, stop_id: str = "1", pending: int = 0, missing: int = 0) -> pb.GetStateResponse:
    """Return a state with one account under work, and gates yet to confirm."""
    account = pb.AccountProgress(account="main", venue="okx", status=status, stop_id=stop_id)  # type: ignore[arg-type] # a value of the enumeration
    gates = pb.Enforcement(revision=7, expected=2, confirmed=2 - pending - missing, pending=pending, missing=missing)
    state = pb.StopState(status=pb.STOP_STATUS_ACTIVE, stops=[pb.Stop(stop_id="1", scope="global")])
    summary = "TRADING STOPPED (ESS ACTIVE), as seen last"
    return inactive(state=state, accounts=[account], enforcement=gates, summary=summary)


def test_wait_follows_gates_and_venues_until_all_is_done(script: Script, here: Here) -> None:
    """Each change is printed, and the command ends as soon as every gate denies and every account is flat."""
    states = waiting_states(
        at_work(pb.FLATTEN_STATUS_CANCELLING, pending=1),
        at_work(pb.FLATTEN_STATUS_CLOSING),
        at_work(pb.FLATTEN_STATUS_FLAT),
    )
    server = script(Trigger=lambda _: latched(), GetState=states)

    done = here("--target", server.target, "trigger", "--wait", "30")

    assert done.code == Exit.OK
    assert done.err.splitlines()[:3] == [
        "gates: 1 of 2 known to deny, main CANCELLING",
        "gates: 2 of 2 known to deny, main CLOSING",
        "gates: 2 of 2 known to deny, main FLAT",
    ]
    assert done.out.startswith("TRADING STOPPED (ESS ACTIVE), as seen last")


@pytest.mark.parametrize(
    "state",
    [
        at_work(pb.FLATTEN_STATUS_FLAT, pending=1),
        at_work(pb.FLATTEN_STATUS_FLAT, missing=1),
        at_work(pb.FLATTEN_STATUS_INCOMPLETE),
        at_work(pb.FLATTEN_STATUS_HELD),
        at_work(pb.FLATTEN_STATUS_FLAT, stop_id="an older one"),
        inactive(enforcement=pb.Enforcement(revision=6)),
    ],
    ids=["gate pending", "gate missing", "incomplete", "held", "flat for another stop", "not yet counted"],
)
def test_wait_never_calls_done_what_is_not(state: pb.GetStateResponse, script: Script, here: Here) -> None:
    """What is not shown flat, or not known to deny, when the time is over ends with 6."""
    server = script(Trigger=lambda _: latched(), GetState=lambda _: state)

    done = here("--target", server.target, "trigger", "--wait", "0.3", "--json")

    assert done.code == Exit.UNFINISHED
    assert done.json["stop"]["stop_id"] == "1"
    assert done.json["state"]["enforcement"]["revision"] == str(state.enforcement.revision)


def test_wait_on_a_terminal_shows_progress_in_place(script: Script) -> None:
    """A person sees gates and accounts while they change."""
    states = waiting_states(at_work(pb.FLATTEN_STATUS_CLOSING), at_work(pb.FLATTEN_STATUS_FLAT))
    server = script(Trigger=lambda _: latched(), GetState=states)

    done = ess_on_terminal("--target", server.target, "trigger", "--wait", "10", env={"TERM": "xterm"})

    assert done.code == Exit.OK
    assert "CLOSING" in done.out
    assert "gates: 2 of 2 confirmed" in done.out


def test_a_server_that_dies_while_waited_for_is_still_a_latched_stop(script: Script, here: Here) -> None:
    """Losing the server after it has latched says so and ends with 6, not with the tripwire."""

    def dead(_: Any) -> None:
        raise StatusError(grpc.StatusCode.UNAVAILABLE, "gone")

    done = here("--target", script(Trigger=lambda _: latched(), GetState=dead).target, "trigger", "--wait", "0.5")

    assert done.code == Exit.UNFINISHED
    assert "the server does not answer" in done.err
    assert done.out.startswith("TRADING STOPPED (ESS ACTIVE) since noon")
