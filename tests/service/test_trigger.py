"""Trigger over a real connection: complete when empty, never refused, idempotent while the stop stands."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ess_client.pb import emergency_stop_pb2 as pb
from tests.service.conftest import Served


async def test_empty_trigger_stops_the_whole_firm(served: Served) -> None:
    """`{}` is a complete trigger: global, the configured action, durable, with the peer as its actor."""
    answer = await served.stops.Trigger(pb.TriggerRequest())

    assert answer.stop.scope == "global"
    assert answer.stop.action == pb.STOP_ACTION_FLATTEN
    assert answer.stop.durable
    assert answer.stop.cause.source == pb.CAUSE_SOURCE_MANUAL
    assert answer.stop.cause.actor.credential == pb.CREDENTIAL_NONE
    assert answer.stop.cause.actor.peer.startswith("ipv4:127.0.0.1:")
    assert "TRADING STOPPED (ESS ACTIVE)" in answer.summary


@pytest.mark.parametrize(
    ("request_", "warning"),
    [
        (pb.TriggerRequest(scope="galaxy/1"), "scope"),
        (pb.TriggerRequest(scope="account/"), "scope"),
        (pb.TriggerRequest(scope="account/" + "x" * 500), "scope"),
        (pb.TriggerRequest(wait=Duration(seconds=-5)), "wait"),
        (pb.TriggerRequest(wait=Duration(seconds=2**62)), "wait"),
        (pb.TriggerRequest(request_id="i" * 65), "request_id"),
    ],
)
async def test_odd_fields_become_warnings_and_the_stop_stands(
    served: Served, request_: pb.TriggerRequest, warning: str
) -> None:
    """Whatever is wrong with a trigger's fields, it stops at least what was asked, and says what was odd."""
    answer = await served.stops.Trigger(request_)

    assert answer.stop.scope == "global"
    assert answer.stop.durable
    assert any(w.startswith(warning) for w in answer.warnings)


async def test_unknown_action_number_is_the_configured_action(served: Served) -> None:
    """A number from a newer client never weakens or refuses the stop."""
    answer = await served.stops.Trigger(pb.TriggerRequest(action=9))  # type: ignore[arg-type]

    assert answer.stop.action == pb.STOP_ACTION_FLATTEN


async def test_oversized_reason_is_cut_and_marked(served: Served) -> None:
    """A reason of a megabyte is cut to the contract's size at a character, marked, and never refused."""
    answer = await served.stops.Trigger(pb.TriggerRequest(reason="ü" * 500_000))

    assert len(answer.stop.cause.reason.encode()) <= 256
    assert answer.stop.cause.reason.endswith("[cut]")
    events = await served.stops.ListEvents(pb.ListEventsRequest(kind="stop.activated"))
    assert len(events.events[0].summary.encode()) <= 1024


async def test_same_request_id_returns_the_same_stop(served: Served) -> None:
    """A retried trigger adds no cause and no revision while its stop stands."""
    request = pb.TriggerRequest(scope="account/main", request_id="abc")
    first = await served.stops.Trigger(request)
    again = await served.stops.Trigger(request)

    assert (first.stop.stop_id, first.stop.revision) == (again.stop.stop_id, again.stop.revision)
    assert again.stop.cause_count == 1


async def test_same_request_id_with_a_stronger_action_is_a_new_trigger(served: Served) -> None:
    """An id is never a way to lose a stronger request."""
    weak = pb.TriggerRequest(request_id="abc", action=pb.STOP_ACTION_BLOCK)
    strong = pb.TriggerRequest(request_id="abc", action=pb.STOP_ACTION_FLATTEN)
    await served.stops.Trigger(weak)
    answer = await served.stops.Trigger(strong)

    assert answer.stop.action == pb.STOP_ACTION_FLATTEN
    assert answer.stop.cause_count == 2


async def test_unknown_scope_id_is_accepted_with_a_warning(served: Served) -> None:
    """A typo in an account stops nothing else, but says so."""
    answer = await served.stops.Trigger(pb.TriggerRequest(scope="account/mian"))

    assert answer.stop.scope == "account/mian"
    assert list(answer.warnings) == ["no account or gate is known for scope account/mian"]


async def test_wait_returns_once_the_gate_has_confirmed(served: Served) -> None:
    """With `wait`, the answer counts a gate that acknowledged the revision."""
    watch = served.stops.WatchState(pb.WatchStateRequest(subscriber_id="e", session_id="s"))
    await watch.read()
    trigger = served.stops.Trigger(pb.TriggerRequest(wait=Duration(seconds=5)))
    message = await watch.read()
    while not message.state.stops:
        message = await watch.read()
    ack = pb.Acknowledgement(subscriber_id="e", session_id="s", revision=message.state.revision)
    await served.stops.AcknowledgeState(
        pb.AcknowledgeStateRequest(store_id=message.state.store_id, acknowledgements=[ack])
    )
    answer = await trigger

    assert (answer.enforcement.confirmed, answer.enforcement.pending) == (1, 0)
    watch.cancel()


async def test_wait_ends_before_the_deadline_of_the_call(served: Served) -> None:
    """A gate that never confirms does not turn a latched stop into DEADLINE_EXCEEDED."""
    watch = served.stops.WatchState(pb.WatchStateRequest(subscriber_id="e", session_id="s"))
    await watch.read()
    answer = await served.stops.Trigger(pb.TriggerRequest(wait=Duration(seconds=5)), timeout=0.6)

    assert answer.enforcement.pending == 1
    assert list(answer.enforcement.unconfirmed) == ["e"]
    watch.cancel()


async def test_trigger_survives_a_caller_that_goes_away(served: Served) -> None:
    """A caller that hangs up while it waits for gates takes nothing back."""
    watch = served.stops.WatchState(pb.WatchStateRequest(subscriber_id="e", session_id="s"))
    await watch.read()
    call = served.stops.Trigger(pb.TriggerRequest(reason="gone", wait=Duration(seconds=5)))
    message = await watch.read()
    while not message.state.stops:
        message = await watch.read()
    call.cancel()
    watch.cancel()
    state = (await served.stops.GetState(pb.GetStateRequest())).state

    assert [s.cause.reason for s in state.stops] == ["gone"]
    assert state.stops[0].durable


async def test_too_large_for_the_transport_is_the_only_refusal(served: Served) -> None:
    """Only what gRPC itself refuses does not stop; the server goes on."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.Trigger(pb.TriggerRequest(reason="x" * 5_000_000))

    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await served.stops.Trigger(pb.TriggerRequest())).stop.durable
