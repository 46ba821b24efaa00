"""The Binance spot client, sends: real ccxt cancels and sells on the paper venue over TLS, and never sells twice."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten import BelowMinimumError, FlattenSettings, LocalFlattener
from ess_server.core.model import Action, FlattenStatus, Work
from ess_server.core.venue_snapshot import Position
from ess_server.testing.waiting import eventually
from ess_server.venue.ccxt_spot import NOTHING_SOLD, BinanceSpotClient
from ess_server.venue.paper import Fault, FaultKind, Operation, grew_or_flipped
from ess_server.venue.paper.model import BooksConfig
from ess_server.venue.strict import VenueError

BTC, ETH = "BTC/USDT", "ETH/USDT"
QUICK = FlattenSettings(
    call_timeout=timedelta(milliseconds=500),
    verify_gap=timedelta(milliseconds=30),
    quiet_window=timedelta(milliseconds=50),
    sweep_interval=timedelta(milliseconds=100),
    backoff_max=timedelta(milliseconds=300),
)
Open = Callable[..., Awaitable[Any]]
Connect = Callable[..., BinanceSpotClient]


def btc(quantity: str, price: str | None = "60000") -> Position:
    """What a snapshot shows of so many BTC."""
    worth = None if price is None else Decimal(price)
    return Position(symbol=BTC, long=True, quantity=Decimal(quantity), hedged=False, price=worth)


async def flatten(client: BinanceSpotClient, action: Action = Action.FLATTEN, within: float = 15) -> FlattenStatus:
    """Run a flatten until it says flat."""
    flattener = LocalFlattener(
        (client,), clock=SystemClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    flattener.set_work({"main": Work(account="main", stop_id="stop-1", action=action)})
    await eventually(lambda: flattener.progress()["main"].status.is_done, within=within)
    await flattener.stop()
    return flattener.progress()["main"].status


async def test_a_spot_account_is_flattened_down_to_what_is_kept(open_stall: Open, connect_spot: Connect) -> None:
    """Orders of every kind are gone, the named assets are sold to what is kept, the others and the money are not."""
    stall = await open_stall()
    stall.rest("BTCUSDT", "-0.4")
    stall.rest("BTCUSDT", "-0.3", "STOP_LOSS_LIMIT")
    stall.rest("BTCUSDT", "0.1")
    stall.rest("ETHUSDT", "-2", "TAKE_PROFIT")
    stall.rest("SOLUSDT", "10")
    before = stall.venue.journal.last_seq
    client = connect_spot(stall, "BTC", keep={"BTC": "0.5"})
    await client.prepare()

    assert await flatten(client) is FlattenStatus.FLAT
    assert not stall.account.spot.open
    assert (stall.held("BTC"), stall.held("ETH")) == (Decimal("0.5"), Decimal(10))
    assert grew_or_flipped(stall.venue.journal.read(after=before)) == []
    assert stall.venue.journal.read(kinds=("unknown_path",)) == []


async def test_without_a_list_nothing_is_sold(open_stall: Open, connect_spot: Connect) -> None:
    """An account that names no asset loses its orders to a stop and nothing else, and shows no position."""
    stall = await open_stall()
    stall.rest("BTCUSDT", "-0.4")
    client = connect_spot(stall)

    shown = await client.snapshot()
    assert (shown.positions, shown.untouched) == ((), NOTHING_SOLD)
    assert await flatten(client) is FlattenStatus.FLAT
    assert (stall.account.spot.open, stall.sold("BTC")) == ({}, 0)
    with pytest.raises(VenueUnknownError, match="not to be sold"):
        await client.close_position(btc("1"), "ess-1")


async def test_cancel_sells_nothing(open_stall: Open, connect_spot: Connect) -> None:
    """CANCEL takes every order of a spot account, stops too, for none of them can only reduce."""
    stall = await open_stall()
    stall.rest("BTCUSDT", "-0.4", "STOP_LOSS")
    await flatten(connect_spot(stall, "BTC"), Action.CANCEL)

    assert (stall.account.spot.open, stall.sold("BTC")) == ({}, 0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.DROP, operation=Operation.ORDER, times=2),
        Fault(kind=FaultKind.DROP, operation=Operation.ORDER, times=2, applied=False),
        Fault(kind=FaultKind.HANG, operation=Operation.ORDER, applied=True),
        Fault(kind=FaultKind.HANG, operation=Operation.ORDER),
        Fault(kind=FaultKind.STATUS, operation=Operation.ORDER, times=2, applied=True, body="<html>"),
        Fault(kind=FaultKind.STATUS, operation=Operation.ORDER, times=2, status=500),
        Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=-1007, message="Timeout", applied=True),
        Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=-2010, message="no"),
        Fault(kind=FaultKind.BODY, operation=Operation.ORDER, times=2, body="{}"),
        Fault(kind=FaultKind.BODY, operation=Operation.ORDER, times=2, body=""),
        Fault(kind=FaultKind.DELAY, operation=Operation.ORDER, delay=timedelta(milliseconds=800)),
        Fault(kind=FaultKind.DROP, operation=Operation.ANY, times=9),
    ],
    ids=lambda f: f"{f.kind}-{f.operation}-{f.applies}-{f.code or f.body or f.status}",
)
async def test_no_fault_sells_more_than_was_to_be_sold(open_stall: Open, connect_spot: Connect, fault: Fault) -> None:
    """Whether an order was carried out before its answer was lost or not, exactly what was to be sold is sold."""
    stall = await open_stall({"BTC": "1.5", "ETH": "10"})
    client = connect_spot(stall, "BTC", "ETH", keep={"BTC": "1", "ETH": "9"})
    await client.prepare()
    stall.venue.faults.add(fault)
    await flatten(client)

    assert (stall.sold("BTC"), stall.sold("ETH")) == (Decimal("0.5"), 1)


async def cut_off(stall: Any, client: BinanceSpotClient, id_: str, late: timedelta) -> None:
    """Begin a sale of 1 BTC that reaches the books late, and end the caller before that."""
    stall.venue.faults.add(Fault(kind=FaultKind.DELAY, operation=Operation.ORDER, delay=late, applied=False))
    sale = asyncio.create_task(client.close_position(btc("1"), id_))
    await eventually(lambda: not stall.venue.faults.pending())
    sale.cancel()
    await asyncio.wait({sale})


async def test_an_order_that_is_accepted_late_is_waited_for(open_stall: Open, connect_spot: Connect) -> None:
    """While an order without an answer may still be accepted nothing is sold; it stays the only one."""
    stall = await open_stall({"BTC": "3.1"})
    client = connect_spot(stall, "BTC", keep={"BTC": "2"}, expiry=0.6)
    await client.close_position(btc("0.1"), "ess-1")
    await cut_off(stall, client, "ess-2", timedelta(milliseconds=400))
    assert stall.sold("BTC") == Decimal("0.1")
    with pytest.raises(VenueUnknownError, match="left to be sold"):
        await client.close_position(btc("1"), "ess-3")

    assert stall.sold("BTC") == Decimal("1.1")


async def test_a_client_that_begins_anew_waits_out_what_another_sent(open_stall: Open, connect_spot: Connect) -> None:
    """After a kill in the middle of a sale the next client waits until nothing can be accepted any more."""
    stall = await open_stall({"BTC": "3"})
    killed = connect_spot(stall, "BTC", keep={"BTC": "2"})
    await killed.prepare()
    await cut_off(stall, killed, "ess-12345678-1-1", timedelta(milliseconds=900))
    await flatten(connect_spot(stall, "BTC", keep={"BTC": "2"}, expiry=1.0))

    assert stall.sold("BTC") == 1
    assert [e.details["client_id"] for e in stall.venue.journal.read(kinds=("order",))] == ["ess-12345678-1-1-0"]


async def test_ids_are_never_used_again(open_stall: Open, connect_spot: Connect) -> None:
    """Each order of each attempt has an id of its own, by which a stop's orders are known."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC")
    stall.venue.faults.add(Fault(kind=FaultKind.DROP, operation=Operation.ORDER, times=3, applied=False))
    sent: list[str] = []
    send = client._exchange.privatePostOrder

    async def recording(params: dict[str, Any]) -> Any:
        sent.append(params["newClientOrderId"])
        return await send(params)

    client._exchange.privatePostOrder = recording
    await flatten(client)

    assert len(sent) == len(set(sent)) == 4
    assert stall.sold("BTC") == Decimal("1.5")


async def test_what_orders_lock_is_not_sold_and_is_no_dust(open_stall: Open, connect_spot: Connect) -> None:
    """Only what is free above what is kept is sold: a resting order may yet sell the rest, and the flatten goes on."""
    stall = await open_stall()
    stall.rest("BTCUSDT", "-0.9")
    client = connect_spot(stall, "BTC", keep={"BTC": "0.5"})
    await client.close_position(btc("1"), "ess-1")
    assert stall.sold("BTC") == Decimal("0.1")
    with pytest.raises(VenueUnknownError, match="locked"):
        await client.close_position(btc("0.9"), "ess-2")
    await flatten(client)

    assert (stall.sold("BTC"), stall.account.spot.open) == (1, {})


async def test_dust_stays_and_is_told(open_stall: Open, connect_spot: Connect) -> None:
    """Less than a step, and what is worth less than the exchange takes, is BelowMinimumError and FLAT_WITH_DUST."""
    stall = await open_stall({"BTC": "0.0009", "ETH": "0.0099", "DOGE": "20.5"})
    client = connect_spot(stall, "BTC", "ETH", "DOGE")

    doge = Position(symbol="DOGE/USDT", long=True, quantity=Decimal("20.5"), hedged=False, price=Decimal("0.12"))
    with pytest.raises(BelowMinimumError, match="NOTIONAL"):
        await client.close_position(doge, "ess-1")
    with pytest.raises(BelowMinimumError, match="minimum"):
        await client.close_position(btc("0.0009"), "ess-2")

    assert await flatten(client) is FlattenStatus.FLAT_WITH_DUST
    assert (stall.sold("BTC"), stall.sold("DOGE")) == (0, 0)


async def test_without_a_price_a_refusal_is_no_dust(open_stall: Open, connect_spot: Connect) -> None:
    """A refusal for its worth is called dust only where the whole position is known to be worth that little."""
    stall = await open_stall({"BTC": "0.0015"})
    client = connect_spot(stall, "BTC")
    for price in (None, "600000"):
        with pytest.raises(VenueError, match="NOTIONAL"):
            await client.close_position(btc("0.0015", price), "ess-1")


async def test_a_sale_above_the_market_maximum_is_made_in_parts(open_stall: Open, connect_spot: Connect) -> None:
    """250 BTC, where one market order may be 120, are sold by three orders of their exact sum."""
    stall = await open_stall({"BTC": "250.001"})
    before = stall.venue.journal.last_seq
    await flatten(connect_spot(stall, "BTC"))

    sizes = [e.details["quantity"] for e in stall.venue.journal.read(after=before, kinds=("fill",))]
    assert sizes == [Decimal("83.334"), Decimal("83.334"), Decimal("83.333")]


async def test_a_limit_is_never_undercut(open_stall: Open, connect_spot: Connect) -> None:
    """With a limit the order takes what the book gives at that price or better, rounded up to the tick, and ends."""
    stall = await open_stall(books=BooksConfig(liquidity=Decimal(30_000)))
    client = connect_spot(stall, "BTC")
    await client.close_position(btc("1.5"), "ess-1", limit=Decimal("59950.01"))
    await client.close_position(btc("1.0"), "ess-2", limit=Decimal("60000.01"))

    orders = list(stall.account.spot.done.values())
    assert [(o.request.price, o.filled) for o in orders] == [
        (Decimal("59950.1"), Decimal("0.5")),
        (Decimal("60000.1"), 0),
    ]
    assert not stall.account.spot.open


async def test_balances_older_than_the_last_sale_are_not_believed(
    open_stall: Open, connect_spot: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading that does not contain the last sale yet sells nothing again."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC", keep={"BTC": "0.5"})
    stale = await client._exchange.privateGetAccount()
    await client.close_position(btc("1"), "ess-1")

    async def lagging(_params: object = None) -> Any:
        return stale

    monkeypatch.setattr(client._exchange, "privateGetAccount", lagging)
    with pytest.raises(VenueUnknownError, match="older than the last sale"):
        await client.close_position(btc("1"), "ess-2")

    assert stall.sold("BTC") == 1


async def test_of_what_somebody_else_has_sold_only_the_rest_is_sold(open_stall: Open, connect_spot: Connect) -> None:
    """The balance of the moment counts, not that of the snapshot."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC", keep={"BTC": "0.5"})
    stall.venue.books.spot.transfer(stall.account, "BTC", Decimal("-0.7"))
    await client.close_position(btc("1"), "ess-1")

    assert stall.held("BTC") == Decimal("0.5")


async def test_sends_are_valid_for_less_than_two_seconds(
    open_stall: Open, connect_spot: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every order and cancel carries a receive window below 2 s: what quiesce relies on."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC")
    sent: list[str] = []
    fetch = client._exchange.fetch

    async def recording(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if method != "GET" and "getUserAsset" not in url:
            sent.append(f"{url} {body}")
        return await fetch(url, method, headers, body)

    monkeypatch.setattr(client._exchange, "fetch", recording)
    stall.rest("BTCUSDT", "-0.4")
    await flatten(client)

    assert len(sent) == 2
    assert all("recvWindow=1750" in request for request in sent)
