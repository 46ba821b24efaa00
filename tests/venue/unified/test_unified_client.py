"""What the one client does whatever the venue: refusals, order of requests, and whole stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.flatten_plan import BelowMinimumError, ReadBudgetError
from ess_server.core.model import Action, FlattenStatus, Work
from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from ess_server.testing import FakeClock
from ess_server.testing.waiting import eventually
from ess_server.venue.budget import Purpose, RequestBudget
from ess_server.venue.strict import VenueError
from ess_server.venue.unified.client import CONCURRENCY, UnifiedClient
from ess_server.venue.unified.plan import SEND_WINDOW_MS
from ess_server.venue.unified.table import UNIFIED
from tests.venue.unified import binance_coinm, bitget, gate, hyperliquid, kraken, kraken_futures
from tests.venue.unified.case import NOW_MS, Case, connect
from tests.venue.unified.cases import CASES
from tests.venue.unified.wire import Sent, Wire

QUICK = FlattenSettings(
    verify_gap=timedelta(milliseconds=8),
    quiet_window=timedelta(milliseconds=8),
    sweep_interval=timedelta(milliseconds=50),
    backoff_min=timedelta(milliseconds=1),
    backoff_max=timedelta(milliseconds=8),
    request_expiry=timedelta(milliseconds=30),
)


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened."""
    async with AsyncExitStack() as stack:
        yield stack


async def _ready(case: Case, opened: AsyncExitStack, *, full: bool = True) -> tuple[UnifiedClient, Wire]:
    client, wire = connect(case, full=full)
    opened.push_async_callback(client.aclose)
    await client.prepare()
    wire.taken()
    return client, wire


async def test_what_was_not_shown_is_not_touched(opened: AsyncExitStack) -> None:
    """An order or a position that the last reading did not show is refused, and nothing is sent."""
    client, wire = await _ready(kraken_futures.CASE, opened)
    unseen = OpenOrder(id="nobody", symbol=kraken_futures.BTC, conditional=False, reduce_only=False)
    position = Position(symbol=kraken_futures.BTC, long=False, quantity=Decimal(1), hedged=False)
    await client.snapshot()
    wire.taken()
    with pytest.raises(VenueUnknownError):
        await client.cancel([unseen])
    with pytest.raises(VenueUnknownError):
        await client.close_position(position, "ess-1")

    assert wire.taken() == []


async def test_the_same_id_in_two_markets_is_two_orders(opened: AsyncExitStack) -> None:
    """Some venues number orders by market and kind: each is cancelled in its own."""
    client, wire = await _ready(binance_coinm.CASE, opened)
    rows = wire.answers["/dapi/v1/openOrders"]
    wire.answers["/dapi/v1/openOrders"] = [*rows, {**rows[0], "symbol": "ETHUSD_PERP"}]
    wire.answers["/dapi/v1/openAlgoOrders"] = [{**wire.answers["/dapi/v1/openAlgoOrders"][0], "algoId": 1}]
    await client.cancel([o for o in (await client.snapshot()).orders if o.id == "1"])
    deleted = sorted((s.path, s.params["symbol"]) for s in wire.taken() if s.method == "DELETE")

    assert deleted == [
        ("/dapi/v1/algoOpenOrders", "ETHUSD_PERP"),
        ("/dapi/v1/allOpenOrders", "ETHUSD_PERP"),
        ("/dapi/v1/order", "BTCUSD_PERP"),
    ]


async def test_an_order_that_is_gone_is_a_success(opened: AsyncExitStack) -> None:
    """The venue's own words for an order that is not there are no failure of a cancel; other words are."""
    client, wire = await _ready(gate.CASE, opened)
    trigger = next(o for o in (await client.snapshot()).orders if o.id == "3")
    await client.cancel([trigger])
    wire.answers["/api/v4/futures/usdt/price_orders/3"] = (400, '{"label":"INVALID_KEY"}')
    with pytest.raises(VenueError):
        await client.cancel([trigger])


async def test_an_account_that_was_never_used_holds_nothing(opened: AsyncExitStack) -> None:
    """The venue's own words for it are no failure: the account is prepared and read, and its witness says nothing."""
    client, wire = connect(gate.CASE)
    opened.push_async_callback(client.aclose)
    wire.answers |= dict.fromkeys((*gate.PATHS, "/api/v4/futures/usdt/accounts"), gate.NOT_USED)
    await client.prepare()
    shown = await client.snapshot()

    assert (shown.orders, shown.positions, client.hedge_mode) == ((), (), False)
    assert await client.witness() == Witness()
    with pytest.raises(VenueError):
        await client.equity()


async def test_too_small_is_dust(opened: AsyncExitStack) -> None:
    """What the market's minimum does not let be closed, and what the venue refuses as too small, are told as such."""
    client, wire = await _ready(hyperliquid.CASE, opened)
    position = next(p for p in (await client.snapshot()).positions if p.symbol == hyperliquid.BTC)
    with pytest.raises(BelowMinimumError):
        await client.close_position(replace(position, quantity=Decimal("0.000001")), "ess-1")
    refusal = {"statuses": [{"error": "Order must have minimum value of $10. asset=0"}]}
    wire.answers["/exchange"] = {"status": "ok", "response": {"type": "order", "data": refusal}}
    with pytest.raises(BelowMinimumError):
        await client.close_position(position, "ess-1")


async def test_a_refused_time_is_measured_again_and_tried_once(opened: AsyncExitStack) -> None:
    """A venue that refuses a request for its time has not looked at it: it is made once more, with the time anew."""
    client, wire = await _ready(binance_coinm.CASE, opened)
    answers: list[object] = ['{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}', []]
    wire.answers["/dapi/v1/openOrders"] = lambda _: answers.pop(0)
    await client.snapshot()

    assert [s.path for s in wire.sent].count("/dapi/v1/time") == 1
    assert answers == []


async def test_the_validity_of_a_close_begins_when_it_goes_out(opened: AsyncExitStack) -> None:
    """Not when it begins to wait for its turn, nor by a clock that the venue has refused: it would be expired."""
    client, wire = await _ready(kraken_futures.CASE, opened)
    position = (await client.snapshot()).positions[0]
    wire.taken()
    async with AsyncExitStack() as busy:
        for _ in range(CONCURRENCY):
            await busy.enter_async_context(client._slots)
        closing = asyncio.ensure_future(client.close_position(position, "ess-1"))
        await asyncio.sleep(0)
        client._exchange.milliseconds = lambda: NOW_MS + 60_000
    await closing
    (sent,) = wire.taken()

    assert client._exchange.parse8601(sent.params["processBefore"]) == NOW_MS + 60_000 + SEND_WINDOW_MS


async def test_a_look_for_timers_is_paid_as_a_whole(opened: AsyncExitStack) -> None:
    """Half of a look finds nothing: beside a flatten that takes everything the other list would never be paid."""
    client, wire = await _ready(binance_coinm.CASE, opened)
    clock, plan = FakeClock(), UNIFIED["binancecoinm"]
    client._budget = RequestBudget(clock.uptime, plan.limits)
    client._budget.read(plan.limits.burst, Purpose.FLATTEN)
    for _ in range(240):
        clock.advance(1)
        client._budget.used(1000)
        with suppress(ReadBudgetError):
            for _ in range(20):
                client._budget.read(1, Purpose.FLATTEN)
        with suppress(ReadBudgetError):
            assert await client.dead_man.order_symbols()
            break
        assert wire.taken() == []

    assert len(wire.taken()) == len(plan.orders)


async def test_a_limit_told_in_a_reply_that_looks_well_is_kept(opened: AsyncExitStack) -> None:
    """After such a refusal nothing is asked for a second: going on would be answered with a longer one."""
    client, wire = await _ready(kraken.CASE, opened)
    wire.answers["/0/private/OpenOrders"] = '{"error":["EAPI:Rate limit exceeded"]}'
    with pytest.raises(VenueError):
        await client.snapshot()
    wire.taken()
    for call in (client.snapshot(), client.equity()):
        with pytest.raises(ReadBudgetError):
            await call

    assert wire.taken() == []


async def test_kraken_is_asked_one_thing_at_a_time(opened: AsyncExitStack) -> None:
    """A nonce never falls, and no request leaves before the one before it was answered."""
    client, wire = await _ready(kraken.CASE, opened)
    await asyncio.gather(client.snapshot(), client.equity(), client.witness(), client.snapshot())
    nonces = [int(s.params["nonce"]) for s in wire.sent if "nonce" in s.params]

    assert len(nonces) == 7
    assert nonces == sorted(set(nonces))
    assert wire.most_at_once == 1


async def test_rows_of_one_side_are_closed_each_in_its_own_margin_mode(opened: AsyncExitStack) -> None:
    """What is held on one side both cross and isolated is one position, and a close names each mode."""
    held = [
        bitget._position("ETHUSDT", "short", "0.3", "one_way_mode", "crossed"),
        bitget._position("ETHUSDT", "short", "0.2", "one_way_mode", "isolated"),
    ]
    client, wire = await _ready(bitget.CASE, opened, full=False)
    wire.answers["/api/v2/mix/position/all-position"] = lambda sent: bitget._good(
        held if sent.params["productType"] == "USDT-FUTURES" else []
    )
    (position,) = (await client.snapshot()).positions
    wire.taken()
    await client.close_position(replace(position, quantity=Decimal("0.4")), "ess-1")

    assert position.quantity == Decimal("0.5")
    sent = sorted((s.params["marginMode"], s.params["size"], s.params["reduceOnly"]) for s in wire.taken())
    assert sent == [("crossed", "0.3", "YES"), ("isolated", "0.1", "YES")]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_no_error_shows_a_secret(case: Case, opened: AsyncExitStack) -> None:
    """Whatever the venue answers, the text of the error holds neither key nor secret nor signature."""
    client, wire = await _ready(case, opened, full=False)
    await client.snapshot()
    asked = wire.taken()
    for answer in (case.refusal, (500, "<html>"), (403, "Forbidden"), (401, '{"msg":"no"}'), "<html>"):
        wire.instead = {s.key: answer for s in asked}
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever is raised is looked at
            await client.snapshot()
        text = f"{caught.value} {caught.value.__cause__}"
        signatures = [str(s.params.get("signature")) for s in wire.taken() if "signature" in s.params]
        for secret in (case.key, case.secret, "the-passphrase", *signatures):
            assert secret not in text


class Floor:
    """A small Kraken Futures: orders and positions that requests change."""

    def __init__(self, wire: Wire) -> None:
        self.orders = {"a": "PF_XBTUSD", "b": "PF_XBTUSD", "c": "PF_ETHUSD"}
        self.held = {"PF_XBTUSD": Decimal("0.25"), "PF_ETHUSD": Decimal(-7)}
        self.opened = False
        root, accounts = "/derivatives/api/v3", kraken_futures._accounts
        wire.answers |= {
            f"{root}/openorders": lambda _: self._good(openOrders=[self._order(i, s) for i, s in self.orders.items()]),
            f"{root}/openpositions": lambda _: self._good(openPositions=[self._leg(s) for s in self.held]),
            f"{root}/accounts": lambda _: accounts(str(len(self.held)), str(len(self.held))),
            f"{root}/cancelallorders": self._cancel,
            f"{root}/sendorder": self._send,
        }

    def _good(self, **parts: object) -> dict[str, object]:
        return {**kraken_futures.GOOD, **parts}

    def _order(self, id_: str, symbol: str) -> dict[str, object]:
        return kraken_futures._order(id_, symbol, "stop" if id_ == "b" else "lmt", exit_only=id_ == "b")

    def _leg(self, symbol: str) -> dict[str, object]:
        size = self.held[symbol]
        return {"side": "long" if size > 0 else "short", "symbol": symbol, "price": "1", "size": str(abs(size))}

    def _cancel(self, sent: Sent) -> dict[str, object]:
        self.orders = {i: s for i, s in self.orders.items() if s != sent.params["symbol"]}
        return self._good(cancelStatus={"status": "cancelled"})

    def _send(self, sent: Sent) -> dict[str, object]:
        symbol, size = str(sent.params["symbol"]), Decimal(str(sent.params["size"]))
        held = self.held.get(symbol, Decimal(0))
        self.opened |= str(sent.params.get("reduceOnly")) != "true" or (held > 0) != (sent.params["side"] == "sell")
        # Half of it is filled: the rest is for the next round.
        filled = min(abs(held), max(size / 2, Decimal("0.1")).quantize(Decimal("0.1")))
        self.held[symbol] = held - filled.copy_sign(held)
        self.held = {s: q for s, q in self.held.items() if q}
        status: dict[str, Any] = {"status": "placed", "order_id": "z", "orderEvents": []}
        return self._good(sendStatus=status)


async def test_a_stop_ends_flat(opened: AsyncExitStack) -> None:
    """The flatten drives this client as any other: orders go, partial fills are followed up, flat is what it shows."""
    client, wire = await _ready(kraken_futures.CASE, opened)
    floor = Floor(wire)
    flattener = LocalFlattener(
        [client], clock=SystemClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    opened.push_async_callback(flattener.stop)
    work = Work(account="main", stop_id="s", action=Action.FLATTEN, symbols=(), held=False)
    flattener.set_work({"main": work})
    await eventually(lambda: flattener.progress()["main"].status is FlattenStatus.FLAT)

    assert (floor.orders, floor.held, floor.opened) == ({}, {}, False)
