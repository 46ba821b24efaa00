"""WatchState over a real connection: full state at once, on change and as a heartbeat; a proof that ages."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.app import check_listen, running
from ess_server.config.settings import ServerSettings, Settings
from ess_server.service.server import ListenError
from tests.service.conftest import Serve, Served


def seconds(value: Duration) -> float:
    """A protobuf duration in seconds."""
    return value.seconds + value.nanos / 1e9


async def watching(
    served: Served, name: str = "", session: str = "s", **fields: object
) -> tuple[Any, pb.WatchStateResponse]:
    """Open a stream and read its first message."""
    stream = served.stops.WatchState(pb.WatchStateRequest(subscriber_id=name, session_id=session, **fields))
    return stream, await stream.read()


async def test_first_message_is_the_full_state(served: Served) -> None:
    """A subscriber knows where it stands before anything happens."""
    stream, first = await watching(served)

    assert first.state.status == pb.STOP_STATUS_INACTIVE
    assert first.state.store_id
    assert first.server_instance_id
    assert first.gate_level == 1
    assert seconds(first.lease) == 1.0
    assert first.event_head.sequence >= 2
    assert len(first.event_head.hash) == 32
    stream.cancel()


async def test_proof_is_never_younger_than_the_message(served: Served) -> None:
    """proven_uptime never exceeds sent_uptime, and both rise with every heartbeat."""
    stream, last = await watching(served)
    for _ in range(4):
        message = await stream.read()
        assert seconds(message.proven_uptime) <= seconds(message.sent_uptime)
        assert seconds(message.sent_uptime) > seconds(last.sent_uptime)
        assert seconds(message.sent_uptime) - seconds(message.proven_uptime) < 1.0
        last = message
    stream.cancel()


async def test_a_stop_comes_at_once_and_not_with_the_next_heartbeat(serve: Serve) -> None:
    """With a heartbeat of 10 s (beyond every test here), the stop still arrives while Trigger is answered."""
    one = await serve(heartbeat=timedelta(seconds=10))
    await one.commission()
    stream, _ = await watching(one)
    await one.stops.Trigger(pb.TriggerRequest(reason="now"))
    message = await asyncio.wait_for(stream.read(), 2)

    assert message.state.status == pb.STOP_STATUS_ACTIVE
    assert message.state.stops[0].cause.reason == "now"
    stream.cancel()


async def test_every_subscriber_gets_the_same_bytes(served: Served) -> None:
    """One message is built for all, so that no subscriber can be told another story."""
    streams = [(await watching(served, session=str(n)))[0] for n in range(5)]
    await served.stops.Trigger(pb.TriggerRequest())
    seen = []
    for stream in streams:
        message = await stream.read()
        while not message.state.stops:
            message = await stream.read()
        seen.append(message.SerializeToString(deterministic=True))
        stream.cancel()

    assert len(set(seen)) == 1


async def test_one_that_never_reads_delays_nobody(served: Served) -> None:
    """Fifty subscribers that never read: a healthy one still sees each of many triggers within a heartbeat."""
    idle = [served.stops.WatchState(pb.WatchStateRequest(subscriber_id=f"idle{n}")) for n in range(50)]
    stream, _ = await watching(served, "healthy")
    for _ in range(20):
        revision = (await served.stops.Trigger(pb.TriggerRequest())).stop.revision
        message = await asyncio.wait_for(stream.read(), 2)
        while message.state.revision < revision:
            message = await asyncio.wait_for(stream.read(), 2)
    for one in [*idle, stream]:
        one.cancel()


async def test_server_at_its_cap_refuses_new_streams_and_still_takes_triggers(serve: Serve) -> None:
    """The stream beyond max_subscribers ends RESOURCE_EXHAUSTED; a closed one gives its place back."""
    one = await serve(max_subscribers=2)
    first, _ = await watching(one, "a")
    second, _ = await watching(one)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watching(one, "c")
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await one.stops.Trigger(pb.TriggerRequest())).stop.durable

    first.cancel()
    for _ in range(100):
        if one.running.system.subscribers.open_streams < 2:
            break
        await asyncio.sleep(0.01)
    third, _ = await watching(one, "c")
    for stream in (second, third):
        stream.cancel()


async def test_draining_server_says_so_and_ends_with_an_error(serve: Serve) -> None:
    """On shutdown every stream gets a draining message that still counts, then UNAVAILABLE, never OK."""
    one = await serve()
    stream, message = await watching(one, "e")
    system = one.running
    stopping = asyncio.create_task(system.server.stop())
    messages = []

    async def read_to_the_end() -> None:
        while (one_more := await stream.read()) is not grpc.aio.EOF:
            messages.append(one_more)

    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await read_to_the_end()
    await stopping
    message = messages[-1]

    assert message.draining
    assert message.state.status == pb.STOP_STATUS_ACTIVE
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_gate_that_saw_a_revision_which_was_never_committed_proves_a_lost_stop(served: Served) -> None:
    """BLOCK is latched before that stream is served, and names the witness."""
    state = (await served.stops.GetState(pb.GetStateRequest())).state
    stream, first = await watching(served, "engine-a", store_id=state.store_id, highest_revision=state.revision + 7)

    assert first.state.status == pb.STOP_STATUS_ACTIVE
    assert first.state.stops[0].action == pb.STOP_ACTION_BLOCK
    assert first.state.stops[0].cause.source == pb.CAUSE_SOURCE_WITNESS
    assert "engine-a" in first.state.stops[0].cause.reason
    stream.cancel()


async def test_gate_of_another_store_is_no_witness(served: Served) -> None:
    """Revisions of another history prove nothing here."""
    stream, first = await watching(served, "engine-a", store_id="other", highest_revision=10**9)

    assert first.state.status == pb.STOP_STATUS_INACTIVE
    stream.cancel()


async def test_every_revision_of_an_earlier_run_is_known_after_a_restart(serve: Serve, tmp_path: Path) -> None:
    """A gate that missed restarts is no false witness: what was committed is recognised."""
    settings = Settings(server=ServerSettings(listen="127.0.0.1:0", data_dir=tmp_path / "data"))
    seen = []
    for _ in range(3):
        async with running(settings) as earlier:
            seen.append(earlier.system.controller.state.revision)
    one = await serve()
    store = (await one.stops.GetState(pb.GetStateRequest())).state
    for revision in seen:
        stream, first = await watching(one, "e", store_id=store.store_id, highest_revision=revision)
        assert [s.cause.source for s in first.state.stops] == [pb.CAUSE_SOURCE_STORE]
        stream.cancel()


async def test_second_server_on_the_port_fails_loudly(serve: Serve, tmp_path: Path) -> None:
    """Two servers never share a port: the second one does not start."""
    one = await serve()
    with pytest.raises(ListenError, match="cannot be bound"):
        await serve(tmp_path / "other", listen=f"127.0.0.1:{one.running.port}")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"])
async def test_address_that_others_can_reach_needs_tls_or_insistence(listen: str) -> None:
    """Without TLS only loopback is served, unless --insecure is given."""
    with pytest.raises(ListenError, match="--insecure"):
        check_listen(ServerSettings(listen=listen))
    check_listen(ServerSettings(listen=listen, insecure=True))
