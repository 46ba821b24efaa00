"""What servers, networks and operators can do wrong, and the threaded gate denies."""

import logging
from collections.abc import Callable

import grpc
import pytest

from ess_client import DenyReason, OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.testing import ScriptedServer

Eventually = Callable[..., float]


def test_pinned_store_is_named_at_first_contact(server: ScriptedServer, eventually: Eventually) -> None:
    """A pinned gate says which store it expects, and never opens for another."""
    with OrderGate(server.target, store_id="store-9") as gate:
        eventually(lambda: gate.check().reason is DenyReason.STORE_CHANGED)

        assert server.requests[0].store_id == "store-9"
        assert gate.wait_ready(0.05) is False
        with pytest.raises(ValueError, match="pinned"):
            gate.accept_store()


@pytest.mark.parametrize("status", [None, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAUTHENTICATED])
def test_every_end_of_the_stream_is_a_loss_and_leads_to_another(
    server: ScriptedServer, eventually: Eventually, status: grpc.StatusCode | None
) -> None:
    """OK, refusal or error: the gate reconnects for ever, and within the lease nobody notices."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        for streams in range(2, 5):
            server.end(status)
            eventually(lambda streams=streams: len(server.requests) >= streams)
        eventually(gate.check)


def test_dead_server_denies_within_the_lease_and_a_new_one_heals(
    eventually: Eventually, last_allowed: Callable[[OrderGate], float]
) -> None:
    """A gate denies once the lease is over, and reopens by itself when a server is back."""
    with ScriptedServer() as server:
        gate = OrderGate(server.target).start()
        gate.wait_ready(3)

    assert last_allowed(gate) <= 1.0
    assert gate.check().reason is DenyReason.LEASE_EXPIRED
    with ScriptedServer(port=server.port, revision=1_001):
        assert eventually(gate.check, 5) < 3.0
        gate.close()


def test_server_restored_from_a_backup_does_not_open(eventually: Eventually) -> None:
    """A lower revision of the same store opens nothing, however often it is told."""
    with ScriptedServer(revision=60) as server:
        gate = OrderGate(server.target).start()
        gate.wait_ready(3)
    with ScriptedServer(port=server.port, revision=50) as restored:
        eventually(lambda: not gate.check())
        eventually(lambda: restored.requests)

        assert gate.wait_ready(0.5) is False
        assert restored.requests[0].highest_revision == 60
        gate.close()


@pytest.mark.parametrize("status", [pb.STOP_STATUS_UNSPECIFIED, 7])
def test_status_that_is_not_inactive_denies(server: ScriptedServer, eventually: Eventually, status: int) -> None:
    """An unset or unknown status on the wire reads as stopped."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        server.revision += 1
        server.alter = lambda message: setattr(message.state, "status", status)
        server.wake()
        eventually(lambda: gate.check().reason is DenyReason.STOPPED)


@pytest.mark.parametrize("field", ["proven_uptime", "sent_uptime", "lease", "state", "server_instance_id"])
def test_message_without_a_field_proves_nothing(server: ScriptedServer, eventually: Eventually, field: str) -> None:
    """A server that leaves out what a proof needs cannot keep a gate open, on no stream."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        server.alter = lambda message: message.ClearField(field)
        eventually(lambda: not gate.check())

        assert gate.wait_ready(0.3) is False
        assert len(server.requests) > 1


def test_stale_messages_do_not_renew(server: ScriptedServer, last_allowed: Callable[[OrderGate], float]) -> None:
    """Heartbeats that go on after the server's monitor has died keep nothing open."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        proven = server.message().proven_uptime
        server.alter = lambda message: message.proven_uptime.CopyFrom(proven)

        assert last_allowed(gate) <= 1.0
        assert len(server.requests) == 1


def test_stop_with_a_time_that_no_calendar_holds_is_applied(server: ScriptedServer, eventually: Eventually) -> None:
    """What is only for people cannot keep a stop from being applied."""
    server.alter = lambda message: [setattr(stop.activate_time, "seconds", 2**62) for stop in message.state.stops]
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        server.stop()
        eventually(lambda: gate.check().reason is DenyReason.STOPPED)

        assert gate.state.stops[0].activate_time is None


def test_stop_says_since_when(server: ScriptedServer, eventually: Eventually) -> None:
    """A denial names the time of the latch in UTC."""
    server.alter = lambda message: [
        setattr(stop.activate_time, "seconds", 1_790_000_000) for stop in message.state.stops
    ]
    with OrderGate(server.target) as gate:
        server.stop()
        eventually(lambda: gate.check().reason is DenyReason.STOPPED)

        assert "since 2026-09-21 14:13:20 UTC" in gate.check().detail


def test_target_that_cannot_work_denies_and_is_tried_for_ever(
    eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong address is reported once per trouble, not once per attempt, and opens nothing."""
    caplog.set_level(logging.DEBUG, "ess_client")
    with OrderGate("127.0.0.1:1") as gate:
        eventually(lambda: sum("lost 127.0.0.1:1" in line.message for line in caplog.records) >= 3)

        assert gate.check().reason is DenyReason.NEVER_CONNECTED
    assert sum(line.levelno >= logging.WARNING for line in caplog.records) <= 2


def test_failure_of_the_reading_thread_is_logged_and_survived(
    server: ScriptedServer, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    """Even an error that nobody foresaw ends in a log line, a denial and another attempt."""
    gate = OrderGate(server.target)
    session = gate._followers[0]._session
    receive, failures = session.receive, iter([True, True])

    def fail_twice(message: pb.WatchStateResponse, arrived_at: float) -> bool:
        if next(failures, False):
            raise ArithmeticError("unforeseen")
        return receive(message, arrived_at)

    session.receive = fail_twice  # type: ignore[method-assign]  # the fault under test
    with gate:
        eventually(lambda: len(server.requests) >= 3)
        assert gate.wait_ready(3)
    assert "this target proves nothing" in caplog.text


@pytest.mark.parametrize("arguments", [{"targets": []}, {"targets": ""}, {"targets": ["a:1", ""]}])
def test_targets_that_name_nothing_are_refused(arguments: dict[str, object]) -> None:
    """A gate that could never open is an error at once, not a denial for ever."""
    with pytest.raises(ValueError, match=r"name .* server"):
        OrderGate(**arguments)  # type: ignore[arg-type]  # the errors under test
