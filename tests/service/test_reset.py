"""Reset and HoldFlatten over a real connection."""

import asyncio
from pathlib import Path

import grpc
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.service.conftest import Serve, Served


def reset(revision: int, /, **fields: object) -> pb.ResetRequest:
    """A complete reset request."""
    return pb.ResetRequest(**{"revision": revision, "reason": "mended", "requested_by": "ann"} | fields)


async def stopped(served: Served, **fields: object) -> int:
    """Trigger, and return the revision."""
    return (await served.stops.Trigger(pb.TriggerRequest(**fields))).stop.revision


async def test_new_store_is_stopped_until_it_is_commissioned(serve: Serve) -> None:
    """An empty directory proves nothing: global BLOCK and no more, until a person resets it."""
    one = await serve()
    state = (await one.stops.GetState(pb.GetStateRequest())).state
    assert [(s.scope, s.action) for s in state.stops] == [("global", pb.STOP_ACTION_BLOCK)]
    assert "never commissioned" in state.stops[0].cause.reason

    answer = await one.stops.Reset(reset(state.revision))
    assert answer.outcome == pb.RESET_OUTCOME_RELEASED
    assert answer.state.status == pb.STOP_STATUS_INACTIVE


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"revision": 0}, "revision"),
        ({"revision": -3}, "revision"),
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "r" * 1025}, "reason"),
        ({"requested_by": ""}, "requested_by"),
        ({"request_id": "i" * 65}, "request_id"),
        ({"scope": "galaxy/1"}, "scope"),
        ({"scope": "account/"}, "scope"),
    ],
)
async def test_bad_field_is_named_and_nothing_changes(served: Served, fields: dict[str, object], field: str) -> None:
    """INVALID_ARGUMENT names the field; the stop stands untouched."""
    revision = await stopped(served)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.Reset(reset(revision, **fields))

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details().startswith(f"{field}: ")
    state = (await served.stops.GetState(pb.GetStateRequest())).state
    assert (state.status, state.revision) == (pb.STOP_STATUS_ACTIVE, revision)


async def test_stale_revision_is_aborted_with_the_cause_it_has_not_seen(served: Served) -> None:
    """A reset covers only what the person has looked at; the refusal says what came after."""
    revision = await stopped(served)
    newer = await stopped(served, reason="second alarm")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.Reset(reset(revision))

    assert refused.value.code() == grpc.StatusCode.ABORTED
    assert str(newer) in refused.value.details()
    assert "ess status" in refused.value.details()


async def test_revision_from_the_future_releases_nothing(served: Served) -> None:
    """A huge number is not a way to cover triggers that nobody has looked at."""
    await stopped(served)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.Reset(reset(2**62))

    assert refused.value.code() == grpc.StatusCode.ABORTED


async def test_other_store_is_aborted(served: Served) -> None:
    """A reset meant for another installation changes nothing here."""
    revision = await stopped(served)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.Reset(reset(revision, store_id="another"))

    assert refused.value.code() == grpc.StatusCode.ABORTED


async def test_scopes_are_released_independently(served: Served) -> None:
    """Releasing one scope leaves the others; a newer trigger elsewhere does not matter."""
    first = await stopped(served, scope="account/a")
    await stopped(served, scope="account/b")
    answer = await served.stops.Reset(reset(first, scope="account/a"))

    assert [s.scope for s in answer.state.stops] == ["account/b"]
    assert answer.state.status == pb.STOP_STATUS_ACTIVE


async def test_scope_that_is_not_stopped_is_refused_with_what_is(served: Served) -> None:
    """A reset of the wrong scope says which stops stand."""
    revision = await stopped(served)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.Reset(reset(revision, scope="account/a"))

    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "standing stops: global" in refused.value.details()


async def test_validate_only_lists_everything_and_changes_nothing(served: Served) -> None:
    """A check names every obstacle, not only the first, and leaves the stop."""
    first = await stopped(served)
    await stopped(served)
    watch = served.stops.WatchState(pb.WatchStateRequest(subscriber_id="e", session_id="s"))
    await watch.read()
    await stopped(served)
    answer = await served.stops.Reset(reset(first, validate_only=True))

    assert answer.outcome == pb.RESET_OUTCOME_VALIDATED
    assert {r.reason for r in answer.refusals} == {"REVISION_MISMATCH", "UNCONFIRMED_GATES"}
    assert answer.state.status == pb.STOP_STATUS_ACTIVE
    watch.cancel()


async def test_unconfirmed_gate_is_passed_by_name_only(serve: Serve) -> None:
    """A gate that is expected and was never seen stands in the way until the person names the override."""
    one = await serve(expected_subscribers=("engine-a",))
    state = (await one.stops.GetState(pb.GetStateRequest())).state
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await one.stops.Reset(reset(state.revision))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "engine-a" in refused.value.details()

    answer = await one.stops.Reset(reset(state.revision, overrides=["UNCONFIRMED_GATES"]))
    assert answer.outcome == pb.RESET_OUTCOME_RELEASED
    events = await one.stops.ListEvents(pb.ListEventsRequest(kind="stop.released"))
    assert events.events[0].details["overrides"] == "UNCONFIRMED_GATES"


async def test_same_request_id_answers_the_same_after_success(served: Served) -> None:
    """A retried reset whose answer was lost is told that it succeeded."""
    request = reset(await stopped(served), request_id="once")
    first = await served.stops.Reset(request)
    again = await served.stops.Reset(request)

    assert first.outcome == again.outcome == pb.RESET_OUTCOME_RELEASED


async def test_refused_and_accepted_resets_are_logged_with_the_person(served: Served) -> None:
    """Every reset leaves an event that names who asked and why."""
    revision = await stopped(served)
    with pytest.raises(grpc.aio.AioRpcError):
        await served.stops.Reset(reset(1))
    await served.stops.Reset(reset(revision))
    events = (await served.stops.ListEvents(pb.ListEventsRequest())).events

    assert [e.kind for e in events[:2]] == ["stop.released", "reset.refused"]
    assert {e.actor.requested_by for e in events[:2]} == {"ann"}


async def test_hold_lowers_the_action_and_keeps_the_stop(served: Served) -> None:
    """After a hold trading stays blocked, at a new revision, and nothing is cancelled or closed any more."""
    revision = await stopped(served)
    request = pb.HoldFlattenRequest(revision=revision, reason="false trip", requested_by="ann")
    answer = await served.stops.HoldFlatten(request)

    assert [(s.scope, s.action) for s in answer.state.stops] == [("global", pb.STOP_ACTION_BLOCK)]
    assert answer.state.revision > revision
    assert "held" in answer.summary


async def test_trigger_after_a_hold_works_again(served: Served) -> None:
    """A person's trigger raises a held stop."""
    revision = await stopped(served)
    await served.stops.HoldFlatten(pb.HoldFlattenRequest(revision=revision, reason="x", requested_by="ann"))
    answer = await served.stops.Trigger(pb.TriggerRequest())

    assert answer.stop.action == pb.STOP_ACTION_FLATTEN
    assert "held" not in answer.summary


async def test_tripwire_forbids_reset_until_it_is_removed(serve: Serve, tmp_path: Path) -> None:
    """The file stops within a tick, and no reset passes while it exists, whatever it overrides."""
    one = await serve()
    await one.commission()
    wire = tmp_path / "data" / "tripwire"
    watch = one.stops.WatchState(pb.WatchStateRequest())
    await watch.read()
    wire.write_text("flood in the server room\n")
    message = await watch.read()
    while message.state.status != pb.STOP_STATUS_ACTIVE:
        message = await watch.read()
    watch.cancel()
    assert message.state.stops[0].cause.source == pb.CAUSE_SOURCE_TRIPWIRE
    assert message.state.stops[0].cause.reason == "flood in the server room"

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await one.stops.Reset(reset(message.state.revision, overrides=["TRIPWIRE_PRESENT"]))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    wire.unlink()
    answer = await one.stops.Reset(reset(message.state.revision))
    assert answer.outcome == pb.RESET_OUTCOME_RELEASED


async def test_a_reset_of_a_scope_that_cannot_be_read_is_in_the_log(served: Served) -> None:
    """Evidence: even a malformed reset or hold leaves an event that names the person."""
    revision = await stopped(served)
    hold = pb.HoldFlattenRequest(revision=revision, reason="x", requested_by="ann", scope="bogus")
    for call in (served.stops.Reset(reset(revision, scope="bogus")), served.stops.HoldFlatten(hold)):
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    seen: set[tuple[str, str]] = set()
    for _ in range(100):
        events = (await served.stops.ListEvents(pb.ListEventsRequest())).events
        seen = {(e.kind, e.actor.requested_by) for e in events}
        if {("hold.refused", "ann"), ("reset.refused", "ann")} <= seen:
            break
        await asyncio.sleep(0.02)

    assert {("hold.refused", "ann"), ("reset.refused", "ann")} <= seen


async def test_tripwire_made_after_a_hold_is_a_newer_word(serve: Serve, tmp_path: Path) -> None:
    """A hold quiets the file that stood before it; a file made since raises the stop again."""
    one = await serve()
    await one.commission()
    revision = await stopped(one)
    await one.stops.HoldFlatten(pb.HoldFlattenRequest(revision=revision, reason="x", requested_by="ann"))
    await one.running.system.monitor.tick()
    (tmp_path / "data" / "tripwire").touch()
    await one.running.system.monitor.tick()
    state = (await one.stops.GetState(pb.GetStateRequest())).state

    assert [s.action for s in state.stops] == [pb.STOP_ACTION_FLATTEN]
