"""The Binance USD-M client, sends: real ccxt cancels and closes on the paper venue over TLS."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.flatten import BelowMinimumError, LocalFlattener
from ess_server.core.model import Action, FlattenStatus, Work
from ess_server.core.venue_snapshot import OpenOrder, Position
from ess_server.testing.waiting import eventually
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.paper import Fault, FaultKind, Operation, grew_or_flipped
from ess_server.venue.strict import VenueError
from tests.venue.clients import QUICK, flatten

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LONG_BTC = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)


def entries(floor: Any, *kinds: str) -> list[Any]:
    """Journal of the account."""
    return floor.venue.journal.read(kinds=kinds, account="main")


async def test_one_way_account_is_flattened(floor: Any, client: BinanceUsdmClient) -> None:
    """Orders, conditional orders and positions of both sides are gone, and no fill ever grew a position."""
    floor.hold("BTCUSDT", "0.5")
    floor.hold("ETHUSDT", "-3")
    floor.rest("BTCUSDT", "0.2")
    floor.rest("BTCUSDT", "-0.2", reduce_only=True)
    floor.rest("SOLUSDT", "10")
    floor.protect("BTCUSDT", "0.5")
    before = floor.venue.journal.last_seq
    await flatten(client)

    assert floor.flat
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []
    assert floor.venue.journal.read(kinds=("unknown_path",)) == []


async def test_hedge_mode_account_is_flattened(
    open_floor: Callable[..., Awaitable[Any]], connect: Callable[..., BinanceUsdmClient]
) -> None:
    """Both legs of a symbol are closed, each by its own order, and neither grows."""
    floor = await open_floor(hedged=True)
    floor.hold("BTCUSDT", "0.5", leg="LONG")
    floor.hold("BTCUSDT", "-0.3", leg="SHORT")
    floor.rest("BTCUSDT", "-0.5", leg="LONG")
    floor.protect("BTCUSDT", "0.5", leg="LONG", reduce_only=False)
    before = floor.venue.journal.last_seq
    client = connect(floor)
    await client.prepare()
    await flatten(client)

    assert client.hedge_mode is True
    assert floor.flat
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []


async def test_hedge_mode_closing_orders_count_as_reduce_only(
    open_floor: Callable[..., Awaitable[Any]], connect: Callable[..., BinanceUsdmClient]
) -> None:
    """In hedge mode the leg and the side tell an exit, which carries no reduce-only flag of its own."""
    floor = await open_floor(hedged=True)
    floor.hold("BTCUSDT", "0.5", leg="LONG")
    floor.rest("BTCUSDT", "-0.5", leg="LONG")
    floor.rest("BTCUSDT", "0.5", leg="LONG")
    snapshot = await connect(floor).snapshot()

    assert sorted(o.reduce_only for o in snapshot.orders) == [False, True]
    assert snapshot.positions == (Position(symbol=BTC, long=True, quantity=Decimal("0.5"), hedged=True),)


async def test_cancel_leaves_position_and_stop(floor: Any, client: BinanceUsdmClient) -> None:
    """CANCEL on the real client takes the entries and leaves the position with its stop order."""
    floor.hold("BTCUSDT", "0.5")
    stop = floor.protect("BTCUSDT", "0.5")
    floor.protect("BTCUSDT", "0.2", reduce_only=False)
    floor.rest("BTCUSDT", "0.2")
    await flatten(client, Action.CANCEL)

    assert list(floor.account.open_conditionals) == [stop]
    assert not floor.account.open_orders
    assert floor.positions == {"BTCUSDT BOTH": Decimal("0.5")}


async def test_a_position_above_the_market_maximum_is_closed_in_parts(floor: Any, client: BinanceUsdmClient) -> None:
    """A position of 250 BTC, where one market order may be 120, is closed by three orders of its exact sum."""
    for part in ("100", "100", "50.001"):
        floor.hold("BTCUSDT", part)
    before = floor.venue.journal.last_seq
    await flatten(client)

    sizes = [e.details["quantity"] for e in floor.venue.journal.read(after=before, kinds=("fill",))]
    assert floor.flat
    assert sizes == [Decimal("83.334"), Decimal("83.334"), Decimal("83.333")]
    assert entries(floor, "refused") == []


async def test_a_huge_position_is_closed_in_several_rounds(floor: Any, client: BinanceUsdmClient) -> None:
    """One close sends a bounded number of orders; the rounds after it do the rest."""
    maximum = floor.books.market.instruments["BCHUSDT"].max_market_quantity
    for _ in range(60):
        floor.hold("BCHUSDT", str(maximum))
    before = floor.venue.journal.last_seq
    await client.snapshot()
    await client.close_position(
        Position(symbol="BCH/USDT:USDT", long=True, quantity=60 * maximum, hedged=False), "ess-1"
    )

    assert floor.positions == {"BCHUSDT BOTH": 10 * maximum}
    await flatten(client)
    assert floor.flat
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []


async def test_too_many_orders_do_not_stop_reads_and_cancels(floor: Any, client: BinanceUsdmClient) -> None:
    """The limit on new orders (-1015) is this account's own: reading and cancelling go on."""
    floor.venue.set_limits(orders_per_ten_seconds=0)
    with pytest.raises(VenueError) as raised:
        await client.close_position(LONG_BTC, "ess-1")

    assert raised.value.code == -1015
    await client.snapshot()


async def test_a_close_whose_answer_is_lost_is_not_sent_again(floor: Any, client: BinanceUsdmClient) -> None:
    """A dropped answer raises; the order has been carried out once, and the next snapshot tells."""
    floor.hold("BTCUSDT", "1")
    floor.venue.faults.add(Fault(kind=FaultKind.DROP, operation=Operation.ORDER))
    with pytest.raises(EssError):
        await client.close_position(LONG_BTC, "ess-1")
    snapshot = await client.snapshot()

    assert snapshot.positions == ()
    assert len(entries(floor, "fill")) == 2


@pytest.mark.parametrize("body", ["", "null", "<html>maintenance</html>"])
async def test_a_send_that_is_answered_with_garbage_has_failed(
    floor: Any, client: BinanceUsdmClient, body: str
) -> None:
    """A 200 reply that is not JSON confirms nothing: closes and cancels raise."""
    order = floor.rest("BTCUSDT", "1")
    floor.hold("BTCUSDT", "1")
    for operation in (Operation.ORDER, Operation.CANCEL):
        floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=operation, body=body, applied=False))
    with pytest.raises(VenueUnknownError):
        await client.close_position(LONG_BTC, "ess-1")
    with pytest.raises(VenueUnknownError):
        await client.cancel([OpenOrder(id=str(order.id), symbol=BTC, conditional=False, reduce_only=False)])


async def test_flatten_survives_lost_answers(floor: Any, client: BinanceUsdmClient) -> None:
    """Answers to orders and cancels are lost again and again; the account ends flat and nothing ever grew."""
    floor.trade_everywhere(3)
    before = floor.venue.journal.last_seq
    for operation in (Operation.ORDER, Operation.CANCEL, Operation.ORDERS):
        floor.venue.faults.add(Fault(kind=FaultKind.DROP, operation=operation, times=3))
    await flatten(client)

    assert floor.flat
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []


async def test_a_close_below_the_minimum_is_told(floor: Any, client: BinanceUsdmClient) -> None:
    """What the market's filters or the exchange itself call too small is BelowMinimumError."""
    with pytest.raises(BelowMinimumError):
        await client.close_position(Position(symbol=BTC, long=True, quantity=Decimal("0.0004"), hedged=False), "ess-1")
    floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=-4164, message="notional"))
    with pytest.raises(BelowMinimumError):
        await client.close_position(LONG_BTC, "ess-2")


async def test_a_refused_close_tells_the_code(client: BinanceUsdmClient) -> None:
    """A reduce-only order without a position is refused by the exchange with -2022, which is raised."""
    with pytest.raises(VenueError) as raised:
        await client.close_position(LONG_BTC, "ess-1")

    assert raised.value.code == -2022


async def test_parts_that_fail_do_not_keep_the_others(floor: Any, client: BinanceUsdmClient) -> None:
    """Of the orders that close one position each is sent; the error counts those that failed."""
    for _ in range(2):
        floor.hold("BTCUSDT", "120")
    floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER))
    with pytest.raises(VenueUnknownError, match="1 of 2 close requests failed"):
        await client.close_position(Position(symbol=BTC, long=True, quantity=Decimal(240), hedged=False), "ess-1")

    assert floor.positions == {"BTCUSDT BOTH": Decimal(120)}


async def test_cancelling_some_orders_leaves_the_others(floor: Any, client: BinanceUsdmClient) -> None:
    """Where not all of a symbol's orders are to go, each is cancelled by its own id, and one gone is no error."""
    keep, gone, cancel = floor.rest("BTCUSDT", "1"), floor.rest("BTCUSDT", "1"), floor.rest("BTCUSDT", "1")
    kept_stop, stop = floor.protect("BTCUSDT", "1", reduce_only=False), floor.protect("BTCUSDT", "1", reduce_only=False)
    await client.snapshot()
    floor.books.cancel("main", "BTCUSDT", _ref(gone.id))
    await client.cancel(
        [
            OpenOrder(id=str(cancel.id), symbol=BTC, conditional=False, reduce_only=False),
            OpenOrder(id=str(gone.id), symbol=BTC, conditional=False, reduce_only=False),
            OpenOrder(id=str(stop), symbol=BTC, conditional=True, reduce_only=False),
        ]
    )

    assert list(floor.account.open_orders) == [keep.id]
    assert list(floor.account.open_conditionals) == [kept_stop]


def _ref(id_: int) -> Any:
    from ess_server.venue.paper.model import OrderRef  # noqa: PLC0415 - one use

    return OrderRef(id=id_)


async def test_cancelling_all_orders_of_a_symbol_takes_late_ones_too(floor: Any, client: BinanceUsdmClient) -> None:
    """Where all that was shown is to go, an order that has been added since goes with it, of that kind only."""
    floor.rest("BTCUSDT", "1")
    shown = (await client.snapshot()).orders
    floor.rest("BTCUSDT", "1")
    stop = floor.protect("BTCUSDT", "1", reduce_only=False)
    await client.cancel(shown)

    assert not floor.account.open_orders
    assert list(floor.account.open_conditionals) == [stop]


async def test_failed_cancels_are_counted(floor: Any, client: BinanceUsdmClient) -> None:
    """Cancels of several symbols are all tried; the error says how many failed."""
    floor.rest("BTCUSDT", "1")
    floor.rest("ETHUSDT", "1")
    shown = (await client.snapshot()).orders
    floor.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL))
    with pytest.raises(VenueUnknownError, match="1 of 2 cancel requests failed"):
        await client.cancel(shown)

    assert len(floor.account.open_orders) == 1


async def test_sends_are_valid_for_less_than_two_seconds(
    floor: Any, client: BinanceUsdmClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every order and cancel carries a receive window below 2 s: what quiesce relies on."""
    sent: list[str] = []
    fetch = client._exchange.fetch

    async def recording(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if method != "GET":
            sent.append(f"{url} {body}")
        return await fetch(url, method, headers, body)

    monkeypatch.setattr(client._exchange, "fetch", recording)
    floor.hold("BTCUSDT", "1")
    floor.rest("BTCUSDT", "1")
    floor.protect("BTCUSDT", "1")
    await flatten(client)

    assert len(sent) == 3
    assert all("recvWindow=1750" in request for request in sent)


async def test_a_status_that_hangs_is_unknown_in_time(floor: Any, client: BinanceUsdmClient) -> None:
    """A venue that accepts requests and never answers is UNKNOWN, and flat once it answers again."""
    floor.hold("BTCUSDT", "1")
    floor.venue.faults.add(Fault(kind=FaultKind.HANG, operation=Operation.POSITIONS))
    flattener = LocalFlattener(
        (client,),
        clock=SystemClock(),
        settings=replace(QUICK, call_timeout=timedelta(milliseconds=300)),
        on_progress=lambda _: None,
        on_event=lambda *_: None,
    )
    await flattener.start()
    flattener.set_work({"main": Work(account="main", stop_id="s", action=Action.FLATTEN)})
    await eventually(lambda: flattener.progress()["main"].status is FlattenStatus.UNKNOWN)
    await eventually(lambda: flattener.progress()["main"].status is FlattenStatus.FLAT)
    await flattener.stop()
