"""The raw clients ask a paper venue for every fact that decides whether a stop would work, and change nothing."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.doctor import judge
from ess_server.core.examination import DeadManWorth, Examination, Topic
from ess_server.core.findings import Grade
from ess_server.core.model import Account
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_usdm
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.paper import Fault, FaultKind, PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.credentials import ApiKey
from ess_server.venue.paper.faults import Operation
from tests.venue.floor import Floor

KEY = ApiKey(key="key-of-main", secret="secret-of-main", account="main", passphrase="phrase-of-main")
ENDS = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
CLIENTS = {
    "binanceusdm": (ccxt_usdm.BinanceUsdmClient, ccxt_usdm.BUDGET),
    "okx": (ccxt_okx.OkxClient, ccxt_okx.BUDGET),
    "bybit": (ccxt_bybit.BybitClient, ccxt_bybit.BUDGET),
}
EVERY = pytest.mark.parametrize("exchange", list(CLIENTS))

Examine = Callable[..., Awaitable[Examination]]


class Ward:
    """A paper venue whose account is examined through the client of an exchange."""

    def __init__(self, stack: AsyncExitStack, place: Path) -> None:
        self._stack = stack
        self._place = place
        self.methods: set[str] = set()

    async def open(self, key: ApiKey = KEY, *, hedged: bool = False) -> Floor:
        """Start the venue."""
        venue = PaperVenue(PaperConfig(tick=None))
        venue.open_account(key, {"USDT": Decimal(10**9)}, hedged=hedged)
        await venue.start(cert_dir=self._place / "tls")
        self._stack.push_async_callback(venue.stop)
        return Floor(venue)

    async def examine(self, floor: Floor, exchange: str, key: ApiKey = KEY) -> Examination:
        """Examine the account, with a client of its own."""
        kind, budget = CLIENTS[exchange]
        clock = SystemClock()
        made: Any = kind
        client = made(
            Account(id="main", venue="paper"),
            Credentials(key.key, key.secret, key.passphrase),
            clock=clock,
            budget=RequestBudget(clock.uptime, budget),
            session=open_session(floor.venue.ca_file, "127.0.0.1", floor.venue.port),
        )
        self._stack.push_async_callback(client.aclose)
        self._note_methods(client._exchange)
        seen: Examination = await client.examine()
        return seen

    def _note_methods(self, exchange: Any) -> None:
        """Note how every request of an exchange is made."""
        fetch = exchange.fetch

        async def noting(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            self.methods.add(method)
            return await fetch(url, method, headers, body)

        exchange.fetch = noting


@pytest.fixture
def ward(opened: AsyncExitStack, tmp_path: Path) -> Ward:
    """What opens venues, and closes them with the test."""
    return Ward(opened, tmp_path)


def grades(seen: Examination) -> dict[Topic, Grade]:
    """Return the worst grade of each topic."""
    worst: dict[Topic, Grade] = {}
    for finding in judge(seen, now=datetime(2026, 12, 1, tzinfo=UTC)):
        worst[finding.topic] = max(finding.grade, worst.get(finding.topic, Grade.OK))
    return worst


@EVERY
async def test_a_sound_account_is_read_completely_and_nothing_is_changed(ward: Ward, exchange: str) -> None:
    """Property: every topic has an answer, what is open is counted, and every request was one that only reads."""
    floor = await ward.open()
    floor.hold("BTCUSDT", "0.5")
    floor.rest("ETHUSDT", "-1")
    floor.protect("BTCUSDT", "0.5")
    before = floor.venue.journal.last_seq

    seen = await ward.examine(floor, exchange)

    assert dict(seen.unread) == {}
    assert (seen.key.valid, seen.key.may_trade, seen.key.may_withdraw, seen.key.bound) == (True, True, False, False)
    assert seen.load is not None
    assert (seen.load.orders, seen.load.conditional, seen.load.positions, seen.load.symbols) == (1, 1, 1, 2)
    assert seen.load.parts == 1
    assert seen.clock is not None
    assert abs(seen.clock.ahead) <= seen.clock.round_trip + timedelta(milliseconds=2)
    assert max(grades(seen).values()) is Grade.WARN
    assert [e.kind for e in floor.venue.journal.read(after=before)] == []
    assert ward.methods == {"GET"}
    assert seen.dead_man is (DeadManWorth.FALSE_SAFETY if exchange == "bybit" else DeadManWorth.USABLE)


@EVERY
async def test_what_the_key_may_do(ward: Ward, exchange: str) -> None:
    """A key that may withdraw but not trade is told as such, and so is where it works and when it ends."""
    key = replace(KEY, can_trade=False, can_withdraw=True, addresses=("192.0.2.7",), expires=ENDS)
    seen = await ward.examine(await ward.open(key), exchange)

    assert (seen.key.valid, seen.key.may_trade, seen.key.may_withdraw, seen.key.bound) == (True, False, True, True)
    assert seen.key.expires == (None if exchange == "okx" else ENDS)
    assert grades(seen)[Topic.TRADING] is Grade.UNSAFE
    assert grades(seen)[Topic.WITHDRAWAL] is Grade.WARN


@EVERY
@pytest.mark.parametrize("wrong", [{"key": "another-key"}, {"secret": "another-secret"}])
async def test_a_wrong_key_is_refused_and_that_is_said(ward: Ward, exchange: str, wrong: dict[str, str]) -> None:
    """Property: UNSAFE, not UNKNOWN: the venue has answered; and neither key nor secret is in the words."""
    floor = await ward.open()

    seen = await ward.examine(floor, exchange, replace(KEY, **wrong))  # type: ignore[arg-type] # its texts

    assert seen.key.valid is False
    assert grades(seen)[Topic.KEY] is Grade.UNSAFE
    assert not any(part in str(seen) for part in ("another", KEY.key, KEY.secret, KEY.passphrase))


async def test_a_wrong_passphrase_is_refused(ward: Ward) -> None:
    """OKX has three parts of a key."""
    seen = await ward.examine(await ward.open(), "okx", replace(KEY, passphrase="another"))

    assert seen.key.valid is False
    assert "another" not in str(seen)


@EVERY
async def test_a_clock_that_is_off_is_measured_and_stops_nothing(ward: Ward, exchange: str) -> None:
    """The venue's clock is 4 s behind: that is told to some milliseconds, and everything else is read all the same."""
    floor = await ward.open()
    floor.venue.clock.skew = timedelta(seconds=-4)

    seen = await ward.examine(floor, exchange)

    assert seen.clock is not None
    assert abs(seen.clock.ahead - timedelta(seconds=4)) < seen.clock.round_trip + timedelta(milliseconds=5)
    assert dict(seen.unread) == {}
    assert grades(seen)[Topic.CLOCK] is Grade.WARN


@EVERY
async def test_hedge_mode_and_its_legs(ward: Ward, exchange: str) -> None:
    """Each leg is a position; on Bybit the positions themselves tell the mode."""
    floor = await ward.open(hedged=True)
    floor.hold("BTCUSDT", "0.5", leg="LONG")
    floor.hold("BTCUSDT", "-0.2", leg="SHORT")

    seen = await ward.examine(floor, exchange)

    assert seen.hedge_mode is True
    assert seen.load is not None
    assert (seen.load.positions, seen.load.symbols) == (2, 1)


@EVERY
async def test_markets_that_would_resist(ward: Ward, exchange: str) -> None:
    """Dust, a position above the market's maximum, and halted markets with a position and with an order only."""
    floor = await ward.open()
    for _ in range(3):
        floor.hold("BTCUSDT", "100")
    floor.hold("SOLUSDT", "10")
    floor.rest("ETHUSDT", "1")
    floor.hold("XRPUSDT", "100")
    market = floor.venue.books.market
    market.instruments["XRPUSDT"] = replace(market.instruments["XRPUSDT"], min_quantity=Decimal(1000))
    market.halted |= {"SOLUSDT", "ETHUSDT"}

    seen = await ward.examine(floor, exchange)

    assert seen.markets.halted == ("SOL/USDT:USDT",)
    assert seen.markets.halted_orders == ("ETH/USDT:USDT",)
    assert [dust.split()[-1] for dust in seen.markets.dust] == ["XRP/USDT:USDT"]
    # 300 at 120 each: three orders for BTC, one for SOL, none for the dust.
    assert seen.load is not None
    assert seen.load.parts == 4
    assert grades(seen)[Topic.MARKETS] is Grade.UNSAFE
    assert grades(seen)[Topic.DUST] is Grade.WARN


@EVERY
async def test_a_venue_that_is_away_is_unknown(ward: Ward, exchange: str) -> None:
    """Property: nothing is concluded from no answer, and nothing is raised."""
    floor = await ward.open()
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, status=503, times=None))

    seen = await ward.examine(floor, exchange)

    assert list(seen.unread) == ["venue"]
    assert seen.key.valid is None
    assert max(grades(seen).values()) is Grade.UNKNOWN


@EVERY
@pytest.mark.parametrize("body", ["{}", "[]", "null", "<html>", '{"code": "0", "data": [], "result": {}}'])
async def test_answers_of_another_shape_are_unknown(ward: Ward, exchange: str, body: str) -> None:
    """Property: of an account that answers nonsense nothing is well; whatever it is, it is not taken for a right."""
    floor = await ward.open()
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.ACCOUNT, body=body, times=None))

    seen = await ward.examine(floor, exchange)

    assert {"right to trade", "right to withdraw", "address list"} <= set(seen.unread)
    assert seen.key.may_trade is None
    assert grades(seen)[Topic.TRADING] is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("exchange", "path", "body", "covered"),
    [
        ("okx", "account/config", '"acctLv": "1"', False),
        ("okx", "account/config", '"acctLv": "3"', True),
        ("bybit", "account/info", '"unifiedMarginStatus": 1', False),
        ("bybit", "account/info", '"unifiedMarginStatus": 5', True),
        ("binanceusdm", "accountConfig", '"multiAssetsMargin": true', True),
    ],
)
async def test_account_modes(ward: Ward, exchange: str, path: str, body: str, covered: bool) -> None:  # noqa: FBT001 - a row of the table
    """A mode in which orders would not be seen is UNSAFE; those that are covered are named."""
    replies = {
        "okx": '{"code": "0", "msg": "", "data": [{"posMode": "net_mode", "perm": "read_only,trade", "ip": "", %s}]}',
        "bybit": '{"retCode": 0, "retMsg": "OK", "result": {"marginMode": "REGULAR_MARGIN", %s}}',
        "binanceusdm": '{"canTrade": true, %s}',
    }
    floor = await ward.open()
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, path=path, body=replies[exchange] % body, times=None))

    seen = await ward.examine(floor, exchange)

    assert seen.account_mode_covered is covered
    assert seen.account_mode
    assert (grades(seen)[Topic.ACCOUNT_MODE] is Grade.UNSAFE) is not covered
