"""The threaded gate against a real gRPC server that says what the test tells it."""

import threading
import time
from collections.abc import Callable

import grpc
import pytest

from ess_client import DenyReason, GateState, GateStatus, OrderDenied, OrderGate
from ess_client.testing import ScriptedServer

Eventually = Callable[..., float]


def test_gate_denies_before_contact_and_allows_after_the_first_proof(server: ScriptedServer) -> None:
    """A gate is closed until a server has proven that nothing is stopped."""
    gate = OrderGate(server.target)

    assert gate.check().reason is DenyReason.NEVER_CONNECTED

    with gate:
        assert gate.wait_ready(3)
        assert gate.check("account/main").allowed
        gate.require("account/main")


def test_stop_denies_and_release_allows(server: ScriptedServer, eventually: Eventually) -> None:
    """A stop reaches the gate through the stream, and so does the release."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        server.stop("global", "fat finger")
        eventually(lambda: not gate.check())

        with pytest.raises(OrderDenied, match="fat finger") as denied:
            gate.require("account/main")
        assert denied.value.reason is DenyReason.STOPPED
        gate.require("account/main", reduce_only=True)

        server.release()
        eventually(gate.check)


def test_scoped_stop_leaves_the_gate_partly_open(server: ScriptedServer, eventually: Eventually) -> None:
    """Orders of other scopes pass for as long as the server keeps proving the state."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        server.stop("account/a")
        eventually(lambda: gate.state.status is GateStatus.PARTIAL)

        assert gate.check("account/a").reason is DenyReason.STOPPED
        assert gate.check("account/b").allowed
        assert gate.check().reason is DenyReason.UNDECLARED_SCOPE


def test_what_was_applied_is_acknowledged(server: ScriptedServer, eventually: Eventually) -> None:
    """The server learns which revision the gate enforces, of which store, and how long applying took."""
    with OrderGate(server.target, subscriber_id="engine-1", scopes=["account/a"]) as gate:
        gate.wait_ready(3)
        revision = server.stop()
        eventually(lambda: revision in [a.revision for r in server.acknowledgements for a in r.acknowledgements])

    request, ack = server.requests[0], server.acknowledgements[-1]
    assert (request.subscriber_id, list(request.scopes)) == ("engine-1", ["account/a"])
    assert request.client_version.startswith("ess-python/")
    assert (ack.store_id, ack.acknowledgements[0].session_id) == ("store-1", request.session_id)
    assert len(request.session_id) == 32
    assert 0 < ack.acknowledgements[0].apply_duration.ToMicroseconds() < 500_000


def test_nameless_gate_asks_for_the_anchor_only(server: ScriptedServer, eventually: Eventually) -> None:
    """Without a subscriber id nothing is confirmed, but the lease is anchored anew."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        eventually(lambda: server.acknowledgements)

    assert list(server.acknowledgements[0].acknowledgements) == []


def test_acknowledgements_do_not_wait_behind_the_stream(eventually: Eventually) -> None:
    """A connection that carries one stream only is no obstacle: acknowledgements have their own."""
    with ScriptedServer(options=[("grpc.max_concurrent_streams", 1)]) as server, OrderGate(server.target) as gate:
        gate.wait_ready(3)
        eventually(lambda: server.acknowledgements)


def test_slow_first_message_is_made_up_for_by_the_reply(eventually: Eventually) -> None:
    """A stream that took nearly a lease to open stays open once a reply has anchored it better."""
    with ScriptedServer(first_delay=0.9, heartbeat=0.2) as server, OrderGate(server.target) as gate:
        gate.wait_ready(3)
        eventually(lambda: gate.state.lease_remaining.total_seconds() > 0.8)
        closed = [gate.state.status for _ in range(40) if not time.sleep(0.02) and not gate.check()]

    assert closed == []


def test_reconnecting_names_the_store_and_the_highest_revision(server: ScriptedServer, eventually: Eventually) -> None:
    """The server can tell from a reconnect whether it has lost a stop; the session stays the same."""
    with OrderGate(server.target) as gate:
        gate.wait_ready(3)
        revision = server.stop()
        eventually(lambda: not gate.check())
        server.end(grpc.StatusCode.UNAVAILABLE)
        eventually(lambda: len(server.requests) == 2)

    first, second = server.requests
    assert (first.store_id, first.highest_revision) == ("", 0)
    assert (second.store_id, second.highest_revision) == ("store-1", revision)
    assert first.session_id == second.session_id


def test_draining_server_still_counts(server: ScriptedServer) -> None:
    """A server that announces its end proves as well as before."""
    server.alter = lambda message: setattr(message, "draining", True)
    with OrderGate(server.target) as gate:
        assert gate.wait_ready(3)
        assert gate.check().allowed


def test_changed_store_waits_for_the_operator(eventually: Eventually) -> None:
    """Another store behind the same address denies until it is accepted."""
    with ScriptedServer(store_id="old") as server:
        gate = OrderGate(server.target).start()
        gate.wait_ready(3)
    with ScriptedServer(port=server.port, store_id="new"):
        eventually(lambda: gate.check().reason is DenyReason.STORE_CHANGED)

        assert gate.state.offered_stores == ("new",)
        assert gate.accept_store() == "new"
        eventually(gate.check)
        gate.close()


def test_either_of_two_targets_keeps_the_gate_open(eventually: Eventually) -> None:
    """With two servers of one store, the death of one is not noticed."""
    with ScriptedServer() as first, ScriptedServer() as second, OrderGate([first.target, second.target]) as gate:
        gate.wait_ready(3)
        eventually(lambda: first.requests and second.requests)
        first.close()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert gate.check().allowed
            time.sleep(0.005)


def test_stop_on_either_of_two_targets_denies(eventually: Eventually) -> None:
    """The highest revision rules, whoever tells it; the one that lags opens nothing."""
    with ScriptedServer() as first, ScriptedServer() as second, OrderGate([first.target, second.target]) as gate:
        gate.wait_ready(3)
        eventually(lambda: first.requests and second.requests)
        second.stop()
        eventually(lambda: not gate.check())

        first.wake()
        assert gate.wait_ready(0.3)
        assert gate.check().reason is DenyReason.STOPPED


def test_manual_rearm(server: ScriptedServer, eventually: Eventually) -> None:
    """After a release that it lived through, the gate waits for a local go-ahead."""
    with OrderGate(server.target, rearm="manual") as gate:
        gate.wait_ready(3)
        server.stop()
        eventually(lambda: gate.check().reason is DenyReason.STOPPED)
        server.release()
        eventually(lambda: gate.check().reason is DenyReason.NOT_REARMED)
        gate.rearm()

        assert gate.check().allowed


def test_on_change_tells_every_state_in_order_and_the_lapse(eventually: Eventually) -> None:
    """The engine hears of each change once, a lapse of the lease included, and an error of its own ends nothing."""
    seen: list[tuple[GateStatus, DenyReason | None]] = []

    def note(state: GateState) -> None:
        seen.append((state.status, state.reason))
        raise RuntimeError("the engine's own mistake")

    with ScriptedServer() as server, OrderGate(server.target, on_change=note) as gate:
        gate.wait_ready(3)
        server.stop()
        eventually(lambda: len(seen) >= 2)
        server.release()
        eventually(lambda: len(seen) >= 3)
        server.close()
        eventually(lambda: len(seen) >= 4)

    assert seen[:4] == [
        (GateStatus.OPEN, None),
        (GateStatus.CLOSED, DenyReason.STOPPED),
        (GateStatus.OPEN, None),
        (GateStatus.CLOSED, DenyReason.LEASE_EXPIRED),
    ]


def test_slow_callback_delays_nobody(server: ScriptedServer, eventually: Eventually) -> None:
    """A callback that hangs holds up neither the stream nor a check."""
    hang = threading.Event()
    with OrderGate(server.target, on_change=lambda _: hang.wait(10)) as gate:
        gate.wait_ready(3)
        server.stop()

        assert eventually(lambda: gate.check().reason is DenyReason.STOPPED) < 1.0
        hang.set()


def test_close_ends_the_threads_and_denies(server: ScriptedServer) -> None:
    """A closed gate allows nothing more, leaves no thread behind and cannot be started again."""
    gate = OrderGate(server.target, on_change=lambda _: None).start()
    gate.wait_ready(3)
    gate.close()

    assert gate.check().reason is DenyReason.LEASE_EXPIRED
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("ess-gate")] == []
    with pytest.raises(RuntimeError):
        gate.start()


def test_gate_that_was_never_started_can_be_closed() -> None:
    """Cleaning up needs no knowledge of how far the start got."""
    gate = OrderGate("127.0.0.1:1", on_change=lambda _: None)
    gate.close()

    assert gate.check().reason is DenyReason.NEVER_CONNECTED


def test_callback_may_close_the_gate(server: ScriptedServer, eventually: Eventually) -> None:
    """An engine that shuts down from its callback does not wait for itself."""
    closed: list[bool] = []
    gate = OrderGate(server.target, on_change=lambda _: (gate.close(), closed.append(True)))
    gate.start()
    eventually(lambda: closed)

    assert not gate.check()
