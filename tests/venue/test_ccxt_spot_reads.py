"""The Binance spot client, reads: real ccxt on the paper venue; what is not read exactly is unknown."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.examination import DeadManWorth
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_snapshot import Position
from ess_server.venue import spot_rows
from ess_server.venue.ccxt_spot import BinanceSpotClient
from ess_server.venue.paper import Fault, FaultKind, Operation
from ess_server.venue.strict import VenueError
from ess_server.venue.usdm_rows import SizeRules

Open = Callable[..., Awaitable[Any]]
Connect = Callable[..., BinanceSpotClient]
ROW = {"asset": "BTC", "free": "1", "locked": "0.5"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.002", "maxQty": "9000", "stepSize": "0.001"}
MARKET = {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "100", "stepSize": "0"}
TICK = {"filterType": "PRICE_FILTER", "tickSize": "0.01"}
NOTIONAL = {"filterType": "NOTIONAL", "minNotional": "5"}


async def test_a_snapshot_shows_what_is_to_be_sold_and_every_order(open_stall: Open, connect_spot: Connect) -> None:
    """Named assets above what is kept are positions with their price, locked or not; orders are those of every pair."""
    stall = await open_stall()
    rests, stop = stall.rest("BTCUSDT", "-0.4"), stall.rest("ETHUSDT", "-1", "STOP_LOSS")
    client = connect_spot(stall, "BTC", "ETH", "SOL", keep={"ETH": "10"})
    shown = await client.snapshot()

    assert shown.positions == (Position(symbol="BTC/USDT", long=True, quantity=Decimal("1.5"), hedged=False),)
    assert shown.positions[0].price == 60_000
    assert {(o.id, o.symbol, o.conditional, o.reduce_only, o.client_order_id) for o in shown.orders} == {
        (str(rests.id), "BTC/USDT", False, False, rests.client_id),
        (str(stop.id), "ETH/USDT", True, False, stop.client_id),
    }
    assert shown.unnamed == ()


@pytest.mark.parametrize("body", ["", "null", "{}", "[]", "<html></html>", '{"balances":[],"updateTime":1}'])
@pytest.mark.parametrize("path", ["/api/v3/account", "/sapi/v3/asset"])
async def test_garbage_is_never_an_empty_account(open_stall: Open, connect_spot: Connect, path: str, body: str) -> None:
    """A 200 reply without balances raises, for the account as for the witness; an empty list of its own is a word."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC")
    await client.prepare()
    stall.venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.BALANCE, path=path, body=body))
    if path.startswith("/sapi") and body == "[]":
        assert (await client.witness()).positions is False
        return
    with pytest.raises(EssError):
        await (client.witness() if path.startswith("/sapi") else client.snapshot())


async def test_prices_that_cannot_be_read_hide_nothing(open_stall: Open, connect_spot: Connect) -> None:
    """What is held is shown without a price while prices cannot be read."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC")
    await client.prepare()
    stall.venue.faults.add(Fault(kind=FaultKind.STATUS, path="/ticker/price"))

    assert [p.price for p in (await client.snapshot()).positions] == [None]


async def test_an_asset_that_the_venue_does_not_have_is_told(open_stall: Open, connect_spot: Connect) -> None:
    """A name without a pair fails to prepare, and its balance is unknown, not zero."""
    stall = await open_stall()
    client = connect_spot(stall, "NOPE")
    with pytest.raises(VenueUnknownError, match="NOPE/USDT cannot be sold"):
        await client.prepare()
    with pytest.raises(VenueUnknownError, match="no balance of NOPE"):
        await client.snapshot()


async def test_a_misspelt_asset_keeps_nothing_from_being_cancelled(open_stall: Open, connect_spot: Connect) -> None:
    """Orders and the other assets are worked on, every second reading at most, and no reading proves anything."""
    stall = await open_stall()
    client = connect_spot(stall, "NOPE", "BTC")
    stall.rest("ETHUSDT", "-1")
    shown = await client.snapshot()

    assert (shown.partial, len(shown.orders), [p.symbol for p in shown.positions]) == (True, 1, ["BTC/USDT"])
    for partial in (False, True, False):
        if partial:
            assert (await client.snapshot()).partial
        else:
            with pytest.raises(VenueUnknownError, match="no balance of NOPE"):
                await client.snapshot()


async def test_the_witness_is_the_wallets_own_list(open_stall: Open, connect_spot: Connect) -> None:
    """It tells what is above what is kept and what orders lock, without the endpoints of the snapshot."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC", keep={"BTC": "1"})
    stall.rest("ETHUSDT", "-2")
    seen = await client.witness()

    assert (seen.positions, seen.orders) == (True, True)
    assert seen.evidence == "to be sold 0.5 BTC, locked 2 ETH"
    stall.account.spot.open.clear()
    stall.venue.books.spot.transfer(stall.account, "BTC", Decimal("-0.5"))
    assert await client.witness() == spot_rows.witness([], SpotSale())


async def test_equity_is_the_worth_of_all_balances(open_stall: Open, connect_spot: Connect) -> None:
    """Every balance with a pair counts, what is kept too; what is to be sold is counted as positions."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC", "ETH", keep={"ETH": "10"})

    assert await client.equity() == (Decimal("1.5") * 60_000 + 10 * 3_000 + 50_000, "USDT")
    assert client.open_positions == 1


async def test_executions_are_refused_in_words(open_stall: Open, connect_spot: Connect) -> None:
    """What cannot be read cheaply is not pretended to be read."""
    client = connect_spot(await open_stall())
    with pytest.raises(VenueUnknownError, match="not read"):
        await client.executions(lambda _: None)


async def test_a_spot_account_is_examined(open_stall: Open, connect_spot: Connect) -> None:
    """The key's rights for spot, the mode, what is open, and in words what a stop would sell."""
    stall = await open_stall()
    seen = await connect_spot(stall, "BTC", keep={"BTC": "0.5"}).examine()

    assert seen.unread == {}
    assert (seen.key.may_trade, seen.key.may_withdraw, seen.account_mode) == (True, False, "spot")
    assert (seen.load and seen.load.positions, seen.dead_man) == (1, DeadManWorth.NONE)
    assert seen.coverage is not None
    assert "sale of BTC above 0.5 into USDT" in seen.coverage.covered
    nothing = (await connect_spot(stall).examine()).coverage
    assert nothing is not None
    assert "sells nothing" in nothing.not_covered[0]
    refused = await connect_spot(stall, secret="wrong").examine()
    assert (refused.key.valid, "-1022" in refused.key.refused) == (False, True)


@pytest.mark.parametrize(
    "reply",
    [
        {"balances": [ROW, ROW], "updateTime": 1},
        {"balances": [{**ROW, "free": "-1"}], "updateTime": 1},
        {"balances": [{**ROW, "locked": "NaN"}], "updateTime": 1},
        {"balances": [{"free": "1", "locked": "1"}], "updateTime": 1},
        {"balances": [ROW], "updateTime": None},
        {"balances": {"BTC": ROW}, "updateTime": 1},
    ],
)
def test_balances_are_read_strictly(reply: object) -> None:
    """Twice, below zero, not a number, without a name or a time: unknown."""
    with pytest.raises(VenueUnknownError):
        spot_rows.holdings(reply)


@pytest.mark.parametrize(
    "row", [None, {"status": "DREAMING", "executedQty": "1", "updateTime": 1}, {"status": "FILLED", "updateTime": 1}]
)
def test_an_outcome_is_read_strictly(row: object) -> None:
    """An unknown status, or an order without its figures, is no outcome."""
    with pytest.raises(VenueUnknownError):
        spot_rows.outcome(row)


def test_rules_come_from_both_lot_sizes() -> None:
    """The smaller maximum, the larger minimum, and the step of LOT_SIZE where the market has none."""
    rules = spot_rows.pair_rules(spot_rows.pair_detail({"filters": [LOT, MARKET, TICK, NOTIONAL, {"filterType": "X"}]}))

    assert rules.sizes == SizeRules(step=Decimal("0.001"), minimum=Decimal("0.002"), maximum=Decimal(100))
    assert (rules.tick, rules.least_worth, rules.price_no_worse(Decimal("1.001"))) == (
        Decimal("0.01"),
        Decimal(5),
        Decimal("1.01"),
    )
    for missing in (LOT, MARKET, TICK, NOTIONAL):
        with pytest.raises(VenueUnknownError):
            spot_rows.pair_rules({"filters": [f for f in (LOT, MARKET, TICK, NOTIONAL) if f is not missing]})
    with pytest.raises(VenueUnknownError, match="tick"):
        spot_rows.pair_rules({"filters": [LOT, MARKET, {**TICK, "tickSize": "0"}, NOTIONAL]})


def test_prices_of_zero_are_no_prices() -> None:
    """A pair that never traded has none; one below zero is no reply."""
    rows = [{"symbol": "A", "price": "0.0"}, {"symbol": "B", "price": "2"}]

    assert spot_rows.prices(rows, str) == {"B": 2}
    with pytest.raises(VenueUnknownError):
        spot_rows.prices([{"symbol": "A", "price": "-1"}], str)


async def test_cancelling_some_orders_leaves_the_others(open_stall: Open, connect_spot: Connect) -> None:
    """Where not all orders of a pair are to go each is cancelled by its own id; one that is gone is no error."""
    stall = await open_stall()
    keep, gone, cancel = (stall.rest("BTCUSDT", "-0.1") for _ in range(3))
    client = connect_spot(stall, "BTC")
    shown = (await client.snapshot()).orders
    wanted = [o for o in shown if o.id != str(keep.id)]
    await client.cancel(wanted)
    await client.cancel(wanted)

    assert list(stall.account.spot.open) == [keep.id]
    assert (gone.status, cancel.status) == ("CANCELED", "CANCELED")
    stall.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL))
    with pytest.raises(EssError):
        await client.cancel((await client.snapshot()).orders)


async def test_a_refusal_keeps_its_number(open_stall: Open, connect_spot: Connect) -> None:
    """Also where ccxt knows the exchange's words and leaves the number out: it tells "refused" from "nobody knows"."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC")
    words = "Account has insufficient balance for requested action."
    stall.venue.faults.add(Fault(kind=FaultKind.REJECT, operation=Operation.ORDER, code=-2010, message=words))
    with pytest.raises(VenueError) as raised:
        await client.close_position((await client.snapshot()).positions[0], "ess-1")

    assert raised.value.code == -2010
    assert words[:40] in str(raised.value)


async def test_sales_of_one_round_read_the_balances_once(
    open_stall: Open, connect_spot: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange's limit is not spent on reading the same account for each asset."""
    stall = await open_stall()
    client = connect_spot(stall, "BTC", "ETH")
    shown = await client.snapshot()
    for position in shown.positions:
        await client.close_position(replace(position, quantity=Decimal("0.1")), "ess-0")
    read, reads = client._exchange.privateGetAccount, 0

    async def counted(params: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(params)

    monkeypatch.setattr(client._exchange, "privateGetAccount", counted)
    await asyncio.gather(*(client.close_position(p, "ess-1") for p in shown.positions))

    assert reads == 1
    assert (stall.held("BTC"), stall.held("ETH")) == (0, 0)
