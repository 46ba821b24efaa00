"""Losses of open positions, from the venue through its real process to a real gate that denies and a flat account."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from ess_client import DenyReason, aio
from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.venue.paper import PaperConfig, PaperVenue
from ess_server.venue.paper.model import OrderRequest, OrderType, Side
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually

ACCOUNT = """
[[accounts]]
id = "{name}"
venue = "binance"
exchange = "binanceusdm"
api_key_file = "{name}.key"
secret_file = "{name}.secret"
equity_poll_ms = 200
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca_file}" }}
"""
DAILY_LOSS = """
[[evaluators]]
kind = "drawdown"
account = "main"
max_daily_loss_percent = 4
"""
DRAWDOWN = """
[[evaluators]]
kind = "drawdown"
account = "main"
max_drawdown_percent = 8
confirm = 2
"""
SUM = """
[[evaluators]]
kind = "drawdown"
accounts = ["main", "hedge"]
currency = "USDT"
max_drawdown_percent = 4
confirm = 3
"""


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[PaperVenue]:
    """A paper venue with two accounts of 10,000 USDT; ``main`` holds 0.1 BTC that cost 6,000, ``hedge`` nothing."""
    venue = PaperVenue(PaperConfig(tick=None))
    for name in ("main", "hedge"):
        venue.add_account(name, key=f"{name}-key", secret=f"{name}-secret")
    bought = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=Decimal("0.1"))
    venue.books.place("main", bought)
    await venue.start(cert_dir=tmp_path / "tls")
    yield venue
    await venue.stop()


async def _started(servers: Servers, directory: Path, venue: PaperVenue, evaluator: str) -> ServerProcess:
    names = ("main", "hedge") if evaluator is SUM else ("main",)
    accounts = [ACCOUNT.format(name=name, port=venue.port, ca_file=venue.ca_file) for name in names]
    (directory / "ess.toml").write_text("".join(accounts) + evaluator)
    for name in names:
        for what in ("key", "secret"):
            (directory / f"{name}.{what}").write_text(f"{name}-{what}")
            (directory / f"{name}.{what}").chmod(0o600)
    server = servers(arguments=("--config", directory / "ess.toml"))
    await server.start()
    await server.reset()
    return server


async def _loss(server: ServerProcess) -> Decimal | None:
    """The loss that the only evaluator shows, in percent; None while it knows none."""
    (evaluator,) = (await server.state()).evaluators
    known = evaluator.status in (pb.EVALUATOR_STATUS_CLEAR, pb.EVALUATOR_STATUS_WARN)
    return Decimal(evaluator.reading) if known and evaluator.reading else None


async def _is_between(server: ServerProcess, least: str, most: str) -> bool:
    loss = await _loss(server)
    return loss is not None and Decimal(least) <= loss <= Decimal(most)


async def _reads(server: ServerProcess, least: str, most: str) -> None:
    """Wait until the loss that is shown lies there."""
    found: bool = await eventually(lambda: _is_between(server, least, most), 20)
    assert found


async def _stopped(gate: aio.OrderGate, server: ServerProcess, venue: PaperVenue) -> pb.Stop:
    """Wait until the gate denies and the venue's own books are flat; return the only stop."""
    await eventually(lambda: gate.check("account/main").reason == DenyReason.STOPPED)
    await eventually(lambda: not list(venue.books.account("main").positions()), 20)
    (stop,) = (await server.state()).state.stops
    assert stop.cause.source == pb.CAUSE_SOURCE_EVALUATOR
    assert stop.action == pb.STOP_ACTION_FLATTEN
    return stop


async def test_daily_loss_of_an_open_position_denies_and_flattens(
    servers: Servers, tmp_path: Path, venue: PaperVenue
) -> None:
    """Nothing was sold and no engine says a word: the price falls, and what is held is closed."""
    server = await _started(servers, tmp_path, venue, DAILY_LOSS)
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await _reads(server, "0", "0.5")
        await eventually(lambda: gate.check("account/main"))
        mark = venue.books.market.mark("BTCUSDT")
        venue.books.set_mark("BTCUSDT", mark * Decimal("0.95"))
        await _reads(server, "2.5", "3.5")
        assert gate.check("account/main")
        venue.books.set_mark("BTCUSDT", mark * Decimal("0.90"))
        stop = await _stopped(gate, server, venue)

    assert "account main: daily loss" in stop.cause.reason
    assert "reached the limit of 4 %" in stop.cause.reason
    assert stop.scope == "account/main"


async def test_drawdown_is_from_the_high_of_before_a_restart(
    servers: Servers, tmp_path: Path, venue: PaperVenue
) -> None:
    """What was won and lost again is a loss, also where the server that saw the high has ended since."""
    server = await _started(servers, tmp_path, venue, DRAWDOWN)
    await _reads(server, "0", "1")
    mark = venue.books.market.mark("BTCUSDT")
    venue.books.set_mark("BTCUSDT", mark * Decimal("1.2"))
    # The mark rises to what two readings have shown; a little below it then shows that it did.
    await _reads(server, "0", "0")
    await _seen_twice(server)
    venue.books.set_mark("BTCUSDT", mark * Decimal("1.15"))
    await _reads(server, "2", "3.5")
    await server.end()
    await server.start()
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await _reads(server, "2", "3.5")
        await eventually(lambda: gate.check("account/main"))
        venue.books.set_mark("BTCUSDT", mark)
        stop = await _stopped(gate, server, venue)

    assert "account main: drawdown 10." in stop.cause.reason
    assert "high-water mark 11" in stop.cause.reason


async def _later(server: ServerProcess, than: float) -> float:
    """The time of the latest reading, 0 unless it is later."""
    (evaluator,) = (await server.state()).evaluators
    time: float = evaluator.read_time.ToNanoseconds() / 1e9
    return time if time > than else 0.0


async def _seen_twice(server: ServerProcess) -> None:
    """Wait until two more readings have come."""
    time = await _later(server, 0)
    for _ in range(2):
        time = await eventually(lambda: _later(server, time))  # noqa: B023 - called in this round only


async def test_loss_of_the_sum_denies_everywhere_and_a_transfer_does_not(
    servers: Servers, tmp_path: Path, venue: PaperVenue
) -> None:
    """4,000 of 10,000 go from one account to the other, unreported: no loss. 900 of 20,000 are lost on one: a stop."""
    server = await _started(servers, tmp_path, venue, SUM)
    async with aio.OrderGate(server.target, subscriber_id="engine") as gate:
        await _reads(server, "0", "0.5")
        await eventually(lambda: gate.check("account/hedge"))
        for account, amount in (("main", -4000), ("hedge", 4000)):
            venue.books.transfer(account, "USDT", Decimal(amount))
        await _seen_twice(server)
        await _reads(server, "0", "0.5")
        assert gate.check("account/hedge")
        mark = venue.books.market.mark("BTCUSDT")
        venue.books.set_mark("BTCUSDT", mark * Decimal("0.85"))
        stop = await _stopped(gate, server, venue)

        assert gate.check("account/hedge").reason == DenyReason.STOPPED
    assert "accounts hedge + main: drawdown 4." in stop.cause.reason
    assert stop.scope == "global"
