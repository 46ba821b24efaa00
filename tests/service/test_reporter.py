"""The reporter against a real server: what it reports counts there, and it never waits for it."""

import asyncio
import logging
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal

import grpc.aio
import pytest

from ess_client import Reporter, aio
from ess_client.pb import emergency_stop_pb2 as stop_pb
from ess_client.pb import telemetry_pb2 as pb
from ess_client.pb import telemetry_pb2_grpc as rpc
from ess_server.core.readings import ExecutionType, HealthStatus
from ess_server.testing import eventually
from tests.service.conftest import MAIN, Serve, Served

AT_ONCE = 0.2
"""Seconds. A thousand reports take a few milliseconds; the machine may be busy."""


@pytest.fixture
async def target(serve: Serve) -> tuple[str, Served]:
    """Where a server with one account listens."""
    served = await serve(accounts=(MAIN,))
    return f"127.0.0.1:{served.running.port}", served


def report_everything(reporter: Reporter | aio.Reporter) -> None:
    """Report one of each kind."""
    when = datetime.now(UTC).replace(microsecond=0)
    reporter.equity("main", Decimal("10250.30"), "USDT", time=when)
    reporter.cash_flow("main", -200, "USDT", ident="flow-1", time=when)
    reporter.execution(
        "main",
        "BTC/USDT:USDT",
        "rejected",
        side="sell",
        client_order_id="a-17",
        quantity=0.5,
        price="100.5",
        expected_price=101,
        stop_loss=True,
        strategy="s",
        detail="no margin",
    )
    reporter.health("router", "degraded", "slow")
    reporter.feed("binance", "BTC/USDT:USDT", bid=1, ask=float("nan"), sequence=7)


async def check_everything(served: Served) -> None:
    """Check that every part of it arrived."""
    readings = served.running.readings
    metrics = readings.metrics.account("main")
    assert metrics
    assert (metrics.equity.amount, metrics.equity.currency) == (Decimal("10250.30"), "USDT")
    assert metrics.equity.time.microsecond == 0
    (execution,) = readings.metrics.executions("main", 0)
    assert execution.execution_type is ExecutionType.REJECTED
    assert (execution.side, execution.quantity, execution.price) == ("sell", Decimal("0.5"), Decimal("100.5"))
    assert (execution.client_order_id, execution.stop_loss) == ("a-17", True)
    assert readings.health.components()["router"].status is HealthStatus.DEGRADED
    track = readings.feeds.tracks("binance")["BTC/USDT:USDT"]
    assert track.latest.corrupt
    assert track.latest.sequence == 7


async def test_words_of_any_length_hold_up_nothing(target: tuple[str, Served]) -> None:
    """A traceback as detail is cut, names that no server could take are refused here, and the rest arrives."""
    with Reporter(target[0]) as reporter:
        reporter.execution("main", "BTC/USDT:USDT", "failed", detail="x" * 5_000_000)
        reporter.execution("main", "BTC/USDT:USDT", "failed", detail="\udcff")
        reporter.execution("main", "BTC/USDT:USDT" * 500_000, "failed")
        reporter.health("router", "critical", "y" * 5_000_000)
        reporter.feed("binance", "BTC/USDT:USDT", corrupt=True, detail="z" * 5_000_000)
        for name in (Decimal("1E+1000"), "1" * 5_000_000, 10**5000):
            reporter.equity("main", name, "USDT")
        reporter.equity("main", Decimal(925) / 3, "USDT")
        assert await asyncio.to_thread(reporter.flush, 5)
        assert (reporter.stats.accepted, reporter.stats.rejected) == (5, 4)


async def test_thread_reports_every_kind(target: tuple[str, Served]) -> None:
    """What is handed over by any thread is what evaluators read, field by field."""
    with Reporter(target[0], source="engine-1") as reporter:
        report_everything(reporter)
        assert await asyncio.to_thread(reporter.flush, 5)
        assert (reporter.stats.accepted, reporter.stats.rejected) == (5, 0)
        assert reporter.stats.connected
    await check_everything(target[1])


async def test_loop_reports_every_kind(target: tuple[str, Served]) -> None:
    """The same by the face for asyncio, also from another thread than the loop's."""
    async with aio.Reporter(target[0]) as reporter:
        await asyncio.to_thread(report_everything, reporter)
        assert await reporter.flush(5)
        assert (reporter.stats.accepted, reporter.stats.rejected) == (5, 0)
    await check_everything(target[1])


async def test_engine_never_waits_for_a_server_that_hangs() -> None:
    """With a server that takes a call and never answers, a thousand reports still return at once."""
    hang = threading.Event()

    class Hanging(rpc.TelemetryServiceServicer):
        async def Report(self, request: pb.ReportRequest, context: object) -> pb.ReportResponse:  # noqa: ARG002, N802
            await asyncio.to_thread(hang.wait, 10)
            return pb.ReportResponse()

    server = grpc.aio.server()
    rpc.add_TelemetryServiceServicer_to_server(Hanging(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        with Reporter(f"127.0.0.1:{port}") as reporter:
            reporter.equity("main", 1, "USDT")
            began = time.monotonic()
            for number in range(1_000):
                reporter.equity("main", number + 1, "USDT")
            assert time.monotonic() - began < AT_ONCE
            assert not reporter.stats.connected
            reporter.close(0.05)
    finally:
        hang.set()
        await server.stop(None)


@pytest.mark.parametrize("face", ["threads", "asyncio"])
async def test_newest_reaches_a_server_that_comes_back(
    serve: Serve, face: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While the server is away the newest equity is kept and every execution; one line in the log says so."""
    served = await serve(accounts=(MAIN,))
    target = f"127.0.0.1:{served.running.port}"
    await served.running.server.stop()
    caplog.set_level(logging.WARNING, "ess_client")
    reporter: Reporter | aio.Reporter = Reporter(target) if face == "threads" else aio.Reporter(target)
    reporter.start()
    for number in range(1, 51):
        reporter.equity("main", number, "USDT")
        reporter.execution("main", "BTC/USDT:USDT", "new", ident=str(number), client_order_id=str(number))
    await eventually(lambda: "not answered" in caplog.text)
    again = await serve(None, listen=target, accounts=(MAIN,))
    flushing = reporter.flush(10) if isinstance(reporter, aio.Reporter) else asyncio.to_thread(reporter.flush, 10)
    assert await flushing
    metrics = again.running.readings.metrics.account("main")
    assert metrics
    assert metrics.equity.amount == 50
    assert len(again.running.readings.metrics.executions("main", 0)) == 50
    assert reporter.stats.superseded == 49
    assert reporter.stats.dropped == 0
    assert len([r for r in caplog.records if "not answered" in r.message]) <= 2
    closed = reporter.close()
    if closed is not None:
        await closed


async def test_what_cannot_be_sent_breaks_no_engine(
    target: tuple[str, Served], caplog: pytest.LogCaptureFixture
) -> None:
    """A bad value is counted and told in the log; what the server refuses is too, with its words; the rest counts."""
    caplog.set_level(logging.WARNING, "ess_client")
    with Reporter(target[0]) as reporter:
        reporter.equity("main", object(), "USDT")  # type: ignore[arg-type]  # what is tested
        reporter.execution("main", "X", "fillled")  # type: ignore[arg-type]  # what is tested
        reporter.equity("nobody", 1, "USDT")
        reporter.equity("main", 7, "USDT")
        assert await asyncio.to_thread(reporter.flush, 5)
        assert (reporter.stats.accepted, reporter.stats.rejected) == (1, 3)
        assert "nobody" in reporter.stats.last_rejection
    assert caplog.text.count("not sent") == 2
    assert caplog.text.count("rejected by the server") == 1


async def test_start_twice_is_a_mistake(target: tuple[str, Served]) -> None:
    """Two senders of one queue would send out of order."""
    async with aio.Reporter(target[0]) as reporter:
        with pytest.raises(RuntimeError, match="make a new one"):
            reporter.start()
    with Reporter(target[0]) as threads, pytest.raises(RuntimeError):
        threads.start()


def test_token_in_plain_text_is_refused() -> None:
    """A secret never crosses a network unencrypted."""
    with pytest.raises(ValueError, match="needs TLS"):
        Reporter("192.0.2.1:50051", token="secret")


async def test_what_was_dropped_is_in_the_audit_log(serve: Serve) -> None:
    """An operator reads how much no evaluator has seen."""
    served = await serve(accounts=(MAIN,))
    target = f"127.0.0.1:{served.running.port}"
    async with aio.Reporter(target, source="engine-1", capacity=5) as reporter:
        for number in range(8):
            reporter.cash_flow("main", number + 1, "USDT")
        assert await reporter.flush(5)
        assert reporter.stats.dropped == 3
    await served.running.system.controller.settle()
    events = await served.stops.ListEvents(stop_pb.ListEventsRequest(kind="telemetry.dropped"))
    assert [e.summary for e in events.events] == [
        "engine-1 dropped 3 observations that waited too long; no evaluator has seen them"
    ]
