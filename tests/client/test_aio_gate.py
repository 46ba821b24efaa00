"""The asyncio gate against a real gRPC server that says what the test tells it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import grpc
import pytest

from ess_client import DenyReason, GateState, GateStatus, OrderDenied
from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.testing import ScriptedServer


async def until(condition: Callable[[], object], within: float = 3.0) -> float:
    """Wait until a condition holds, at most ``within`` seconds; returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, f"not within {within} s"
        await asyncio.sleep(0.002)
    return time.monotonic() - began


async def test_stop_denies_and_release_allows(server: ScriptedServer) -> None:
    """Closed before contact, open after the first proof, closed by a stop, open after its release."""
    gate = OrderGate(server.target, subscriber_id="engine-1")

    assert gate.check().reason is DenyReason.NEVER_CONNECTED

    async with gate:
        assert await gate.wait_ready(3)
        gate.require("account/main")
        revision = server.stop()
        await until(lambda: gate.check().reason is DenyReason.STOPPED)
        with pytest.raises(OrderDenied):
            gate.require("account/main")
        await until(lambda: revision in [a.revision for r in server.acknowledgements for a in r.acknowledgements])
        server.release()
        await until(gate.check)


async def test_not_ready_in_time() -> None:
    """Waiting for a server that never comes ends with False."""
    async with OrderGate("127.0.0.1:1") as gate:
        assert await gate.wait_ready(0.2) is False


@pytest.mark.parametrize("status", [None, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED])
async def test_every_end_of_the_stream_is_a_loss_and_leads_to_another(
    server: ScriptedServer, status: grpc.StatusCode | None
) -> None:
    """OK, refusal or error: the gate reconnects, names what it saw, and stays open within the lease."""
    async with OrderGate(server.target) as gate:
        await gate.wait_ready(3)
        server.end(status)
        await until(lambda: len(server.requests) >= 2)
        await until(gate.check)

    assert (server.requests[1].store_id, server.requests[1].highest_revision) == ("store-1", 1)


async def test_message_that_proves_nothing_reopens_the_stream(server: ScriptedServer) -> None:
    """An unsound message denies and asks for another stream."""
    async with OrderGate(server.target) as gate:
        await gate.wait_ready(3)
        server.alter = lambda message: message.ClearField("proven_uptime")
        await until(lambda: not gate.check())
        await until(lambda: len(server.requests) >= 2)
        server.alter = None
        await until(gate.check)


async def test_blocked_event_loop_cannot_keep_the_gate_open(server: ScriptedServer) -> None:
    """A loop that does not run renews nothing, and every check looks at the clock itself."""
    async with OrderGate(server.target) as gate:
        await gate.wait_ready(3)
        until_lapse = gate.state.lease_remaining.total_seconds()
        assert gate.check().allowed
        time.sleep(until_lapse + 0.05)  # noqa: ASYNC251 - the blocked loop under test

        assert gate.check().reason is DenyReason.LEASE_EXPIRED
        await until(gate.check)


async def test_changes_tells_every_state_and_the_lapse() -> None:
    """The iterator begins with the present state, tells each change and the lapse, and ends with the gate."""
    seen: list[tuple[GateStatus, DenyReason | None]] = []

    async def read(gate: OrderGate) -> None:
        async for state in gate.changes():
            seen.append((state.status, state.reason))  # noqa: PERF401 - looked at while it grows

    with ScriptedServer() as server:
        async with OrderGate(server.target) as gate:
            reading = asyncio.create_task(read(gate))
            await gate.wait_ready(3)
            server.stop("account/a")
            await until(lambda: len(seen) >= 3)
            server.release()
            await until(lambda: len(seen) >= 4)
            await asyncio.to_thread(server.close)
            await until(lambda: len(seen) >= 5)
        await reading

    assert seen == [
        (GateStatus.CLOSED, DenyReason.NEVER_CONNECTED),
        (GateStatus.OPEN, None),
        (GateStatus.PARTIAL, DenyReason.UNDECLARED_SCOPE),
        (GateStatus.OPEN, None),
        (GateStatus.CLOSED, DenyReason.LEASE_EXPIRED),
    ]


async def test_operator_decides_from_another_thread(server: ScriptedServer) -> None:
    """``rearm`` may be called off the loop, and readers of changes hear of it."""
    async with OrderGate(server.target, rearm="manual") as gate:
        await gate.wait_ready(3)
        server.stop()
        await until(lambda: gate.check().reason is DenyReason.STOPPED)
        server.release()
        await until(lambda: gate.check().reason is DenyReason.NOT_REARMED)
        heard: list[GateState] = []

        async def read() -> None:
            async for state in gate.changes():
                heard.append(state)  # noqa: PERF401 - looked at while it grows

        reading = asyncio.create_task(read())
        await until(lambda: heard)
        threading.Thread(target=gate.rearm).start()
        await until(lambda: heard[-1].status is GateStatus.OPEN)
        reading.cancel()


async def test_unforeseen_failure_is_logged_and_survived(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Even an error that nobody foresaw ends in a log line, a denial and another attempt."""
    gate = OrderGate(server.target)
    session = gate._followers[0]._session
    receive, failures = session.receive, iter([True])

    def fail_once(message: pb.WatchStateResponse, arrived_at: float) -> bool:
        if next(failures, False):
            raise ArithmeticError("unforeseen")
        return receive(message, arrived_at)

    session.receive = fail_once  # type: ignore[method-assign]  # the fault under test
    async with gate:
        assert await gate.wait_ready(3)
    assert "this target proves nothing" in caplog.text


async def test_outage_is_one_line_of_log(caplog: pytest.LogCaptureFixture) -> None:
    """A server that stays away is reported once per trouble, not once per attempt."""
    caplog.set_level(logging.DEBUG, "ess_client")
    async with OrderGate("127.0.0.1:1"):
        await until(lambda: sum("lost 127.0.0.1:1" in line.message for line in caplog.records) >= 3)

    warnings = [line for line in caplog.records if line.name == "ess_client" and line.levelno >= logging.WARNING]
    assert len(warnings) <= 2


async def test_close_leaves_no_task_and_denies(server: ScriptedServer) -> None:
    """A closed gate allows nothing more, leaves no task behind and cannot be started again."""
    before = asyncio.all_tasks()
    gate = OrderGate(server.target).start()
    await gate.wait_ready(3)
    await gate.close()

    assert gate.check().reason is DenyReason.LEASE_EXPIRED
    assert {task for task in asyncio.all_tasks() - before if task.get_name().startswith("ess-gate")} == set()
    with pytest.raises(RuntimeError, match="make a new one"):
        gate.start()
