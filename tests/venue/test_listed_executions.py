"""Executions by pull on exchanges whose lists cover all markets: real ccxt on a paper venue with an engine."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError
from ess_server.core.model import Account
from ess_server.core.order_ids import closing_order_id
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.venue import bybit_executions, ccxt_bybit, ccxt_okx, okx_executions
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.credentials import Credentials
from ess_server.venue.listed_executions import OVERLAP_MS, ListedHistory
from ess_server.venue.paper import Fault, FaultKind, Operation, PaperConfig, PaperVenue, open_session
from ess_server.venue.paper.model import ConditionalRequest, LegSide, OrderRef, Side, TriggerType
from tests.venue.floor import Floor

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
NEW, TRADE, CANCELED, REJECTED = (
    ExecutionType.NEW,
    ExecutionType.TRADE,
    ExecutionType.CANCELED,
    ExecutionType.REJECTED,
)
KINDS: dict[str, tuple[type[OkxClient] | type[BybitClient], BudgetLimits]] = {
    "okx": (OkxClient, ccxt_okx.BUDGET),
    "bybit": (BybitClient, ccxt_bybit.BUDGET),
}


class Desk:
    """A floor, and a reader of its account with what it has told."""

    def __init__(self, floor: Floor, connect: Callable[[ListedHistory], OkxClient | BybitClient]) -> None:
        self.floor = floor
        self.told: list[ExecutionReport] = []
        self.history = ListedHistory()
        self._connect = connect
        self.client = connect(self.history)

    async def look(self) -> list[ExecutionReport]:
        """Look; returns what is new."""
        before = len(self.told)
        await self.client.executions(self.told.extend)
        return self.told[before:]

    def reopen(self) -> None:
        """Go on with another client, as after a change of keys."""
        self.client = self._connect(self.history)


@pytest.fixture(params=[False, True], ids=["one-way", "hedge"])
def hedged(request: pytest.FixtureRequest) -> bool:
    """Both position modes, where a test asks for it."""
    return bool(request.param)


@pytest.fixture(params=["okx", "bybit"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk on each venue, which has looked once."""
    hedged = "hedged" in request.fixturenames and bool(request.getfixturevalue("hedged"))
    kind, limits = KINDS[request.param]
    async with AsyncExitStack() as stack:
        venue = PaperVenue(PaperConfig(tick=None))
        money = {"USDT": Decimal(10**9)}
        venue.add_account("main", key="k", secret="s", passphrase="p", balances=money, hedged=hedged)
        await venue.start(cert_dir=tmp_path)
        stack.push_async_callback(venue.stop)
        clock = SystemClock()
        # These tests look more often than anybody would.
        budget = RequestBudget(clock.uptime, replace(limits, burst=10_000))

        def connect(history: ListedHistory) -> OkxClient | BybitClient:
            session = open_session(venue.ca_file, "127.0.0.1", venue.port)
            keys = Credentials("k", "s", "p")
            made = kind(
                Account(id="main", venue="v"), keys, clock=clock, budget=budget, session=session, history=history
            )
            stack.push_async_callback(made.aclose)
            return made

        found = Desk(Floor(venue), connect)
        await found.look()
        yield found


def _types(reports: list[ExecutionReport]) -> list[tuple[ExecutionType, str]]:
    return [(r.execution_type, r.symbol) for r in reports]


async def test_orders_and_fills_are_told_as_they_are_on_the_venue(desk: Desk) -> None:
    """Account, market, side, quantity in base units, price, the venue's time; once each, however often one looks."""
    order = desk.floor.rest("ETHUSDT", "-2")
    desk.floor.hold("BTCUSDT", "0.5")
    rested, sent, filled = await desk.look()

    assert (rested.execution_type, rested.side, rested.quantity, rested.price) == (
        NEW,
        "sell",
        Decimal(2),
        order.price,
    )
    assert (sent.execution_type, sent.quantity, sent.price) == (NEW, Decimal("0.5"), None)
    [fill] = desk.floor.account.fills
    assert (filled.execution_type, filled.side, filled.quantity) == (TRADE, "buy", fill.quantity)
    assert (filled.price, filled.stop_loss, filled.symbol) == (fill.price, False, BTC)
    assert {r.account for r in desk.told} == {"main"}
    assert abs(filled.time - datetime.now(UTC)) < timedelta(seconds=5)
    desk.reopen()
    assert [await desk.look() for _ in range(2)] == [[], []]


async def test_old_orders_that_fill_are_told_with_their_age(desk: Desk) -> None:
    """A resting order from before reading began is accepted then and not now: it is no order after a stop."""
    order = desk.floor.rest("BTCUSDT", "1")
    desk.history = ListedHistory()
    desk.reopen()
    assert not await desk.look()
    assert order.price is not None
    desk.floor.books.set_mark("BTCUSDT", order.price)
    accepted, filled = await desk.look()

    assert _types([accepted, filled]) == [(NEW, BTC), (TRADE, BTC)]
    assert accepted.time < filled.time


@pytest.mark.parametrize("trigger", list(TriggerType))
async def test_a_protective_stop_that_fills_is_a_stop_loss(desk: Desk, trigger: TriggerType, *, hedged: bool) -> None:
    """Stops and trailing stops that can only reduce count; what takes profit does not."""
    leg = LegSide.LONG if hedged else LegSide.BOTH
    desk.floor.hold("BTCUSDT", "1", leg=leg.value)
    await desk.look()
    mark = desk.floor.books.market.mark("BTCUSDT")
    below = trigger is not TriggerType.TAKE_PROFIT
    target = (mark * (Decimal("0.97") if below else Decimal("1.03"))).quantize(Decimal(1))
    wanted = ConditionalRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        trigger=trigger,
        quantity=Decimal(1),
        trigger_price=None if trigger is TriggerType.TRAILING else target,
        callback_percent=Decimal(1) if trigger is TriggerType.TRAILING else None,
        leg=leg,
        reduce_only=not hedged,
    )
    desk.floor.books.place_conditional("main", wanted)
    desk.floor.books.set_mark("BTCUSDT", mark)
    desk.floor.books.set_mark("BTCUSDT", target)
    reports = await desk.look()

    assert [r.stop_loss for r in reports if r.execution_type is TRADE] == [below]
    assert all(r.reduce_only for r in reports)


async def test_a_stop_that_opens_is_no_stop_loss(desk: Desk) -> None:
    """An entry by a stop order is an ordinary fill."""
    desk.floor.protect("BTCUSDT", "1", reduce_only=False)
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal("0.89"))

    assert [r.stop_loss for r in await desk.look() if r.execution_type is TRADE] == [False]


async def test_a_refused_stop_is_told_once(desk: Desk) -> None:
    """A protective stop that fired for nothing is a rejected order, whichever part of the lists it stands in."""
    desk.floor.protect("BTCUSDT", "1")
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal("0.89"))
    for _ in range(7):
        await desk.look()

    assert Counter(r.execution_type for r in desk.told)[REJECTED] == 1


async def test_orders_that_end_unfilled_are_told(desk: Desk) -> None:
    """Cancelled within half a minute of their acceptance; told once each."""
    cancelled = desk.floor.rest("BTCUSDT", "1")
    await desk.look()
    desk.floor.books.cancel("main", "BTCUSDT", OrderRef(id=cancelled.id))

    assert _types(await desk.look()) == [(CANCELED, BTC)]
    assert not await desk.look()


async def test_a_liquidation_is_a_stop_loss(desk: Desk) -> None:
    """What the exchange closes by force counts like a stop that was hit, and is named."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    desk.floor.books.liquidate("main", "BTCUSDT")

    assert [(r.execution_type, r.stop_loss, r.detail) for r in await desk.look()] == [
        (NEW, False, "liquidation by the exchange"),
        (TRADE, True, "liquidation by the exchange"),
    ]


async def test_closes_for_a_stop_are_left_out(desk: Desk) -> None:
    """The flatten's own orders are not what engines did, in whatever letters the venue lets them be named."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    (held,) = (await desk.client.snapshot()).positions
    await desk.client.close_position(held, closing_order_id("stop-1", "abc", 1))

    assert not desk.floor.positions
    assert not await desk.look()


async def test_pages_are_read_to_their_end(desk: Desk) -> None:
    """More orders and fills than the largest page holds are all told."""
    for _ in range(60):
        desk.floor.hold("BTCUSDT", "0.1")
        desk.floor.hold("BTCUSDT", "-0.1")
    await desk.look()

    assert Counter(r.execution_type for r in desk.told) == {NEW: 120, TRADE: 120}


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize(
    "body", ["null", "{}", "<html>", '{"code":"0","data":[{}],"retCode":0,"result":{"list":[{}]}}']
)
async def test_a_failed_look_loses_and_repeats_nothing(desk: Desk, part: int, body: str) -> None:
    """Whichever request of a look brings garbage: it fails, and the next one tells what is missing, and only that."""
    resting = desk.floor.rest("BTCUSDT", "1")
    await desk.look()
    assert resting.price is not None
    desk.floor.books.set_mark("BTCUSDT", resting.price)
    desk.floor.hold("ETHUSDT", "1")
    for n in range(part + 1):
        kind = FaultKind.BODY if n == part else FaultKind.DELAY
        desk.floor.venue.faults.add(Fault(kind=kind, operation=Operation.ORDERS, body=body))
    try:
        await desk.look()
    except EssError:
        assert not desk.floor.venue.faults.pending()
    desk.floor.venue.faults.clear()
    await desk.look()

    assert Counter(_types(desk.told)) == {(NEW, BTC): 1, (TRADE, BTC): 1, (NEW, ETH): 1, (TRADE, ETH): 1}


def _conditional(desk: Desk, trigger: TriggerType, factor: str, **fields: Any) -> ConditionalRequest:
    mark = desk.floor.books.market.mark("BTCUSDT")
    price = (mark * Decimal(factor)).quantize(Decimal(1))
    return ConditionalRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        trigger=trigger,
        quantity=Decimal(1),
        trigger_price=price,
        reduce_only=True,
        **fields,
    )


@pytest.mark.parametrize("desk", ["okx"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "to", "counts"), [("oco", "0.97", True), ("oco", "1.03", False), ("trigger", "0.97", True)]
)
async def test_which_half_of_a_pair_fired_tells_a_stop_from_a_profit(
    desk: Desk,
    kind: str,
    to: str,
    counts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """OKX tells the half of a pair; of a trigger order, which tells nothing, the loss speaks."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    gain = _conditional(desk, TriggerType.TAKE_PROFIT, "1.03") if kind == "oco" else None
    wanted = _conditional(desk, TriggerType.STOP, "0.97", kind=kind, other=gain)
    desk.floor.books.place_conditional("main", wanted)
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal(to))

    assert [r.stop_loss for r in await desk.look() if r.execution_type is TRADE] == [counts]


@pytest.mark.parametrize("desk", ["bybit"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "counts"), [("StopLoss", True), ("PartialStopLoss", True), ("PartialTakeProfit", False)]
)
async def test_what_a_position_has_attached_is_known_by_its_name(
    desk: Desk,
    kind: str,
    counts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Bybit names the stop and the profit of a position, whole or in part."""
    desk.floor.hold("BTCUSDT", "1")
    await desk.look()
    trigger, to = (TriggerType.STOP, "0.97") if counts else (TriggerType.TAKE_PROFIT, "1.03")
    desk.floor.books.place_conditional("main", _conditional(desk, trigger, to, kind=kind))
    desk.floor.books.set_mark("BTCUSDT", desk.floor.books.market.mark("BTCUSDT") * Decimal(to))

    assert [r.stop_loss for r in await desk.look() if r.execution_type is TRADE] == [counts]


async def test_more_than_a_look_reads_is_told_and_not_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are told, the failure says that some are missing, and the look after half a minute is whole again."""
    monkeypatch.setattr(okx_executions, "MAX_PAGES", 1)
    monkeypatch.setattr(bybit_executions, "MAX_PAGES", 1)
    for _ in range(60):
        desk.floor.hold("BTCUSDT", "0.1")
        desk.floor.hold("BTCUSDT", "-0.1")
    with pytest.raises(EssError, match="not all of them were read"):
        await desk.look()
    assert Counter(r.execution_type for r in desk.told)[TRADE] == 100
    desk.history.read_to += OVERLAP_MS + 1

    assert not await desk.look()
