"""Market data, from a venue that lies or falls silent to a real gate that denies: read by the server itself."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import grpc.aio
import pytest

from ess_client import DenyReason, aio
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import telemetry_pb2 as telemetry
from ess_client.pb import telemetry_pb2_grpc
from ess_server.venue.paper import PaperConfig, PaperVenue
from ess_server.venue.paper.model import OrderRequest, OrderType, Side
from ess_server.venue.paper.quotes import FeedFault, FeedFaultKind
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually

WATCHED = """
[[feeds]]
name = "binance"
exchange = "binanceusdm"
symbols = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
source = "{source}"
poll_ms = 200
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca_file}" }}
[[evaluators]]
kind = "data_feed"
feed = "binance"
symbols = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
action = "cancel"
max_symbol_silence_seconds = 2
max_jump_percent = 10
jump_within_seconds = 1
remember_seconds = 1
"""
ACCOUNT = """
[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_file = "key"
secret_file = "secret"
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca_file}" }}
"""


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[PaperVenue]:
    """A paper venue on which ``main`` has a position and a resting order."""
    venue = PaperVenue(PaperConfig(tick=None))
    venue.add_account("main", key="the-key", secret="the-secret")
    for kind, price in ((OrderType.MARKET, None), (OrderType.LIMIT, Decimal(59000))):
        wanted = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=kind, quantity=Decimal("0.01"), price=price)
        venue.books.place("main", wanted)
    await venue.start(cert_dir=tmp_path / "tls")
    yield venue
    await venue.stop()


async def _started(servers: Servers, directory: Path, venue: PaperVenue, text: str, source: str) -> ServerProcess:
    (directory / "ess.toml").write_text(text.format(source=source, port=venue.port, ca_file=venue.ca_file))
    for name in ("key", "secret"):
        (directory / name).write_text(f"the-{name}")
        (directory / name).chmod(0o600)
    server = servers(arguments=("--config", directory / "ess.toml"))
    await server.start()
    await server.reset()
    return server


async def _reads_clear(server: ServerProcess) -> bool:
    (evaluator,) = (await server.state()).evaluators
    return evaluator.status in (pb.EVALUATOR_STATUS_CLEAR, pb.EVALUATOR_STATUS_WARN)


async def _recovered(server: ServerProcess) -> bool:
    """Whether the condition would no longer stand in the way of a reset; nothing is released by asking."""
    revision = (await server.state()).state.revision
    async with server.stub() as stub:
        request = pb.ResetRequest(revision=revision, reason="test", requested_by="test", validate_only=True)
        answer = await stub.Reset(request, timeout=5)
    return all(refusal.reason != "CONDITION_TRUE" for refusal in answer.refusals)


async def _stopped(gate: aio.OrderGate, server: ServerProcess) -> pb.Stop:
    await eventually(lambda: gate.check("account/main").reason == DenyReason.STOPPED)
    (stop,) = (await server.state()).state.stops
    assert stop.cause.source == pb.CAUSE_SOURCE_EVALUATOR
    assert stop.action == pb.STOP_ACTION_CANCEL
    return stop


async def test_prices_that_freeze_cancel_what_rests_and_deny(
    servers: Servers, tmp_path: Path, venue: PaperVenue
) -> None:
    """Asked again and again, the venue repeats one quote: stale, denied, orders cancelled, the position left alone.

    When prices move again the condition is over, and the stop stands all the same.
    """
    server = await _started(servers, tmp_path, venue, ACCOUNT + WATCHED, "rest")
    account = venue.books.account("main")
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await eventually(lambda: _reads_clear(server))
        await eventually(lambda: gate.check("account/main"))
        venue.quotes.add(FeedFault(kind=FeedFaultKind.FREEZE, symbols=("ETHUSDT",)))
        stop = await _stopped(gate, server)
        await eventually(lambda: not account.open_orders)
        venue.quotes.clear()
        await eventually(lambda: _recovered(server))

        assert gate.check("account/main").reason == DenyReason.STOPPED
    assert "no news of ETH/USDT:USDT for 2" in stop.cause.reason
    assert [leg.quantity for leg in account.positions()] == [Decimal("0.01")]
    assert (await server.state()).state.status == pb.STOP_STATUS_ACTIVE


async def test_one_bad_quote_of_a_stream_denies_and_only_a_reset_allows(
    servers: Servers, tmp_path: Path, venue: PaperVenue
) -> None:
    """A crossed book, NaN and a jump, each in one message among many good ones, without any account: denied each time.

    Good prices follow at once and clear nothing. What is read from the venue is taken from nobody else.
    """
    server = await _started(servers, tmp_path, venue, WATCHED, "stream")
    reasons = []
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        for kind in (FeedFaultKind.CROSS, FeedFaultKind.PRICE, FeedFaultKind.JUMP):
            await eventually(lambda: _reads_clear(server))
            await eventually(lambda: gate.check("account/main"))
            venue.quotes.add(FeedFault(kind=kind, symbols=("BTCUSDT",), times=1))
            reasons.append((await _stopped(gate, server)).cause.reason)
            await eventually(lambda: _recovered(server), 15)
            assert gate.check("account/main").reason == DenyReason.STOPPED
            await server.reset()
    async with grpc.aio.insecure_channel(server.target) as channel:
        pushed = telemetry.Feed(feed="binance", symbol="BTC/USDT:USDT", bid="1", ask="2")
        request = telemetry.ReportRequest(observations=[telemetry.Observation(feed=pushed)])
        answer = await telemetry_pb2_grpc.TelemetryServiceStub(channel).Report(request, timeout=5)

    assert "crossed book" in reasons[0]
    assert "bid NaN is not a price above zero" in reasons[1]
    assert "price moved by 5" in reasons[2]
    assert [r.reason for r in answer.rejections] == ["READ_FROM_VENUE"]
