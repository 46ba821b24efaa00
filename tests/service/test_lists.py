"""Lists, health, reflection and identity over real connections."""

import asyncio
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.config.settings import TlsSettings
from ess_server.core.chain import EMPTY_LOG, restore, verify
from ess_server.core.model import EventHead
from tests.service.conftest import Serve, Served


async def events(served: Served, **fields: object) -> list[pb.Event]:
    """Every event, page by page, two at a time."""
    found, token = [], ""
    for _ in range(200):
        request = pb.ListEventsRequest(page_size=2, page_token=token, **fields)
        page = await served.stops.ListEvents(request)
        found += page.events
        token = page.next_page_token
        if not token:
            return found
    raise AssertionError("pages never ended")


async def test_pages_hold_every_event_once_in_both_directions(served: Served) -> None:
    """Paging loses and repeats nothing, oldest or newest first."""
    for n in range(5):
        await served.stops.Trigger(pb.TriggerRequest(reason=str(n)))
    up, down = await events(served, oldest_first=True), await events(served)

    assert [e.sequence for e in up] == list(range(1, len(up) + 1))
    assert [e.sequence for e in down] == [e.sequence for e in reversed(up)]


async def test_events_filter_by_kind_family_and_stop(served: Served) -> None:
    """`stop.` names a family; a stop id names one stop."""
    first = await served.stops.Trigger(pb.TriggerRequest(scope="account/a"))
    await served.stops.Trigger(pb.TriggerRequest(scope="account/b"))

    assert {e.kind for e in await events(served, kind="stop.")} == {"stop.activated", "stop.released"}
    assert [e.scope for e in await events(served, stop_id=first.stop.stop_id)] == ["account/a"]


async def test_handler_goes_on_behind_the_event_it_handled_last(served: Served) -> None:
    """Behind a number every later event comes once, page by page; behind the newest there is none."""
    for n in range(4):
        await served.stops.Trigger(pb.TriggerRequest(reason=str(n)))
    everything = await events(served, oldest_first=True)
    for after in (1, 3, len(everything)):
        found = await events(served, oldest_first=True, after_sequence=after)
        assert [e.sequence for e in found] == [e.sequence for e in everything[after:]]


async def test_chain_over_the_wire_ends_in_the_head_that_heartbeats_publish(served: Served) -> None:
    """Anyone who watches can prove that nothing was changed, cut or left out."""
    await served.stops.Trigger(pb.TriggerRequest())
    stream = served.stops.WatchState(pb.WatchStateRequest())
    head = (await stream.read()).event_head
    stream.cancel()
    rows = await events(served, oldest_first=True)

    chain = [restore(e.record, e.previous_hash, e.hash) for e in rows]
    assert verify(chain, EMPTY_LOG, EventHead(sequence=head.sequence, hash=head.hash)) == []


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListEventsRequest(page_size=-1), "page_size"),
        (pb.ListEventsRequest(page_token="x"), "page_token"),
        (pb.ListEventsRequest(page_token="٣"), "page_token"),
        (pb.ListEventsRequest(page_token="9" * 19), "page_token"),
        (pb.ListEventsRequest(after_sequence=-1, oldest_first=True), "after_sequence"),
        (pb.ListEventsRequest(after_sequence=1), "after_sequence"),
    ],
)
async def test_bad_page_is_named(served: Served, request_: pb.ListEventsRequest, field: str) -> None:
    """INVALID_ARGUMENT names the field."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.ListEvents(request_)

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details().startswith(field)


async def test_subscribers_list_missing_then_pending_then_confirmed(serve: Serve) -> None:
    """What is not known to deny comes first; pages hold every gate once."""
    one = await serve(expected_subscribers=("absent", "b"))
    await one.commission_past_gates()
    streams = []
    for name in ("b", "c"):
        stream = one.stops.WatchState(pb.WatchStateRequest(subscriber_id=name, session_id=name, scopes=["account/x"]))
        await stream.read()
        streams.append(stream)
    stop = (await one.stops.Trigger(pb.TriggerRequest())).stop
    store = (await one.stops.GetState(pb.GetStateRequest())).state.store_id
    ack = pb.Acknowledgement(subscriber_id="c", session_id="c", revision=stop.revision)
    await one.stops.AcknowledgeState(pb.AcknowledgeStateRequest(store_id=store, acknowledgements=[ack]))

    first = await one.stops.ListSubscribers(pb.ListSubscribersRequest(page_size=2))
    rest = await one.stops.ListSubscribers(pb.ListSubscribersRequest(page_size=2, page_token=first.next_page_token))
    rows = [*first.subscribers, *rest.subscribers]
    assert [r.subscriber_id for r in rows] == ["absent", "b", "c"]
    assert rows[0].status == pb.SUBSCRIBER_STATUS_MISSING
    assert rows[1].status in (pb.SUBSCRIBER_STATUS_PENDING, pb.SUBSCRIBER_STATUS_EXPIRED)
    assert rows[2].status == pb.SUBSCRIBER_STATUS_CONFIRMED
    assert not rest.next_page_token
    only = await one.stops.ListSubscribers(pb.ListSubscribersRequest(unconfirmed_only=True))
    assert [r.subscriber_id for r in only.subscribers] == ["absent", "b"]
    for stream in streams:
        stream.cancel()


async def test_acknowledgement_of_another_store_counts_nothing(served: Served) -> None:
    """A gate cannot confirm what another store has latched; the reply still re-anchors its lease."""
    stream = served.stops.WatchState(pb.WatchStateRequest(subscriber_id="e", session_id="s"))
    first = await stream.read()
    stop = (await served.stops.Trigger(pb.TriggerRequest())).stop
    ack = pb.Acknowledgement(subscriber_id="e", session_id="s", revision=stop.revision)
    request = pb.AcknowledgeStateRequest(store_id="other", acknowledgements=[ack])
    answer = await served.stops.AcknowledgeState(request)
    state = await served.stops.GetState(pb.GetStateRequest())
    stream.cancel()

    assert answer.server_instance_id == first.server_instance_id
    assert state.enforcement.confirmed == 0


async def test_acknowledgement_of_a_revision_never_committed_proves_a_lost_stop(served: Served) -> None:
    """A gate that learns of a stop after its hello is a witness by its acknowledgement too."""
    before = (await served.stops.GetState(pb.GetStateRequest())).state
    ack = pb.Acknowledgement(subscriber_id="engine-a", session_id="s", revision=before.revision + 5)
    request = pb.AcknowledgeStateRequest(store_id=before.store_id, acknowledgements=[ack])
    await served.stops.AcknowledgeState(request)
    after = (await served.stops.GetState(pb.GetStateRequest())).state

    assert [(s.action, s.cause.source) for s in after.stops] == [(pb.STOP_ACTION_BLOCK, pb.CAUSE_SOURCE_WITNESS)]
    assert after.revision > before.revision + 5


@pytest.mark.parametrize("name", ["", "ess.v1.EmergencyStopService", "ess.v1.TelemetryService"])
async def test_health_is_serving_also_while_stopped(served: Served, name: str) -> None:
    """ACTIVE is a healthy server; Check and Watch both work beside the interceptor."""
    await served.stops.Trigger(pb.TriggerRequest())
    health = health_pb2_grpc.HealthStub(served.channel)
    request = health_pb2.HealthCheckRequest(service=name)
    assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
    stream = health.Watch(request)
    assert (await stream.read()).status == health_pb2.HealthCheckResponse.SERVING
    stream.cancel()


async def test_reflection_describes_both_services(served: Served) -> None:
    """Grpcurl needs no proto file: every service and its methods are described by the server."""

    def describe() -> set[str]:
        with grpc.insecure_channel(f"127.0.0.1:{served.running.port}") as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            file = database.FindFileContainingSymbol("ess.v1.EmergencyStopService")
            return {*database.get_services(), *(m.name for m in file.service[0].method)}

    described = await asyncio.to_thread(describe)
    assert {"ess.v1.EmergencyStopService", "ess.v1.TelemetryService", "Trigger", "WatchState"} <= described


async def test_client_certificate_is_the_identity(serve: Serve, tmp_path: Path) -> None:
    """With client_ca the proven name is recorded, and nobody without a certificate gets in."""
    authority = trustme.CA()
    server, client = authority.issue_cert("localhost"), authority.issue_cert("engine-a.trading.example")
    files = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca")}
    server.cert_chain_pems[0].write_to_path(files["cert"])
    server.private_key_pem.write_to_path(files["key"])
    authority.cert_pem.write_to_path(files["ca"])
    one = await serve(tls=TlsSettings(certificate=files["cert"], key=files["key"], client_ca=files["ca"]))
    root = authority.cert_pem.bytes()
    known = grpc.ssl_channel_credentials(root, client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes())
    target = f"localhost:{one.running.port}"
    async with grpc.aio.secure_channel(target, known) as channel:
        answer = await rpc.EmergencyStopServiceStub(channel).Trigger(
            pb.TriggerRequest(scope="account/a", requested_by="ann")
        )
    assert answer.stop.cause.actor.credential == pb.CREDENTIAL_MTLS
    assert answer.stop.cause.actor.id == "engine-a.trading.example"
    assert answer.stop.cause.actor.requested_by == "ann"

    async with grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(root)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rpc.EmergencyStopServiceStub(channel).GetState(pb.GetStateRequest(), timeout=5)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_too_many_acknowledgements_in_one_call_are_refused(served: Served) -> None:
    """One call cannot hold up the server: a thousand at most, and however many it names, one stop is latched."""
    state = (await served.stops.GetState(pb.GetStateRequest())).state
    odd = [pb.Acknowledgement(subscriber_id="r", session_id="s", revision=state.revision + n) for n in range(1, 1001)]
    request = pb.AcknowledgeStateRequest(store_id=state.store_id, acknowledgements=[*odd, odd[0]])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stops.AcknowledgeState(request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT

    del request.acknowledgements[-1]
    await served.stops.AcknowledgeState(request)
    after = (await served.stops.GetState(pb.GetStateRequest())).state
    assert [(s.cause.source, s.cause_count) for s in after.stops] == [(pb.CAUSE_SOURCE_WITNESS, 1)]
