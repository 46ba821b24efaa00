"""The Binance USD-M client, reads: real ccxt against a paper venue that answers nonsense, late, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.flatten import ReadBudgetError
from ess_server.core.venue_snapshot import Position
from ess_server.testing.waiting import eventually
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.paper import Fault, FaultKind, Operation
from ess_server.venue.paper.model import Instrument
from ess_server.venue.strict import VenueError
from ess_server.venue.upkeep import Faults

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


LONG_BTC = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)


READS = {
    "positionRisk": Operation.POSITIONS,
    "openOrders": Operation.ORDERS,
    "openAlgoOrders": Operation.ORDERS,
}


GARBAGE = ["", "null", "{}", "<html>maintenance</html>", '"[]"', "[1]", '[{"symbol": "BTCUSDT"}]', "{truncated"]


SECRET_PART = "secret-of"


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("body", GARBAGE)
async def test_garbage_is_never_read_as_flat(floor: Any, client: BinanceUsdmClient, path: str, body: str) -> None:
    """A 200 reply of any one part that is not exactly what it should be makes the snapshot unknown."""
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=READS[path], path=path, body=body))

    with pytest.raises(VenueUnknownError):
        await client.snapshot()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (FaultKind.STATUS, {"status": 502, "body": "<html>bad gateway</html>"}),
        (FaultKind.STATUS, {"status": 403}),
        (FaultKind.DROP, {"times": 2}),
        (FaultKind.REJECT, {}),
        (FaultKind.REJECT, {"code": -1001, "message": "disconnected"}),
    ],
)
@pytest.mark.parametrize("path", READS)
async def test_a_part_that_fails_makes_the_snapshot_unknown(
    floor: Any, client: BinanceUsdmClient, kind: FaultKind, fields: dict[str, Any], path: str
) -> None:
    """Errors of the exchange and of the connection end the snapshot, and their text shows neither URL nor key.

    The HTTP library itself repeats a read once when a kept connection breaks; two in a row reach us.
    """
    floor.venue.faults.add(Fault(kind=kind, operation=READS[path], path=path, **fields))

    with pytest.raises(EssError) as raised:
        await client.snapshot()
    assert "signature" not in str(raised.value)
    assert "?" not in str(raised.value)
    assert raised.value.__cause__ is None


async def test_a_foreign_key_is_named_without_being_shown(
    floor: Any, connect: Callable[..., BinanceUsdmClient]
) -> None:
    """A refused key is an error with the exchange's code; neither it nor the client's repr shows key or secret."""
    client = connect(floor, key="not-a-key-of-this-venue")
    with pytest.raises(VenueError) as raised:
        await client.prepare()

    shown = f"{raised.value} {raised.value!r} {client!r}"
    assert raised.value.code == -2015
    assert "not-a-key" not in shown
    assert SECRET_PART not in shown


async def test_too_many_requests_are_answered_with_silence(floor: Any, client: BinanceUsdmClient) -> None:
    """After 429 nothing is sent before Retry-After is over: reads are put off, sends are refused here."""
    floor.venue.faults.add(
        Fault(kind=FaultKind.STATUS, path="openOrders", status=429, body="{}", headers={"Retry-After": "1"})
    )
    with pytest.raises(VenueError):
        await client.snapshot()
    before = floor.venue.limiter.used_weight("127.0.0.1")
    with pytest.raises(ReadBudgetError) as put_off:
        await client.snapshot()
    with pytest.raises(VenueUnknownError, match="refuses requests"):
        await client.close_position(LONG_BTC, "ess-1")

    assert floor.venue.limiter.used_weight("127.0.0.1") == before
    await asyncio.sleep(put_off.value.delay.total_seconds())
    await client.snapshot()


async def test_a_ban_without_a_time_is_taken_seriously(floor: Any, client: BinanceUsdmClient) -> None:
    """418 without Retry-After puts every read off by two minutes."""
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path="openOrders", status=418, body="banned"))
    with pytest.raises(VenueError):
        await client.snapshot()
    with pytest.raises(ReadBudgetError) as put_off:
        await client.snapshot()

    assert put_off.value.delay > timedelta(seconds=100)


async def test_under_a_ban_not_even_the_time_is_asked_for(floor: Any, client: BinanceUsdmClient) -> None:
    """What nobody pays for waits for its end as well, for each request makes it longer; that is told once."""
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path="openOrders", status=418, body="banned"))
    with pytest.raises(VenueError):
        await client.snapshot()
    before = floor.venue.limiter.used_weight("127.0.0.1")
    told: list[str] = []
    faults = Faults(SystemClock(), lambda _, detail: told.append(detail))
    for _ in range(2):
        with pytest.raises(VenueUnknownError, match="refuses requests") as refused:
            await client.prepare()
        faults.report("main", "preparing", refused.value)
        await asyncio.sleep(1)

    assert floor.venue.limiter.used_weight("127.0.0.1") == before
    assert len(told) == 1


async def test_reads_stay_below_the_limit_of_the_exchange(floor: Any, client: BinanceUsdmClient) -> None:
    """However fast one asks, reads are put off before the exchange would refuse, and equity leaves a reserve."""

    async def until_put_off(read: Callable[[], Awaitable[object]]) -> int:
        for number in range(400):
            try:
                await read()
            except ReadBudgetError:
                return number
        raise AssertionError("reads were never put off")

    assert await until_put_off(client.equity) > 100
    assert await until_put_off(client.snapshot) >= 7
    assert floor.venue.journal.read(kinds=("limited",)) == []


async def test_a_wrong_clock_is_corrected_on_the_way(floor: Any, client: BinanceUsdmClient) -> None:
    """When the exchange refuses a time stamp (-1021) the clock is measured anew and the request goes out again."""
    floor.hold("BTCUSDT", "1")
    for skew in (10, -10):
        floor.venue.clock.skew = timedelta(seconds=skew)
        snapshot = await client.snapshot()

        assert len(snapshot.positions) == 1
    floor.venue.clock.skew = timedelta(seconds=20)
    await client.close_position(LONG_BTC, "ess-1")
    assert floor.flat


async def test_equity_includes_open_positions(floor: Any, client: BinanceUsdmClient) -> None:
    """Equity is wallet plus unrealised result, exact to the digit that the exchange prints."""
    floor.hold("BTCUSDT", "1")
    floor.books.set_mark("BTCUSDT", Decimal(50_000))
    amount, currency = await client.equity()

    assert currency == "USDT"
    assert amount == (10**9 - Decimal(60030) * Decimal("0.0005") - Decimal(10030)).quantize(Decimal("1e-8"))


@pytest.mark.parametrize("value", ['"NaN"', '"Infinity"', '""', "null", "true"])
async def test_equity_that_is_no_number_is_unknown(floor: Any, client: BinanceUsdmClient, value: str) -> None:
    """Equity that is not a finite number is never passed on."""
    body = f'{{"totalMarginBalance": {value}}}'
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.BALANCE, body=body))

    with pytest.raises(VenueUnknownError):
        await client.equity()


async def test_a_market_listed_later_is_looked_up(floor: Any, client: BinanceUsdmClient) -> None:
    """A position in a market that was unknown at start carries its unified symbol and can be closed."""
    market = floor.books.market
    listed = Instrument(
        symbol="NEWUSDT", base="NEW", tick=Decimal("0.01"), step=Decimal("0.1"), min_quantity=Decimal("0.1"),
        max_quantity=Decimal(1000), max_market_quantity=Decimal(100), first_mark=Decimal(10),
    )  # fmt: skip
    market.instruments["NEWUSDT"] = listed
    market._marks["NEWUSDT"] = listed.first_mark
    floor.hold("NEWUSDT", "5")
    snapshot = await client.snapshot()
    position = snapshot.positions[0]
    await client.close_position(position, "ess-1")

    assert snapshot.unnamed == ()
    assert position.symbol == "NEW/USDT:USDT"
    assert floor.flat


async def test_an_unknown_market_is_flattened_under_its_own_id(floor: Any, client: BinanceUsdmClient) -> None:
    """When a market cannot be looked up, its position is still read, named as such, and closed."""
    floor.hold("BTCUSDT", "1")
    client._markets._symbols.pop("BTCUSDT")
    client._markets._ids.pop(BTC)
    client._markets._details.pop(BTC)
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path="exchangeInfo", status=500, times=None))
    snapshot = await client.snapshot()
    position = snapshot.positions[0]
    await client.close_position(position, "ess-1")

    assert snapshot.unnamed == ("BTCUSDT",)
    assert position.symbol == "BTCUSDT"
    assert floor.flat


@pytest.mark.parametrize("body", ['{"symbols": []}', "{}", ""])
async def test_an_empty_list_of_markets_is_none(
    floor: Any, connect: Callable[..., BinanceUsdmClient], body: str
) -> None:
    """An exchange that lists no market is unknown, and the next call asks again; a snapshot does without."""
    client = connect(floor)
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, path="exchangeInfo", body=body))
    with pytest.raises(VenueUnknownError):
        await client.prepare()
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, path="exchangeInfo", body=body))
    assert (await client.snapshot()).positions == ()

    await client.prepare()
    assert client.hedge_mode is False


async def test_a_caller_that_gives_up_does_not_spoil_loading_for_others(
    floor: Any, connect: Callable[..., BinanceUsdmClient]
) -> None:
    """Markets are loaded once for all who wait, whoever of them is cancelled."""
    client = connect(floor)
    floor.venue.faults.add(Fault(kind=FaultKind.DELAY, path="exchangeInfo", delay=timedelta(milliseconds=200)))
    first = asyncio.ensure_future(client.prepare())
    second = asyncio.ensure_future(client.prepare())
    await asyncio.sleep(0.05)
    first.cancel()

    await second
    assert client._markets.symbol_of("BTCUSDT") == "BTC/USDT:USDT"
    assert first.cancelled()


async def test_loading_that_was_given_up_is_unknown_to_who_waits(
    floor: Any, connect: Callable[..., BinanceUsdmClient]
) -> None:
    """A client that is closed while its markets load fails those who wait; it does not cancel them."""
    client = connect(floor)
    floor.venue.faults.add(Fault(kind=FaultKind.DELAY, path="exchangeInfo", delay=timedelta(milliseconds=500)))
    waiting = asyncio.ensure_future(client.prepare())
    await eventually(lambda: client._markets._loading is not None)
    await client.aclose()
    await asyncio.wait({waiting}, timeout=2)

    assert not waiting.cancelled()
    assert isinstance(waiting.exception(), VenueUnknownError)
