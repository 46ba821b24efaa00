"""One server, an account on each of three venues: read, stopped, and flat by the venues' own books."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.venue.paper import PaperConfig, PaperVenue, grew_or_flipped
from ess_server.venue.paper.model import ConditionalRequest, OrderRequest, OrderType, Side, TriggerType
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually

EXCHANGES = ("binanceusdm", "okx", "bybit")
ACCOUNT = """
[[accounts]]
id = "{name}"
venue = "{name}"
exchange = "{name}"
api_key_file = "{name}.key"
secret_file = "{name}.secret"
equity_poll_ms = 500
executions_poll_ms = 500
paper = {{ address = "127.0.0.1:{port}", ca_file = "{ca_file}" }}
[[evaluators]]
kind = "execution_errors"
account = "{name}"
action = "block"
max_repeated_orders = 5
[[evaluators]]
kind = "drawdown"
account = "{name}"
max_drawdown_percent = 50
"""


class Market:
    """A paper venue with an account that each exchange's API leads to, and an engine's hand on them."""

    def __init__(self, venue: PaperVenue) -> None:
        self.venue = venue
        for name in EXCHANGES:
            key, secret, passphrase = (f"{name}-{part}" for part in ("key", "secret", "pass"))
            money = {"USDT": Decimal(10**6)}
            venue.add_account(name, key=key, secret=secret, passphrase=passphrase, balances=money)

    def trade(self, name: str) -> None:
        """Hold a long and a short, each with an order that rests and a stop."""
        for symbol, side in (("BTCUSDT", Side.BUY), ("ETHUSDT", Side.SELL)):
            mark, sign = self.venue.books.market.mark(symbol), side.sign
            self._order(name, symbol, side, OrderType.MARKET, None)
            self._order(name, symbol, side, OrderType.LIMIT, Decimal(int(mark * (1 - Decimal("0.02") * sign))))
            stop = ConditionalRequest(
                symbol=symbol,
                side=side.opposite,
                trigger=TriggerType.STOP,
                quantity=Decimal(1),
                trigger_price=Decimal(int(mark * (1 - Decimal("0.1") * sign))),
                reduce_only=True,
            )
            self.venue.books.place_conditional(name, stop)

    def run_away(self, name: str) -> None:
        """Send the same order again and again."""
        for _ in range(7):
            self._order(name, "SOLUSDT", Side.BUY, OrderType.MARKET, None)

    def is_flat(self, name: str) -> bool:
        """What the books say."""
        account = self.venue.books.account(name)
        return not (list(account.positions()) or account.open_orders or account.open_conditionals)

    def _order(self, name: str, symbol: str, side: Side, kind: OrderType, price: Decimal | None) -> None:
        wanted = OrderRequest(symbol=symbol, side=side, type=kind, quantity=Decimal(1), price=price)
        self.venue.books.place(name, wanted)


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    """The venue, open."""
    venue = PaperVenue(PaperConfig(tick=None))
    made = Market(venue)
    await venue.start(cert_dir=tmp_path / "tls")
    yield made
    await venue.stop()


@pytest.fixture
async def server(servers: Servers, tmp_path: Path, market: Market) -> ServerProcess:
    """A server that allows trading on every account."""
    text = ""
    for name in EXCHANGES:
        for part, content in (("key", "key"), ("secret", "secret"), ("passphrase", "pass")):
            (tmp_path / f"{name}.{part}").write_text(f"{name}-{content}")
            (tmp_path / f"{name}.{part}").chmod(0o600)
        table = ACCOUNT.format(name=name, port=market.venue.port, ca_file=market.venue.ca_file)
        passphrase = 'passphrase_file = "okx.passphrase"\n' if name == "okx" else ""
        text += table.replace("equity_poll_ms", f"{passphrase}equity_poll_ms")
    (tmp_path / "ess.toml").write_text(text)
    made = servers(arguments=("--config", tmp_path / "ess.toml"))
    await made.start()
    await made.reset()
    return made


async def _accounts(server: ServerProcess) -> dict[str, pb.AccountProgress]:
    return {progress.account: progress for progress in (await server.state()).accounts}


async def _has_read_equity(server: ServerProcess) -> bool:
    """Whether no drawdown evaluator still waits for a reading."""
    states = [e for e in (await server.state()).evaluators if e.kind == "drawdown"]
    return len(states) == len(EXCHANGES) and all(e.HasField("reading_age") for e in states)


async def test_every_venue_is_read_judged_stopped_and_flat(server: ServerProcess, market: Market) -> None:
    """Equity and executions of each are seen; a global stop leaves each flat, and no position grows on the way."""
    await eventually(lambda: _has_read_equity(server), 30)
    for name in EXCHANGES:
        market.trade(name)
        market.run_away(name)

    async def judged() -> bool:
        return {f"account/{name}" for name in EXCHANGES} <= {s.scope for s in (await server.state()).state.stops}

    await eventually(judged, 30)
    assert not any(market.is_flat(name) for name in EXCHANGES)
    before = market.venue.journal.last_seq
    await server.trigger(action=pb.STOP_ACTION_FLATTEN)

    async def flat() -> bool:
        return all(p.status == pb.FLATTEN_STATUS_FLAT for p in (await _accounts(server)).values())

    await eventually(flat, 30)
    assert all(market.is_flat(name) for name in EXCHANGES)
    assert not grew_or_flipped(market.venue.journal.read(after=before))
    assert "-pass" not in server.printed
