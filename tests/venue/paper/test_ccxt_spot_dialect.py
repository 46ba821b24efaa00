"""Unmodified ccxt ``binance`` on the spot dialect: what it reads, places, cancels and is refused."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from ess_server.venue.paper import Fault, FaultKind, Limits, Operation, PaperVenue
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.credentials import ApiKey
from tests.venue.paper.conftest import KEY

BTC = "BTC/USDT"
SPOT = {
    "fetchMarkets": {"types": ["spot"]},
    "fetchOpenOrders": {"warnWithoutSymbol": False},
    "fetchCurrencies": False,
}


@pytest.fixture
async def start_stall(start_venue: Callable[..., Any], exchange: Callable[..., Any]) -> Callable[..., Any]:
    """Start a venue whose account has 2 BTC and 10,000 USDT on spot, and ccxt on it."""

    async def start(**config: Any) -> tuple[PaperVenue, Any]:
        venue = await start_venue(**config)
        for asset, amount in (("BTC", 2), ("USDT", 10_000)):
            venue.books.spot.transfer(venue.books.account("a"), asset, Decimal(amount))
        return venue, exchange(venue, "binance", options=dict(SPOT), timeout_on_exit=0)

    return start


@pytest.fixture
async def stall(start_stall: Callable[..., Any]) -> tuple[PaperVenue, Any]:
    """The venue, and ccxt."""
    started: tuple[PaperVenue, Any] = await start_stall()
    return started


async def test_markets_load_as_spot_and_nothing_leaks(stall: tuple[PaperVenue, Any]) -> None:
    """Property: ccxt reads every pair with its limits, as spot; no path is unknown to the venue."""
    venue, ex = stall
    markets = await ex.load_markets()

    assert len(markets) == 25
    assert (markets[BTC]["type"], markets[BTC]["active"], markets[BTC]["limits"]["cost"]["min"]) == ("spot", True, 100)
    assert markets[BTC]["limits"]["market"]["max"] == 120
    assert venue.journal.read(kinds=("unknown_path",)) == []


async def test_balances_tell_free_and_locked(stall: tuple[PaperVenue, Any]) -> None:
    """Property: what an order binds is shown as used, and every asset of the exchange has a row."""
    venue, ex = stall
    await ex.create_order(BTC, "limit", "sell", 0.5, 61000)
    shown = await ex.fetch_balance()

    assert (shown["BTC"]["free"], shown["BTC"]["used"], shown["USDT"]["total"]) == (1.5, 0.5, 10_000)
    assert "ETH" in shown
    assert [row["locked"] for row in await ex.sapiV3PostAssetGetUserAsset() if row["asset"] == "BTC"] == ["0.50000000"]
    account, updated = await ex.private_get_account({"omitZeroBalances": "true"}), venue.books.account("a").spot.updated
    assert updated is not None
    assert ([row["asset"] for row in account["balances"]], int(account["updateTime"])) == (
        ["BTC", "USDT"],
        milliseconds(updated),
    )


async def test_every_kind_of_order_is_placed_listed_and_cancelled(stall: tuple[PaperVenue, Any]) -> None:
    """Property: limit, post-only, stop and take-profit orders rest in one list and go with one cancel of the pair."""
    venue, ex = stall
    await ex.create_order(BTC, "limit", "sell", 0.1, 61000, {"clientOrderId": "plain"})
    await ex.create_order(BTC, "limit", "sell", 0.1, 61000, {"postOnly": True})
    await ex.create_order(BTC, "market", "sell", 0.1, None, {"stopLossPrice": 55000})
    await ex.create_order(BTC, "limit", "sell", 0.1, 54000, {"stopLossPrice": 55000})
    await ex.create_order(BTC, "market", "sell", 0.1, None, {"takeProfitPrice": 65000})
    await ex.create_order(BTC, "limit", "sell", 0.1, 65000, {"takeProfitPrice": 65000})
    shown = await ex.fetch_open_orders()

    assert sorted(row["info"]["type"] for row in shown) == [
        "LIMIT",
        "LIMIT_MAKER",
        "STOP_LOSS",
        "STOP_LOSS_LIMIT",
        "TAKE_PROFIT",
        "TAKE_PROFIT_LIMIT",
    ]
    one = await ex.fetch_order(None, BTC, {"clientOrderId": "plain"})
    await ex.cancel_order(one["id"], BTC)
    assert len(await ex.cancel_all_orders(BTC)) == 5
    assert await ex.fetch_open_orders(BTC) == []
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await ex.cancel_all_orders(BTC)
    assert venue.journal.read(kinds=("unknown_path",)) == []


async def test_fills_are_told_with_their_price_and_history(stall: tuple[PaperVenue, Any]) -> None:
    """Property: a market sale is answered with its fills, and orders and trades of the pair repeat it."""
    _, ex = stall
    sold = await ex.create_order(BTC, "market", "sell", 0.5)
    bought = await ex.create_order(BTC, "limit", "buy", 0.1, 60030, {"timeInForce": "IOC"})
    trades = await ex.fetch_my_trades(BTC)

    assert (sold["status"], sold["filled"], sold["average"], sold["fee"]["currency"]) == ("closed", 0.5, 59970, "USDT")
    assert [(t["side"], t["amount"], t["fee"]["currency"]) for t in trades] == [
        ("sell", 0.5, "USDT"),
        ("buy", 0.1, "BTC"),
    ]
    assert [row["id"] for row in await ex.fetch_orders(BTC)] == [sold["id"], bought["id"]]
    spent = await ex.create_order(BTC, "market", "buy", 1, None, {"cost": 1000})
    assert spent["cost"] <= 1000


async def test_a_list_goes_as_a_whole(stall: tuple[PaperVenue, Any]) -> None:
    """Property: both endpoints place a pair of orders; the cancel of one leg, or of the list, ends both."""
    _, ex = stall
    old = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "price": "62000", "stopPrice": "58000"}
    listed = await ex.private_post_order_oco({**old, "stopLimitPrice": "57900", "stopLimitTimeInForce": "GTC"})
    new = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "aboveType": "LIMIT_MAKER", "abovePrice": "62000"}
    other = await ex.private_post_orderlist_oco({**new, "belowType": "STOP_LOSS", "belowStopPrice": "58000"})

    assert len(listed["orderReports"]) == 2
    assert len(await ex.fetch_open_orders(BTC)) == 4
    assert len(await ex.private_get_openorderlist()) == 2
    await ex.cancel_order(listed["orders"][1]["orderId"], BTC)
    await ex.private_delete_orderlist({"symbol": "BTCUSDT", "orderListId": other["orderListId"]})
    assert await ex.fetch_open_orders(BTC) == []


@pytest.mark.parametrize(
    ("order", "code", "kind"),
    [
        (("market", "sell", 3), "insufficient balance", ccxt.InsufficientFunds),
        (("market", "sell", 0.001), "-1013.*Filter failure: NOTIONAL", ccxt.BadRequest),
        (("limit", "sell", 0.1, 40_000), "PERCENT_PRICE_BY_SIDE", ccxt.InvalidOrder),
    ],
)
async def test_refusals_are_those_of_the_exchange(
    stall: tuple[PaperVenue, Any], order: tuple[Any, ...], code: str, kind: type[Exception]
) -> None:
    """Property: ccxt's production table finds the refusals of spot, by the exchange's own codes."""
    _, ex = stall
    with pytest.raises(kind, match=code):
        await ex.create_order(BTC, *order)


async def test_raw_requests_are_read_strictly(stall: tuple[PaperVenue, Any]) -> None:
    """Property: lot sizes, ids, times and types that the exchange refuses are refused, each with its code."""
    _, ex = stall
    sale = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01"}
    for change, code in (
        ({"quantity": "0.0001"}, "-1013"),
        ({"symbol": "NOPE"}, "-1121"),
        ({"type": "ICEBERG"}, "-1116"),
        ({"timeInForce": "GTC"}, "-1106"),
        ({"type": "LIMIT", "price": "61000", "timeInForce": "GTX"}, "-1115"),
        ({"newClientOrderId": "a b"}, "-1100"),
        ({"recvWindow": "70000"}, "-1131"),
        ({"newOrderRespType": "LOUD"}, "-1128"),
    ):
        with pytest.raises(ccxt.BaseError, match=code):
            await ex.private_post_order({**sale, **change})
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await ex.private_get_order({"symbol": "BTCUSDT", "origClientOrderId": "nobody"})
    await ex.private_post_order(
        {**sale, "type": "LIMIT", "price": "61000", "timeInForce": "GTC", "newClientOrderId": "x"}
    )
    with pytest.raises(ccxt.BaseError, match="Duplicate order sent"):
        await ex.private_post_order({**sale, "newClientOrderId": "x"})


async def test_a_late_request_is_refused_by_its_window(stall: tuple[PaperVenue, Any]) -> None:
    """Property: an order that reaches the books after its window is refused with -1021 and changes nothing."""
    venue, ex = stall
    late = Fault(kind=FaultKind.DELAY, operation=Operation.ORDER, delay=timedelta(milliseconds=150), applied=False)
    venue.faults.add(late)
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        await ex.create_order(BTC, "market", "sell", 0.1, None, {"recvWindow": 100})

    assert venue.books.account("a").spot.held["BTC"] == 2


async def test_prices_are_told_in_every_form(stall: tuple[PaperVenue, Any]) -> None:
    """Property: tickers, best prices, the book and the average agree with the mark."""
    _, ex = stall
    assert (await ex.fetch_ticker(BTC))["last"] == 60_000
    assert (await ex.fetch_bids_asks([BTC]))[BTC]["bid"] == 59_970
    assert (await ex.fetch_order_book(BTC))["asks"][0][0] == 60_030
    assert {row["symbol"] for row in await ex.public_get_ticker_price({"symbols": '["BTCUSDT","ETHUSDT"]'})} == {
        "BTCUSDT",
        "ETHUSDT",
    }
    assert Decimal((await ex.public_get_avgprice({"symbol": "BTCUSDT"}))["price"]) == 60_000
    with pytest.raises(ccxt.BadSymbol):
        await ex.public_get_ticker_price({"symbol": "NOPE"})


async def test_weights_of_spot_are_counted_apart(start_stall: Callable[..., Any], exchange: Callable[..., Any]) -> None:
    """Property: an address that has used up spot may still ask futures, and the header tells what is used."""
    venue, ex = await start_stall(limits=Limits(weight_per_minute=40))
    await ex.load_time_difference()
    assert {k.lower(): v for k, v in ex.last_response_headers.items()}["x-mbx-used-weight-1m"] == "1"
    await ex.private_get_openorders()
    with pytest.raises(ccxt.DDoSProtection, match="-1003"):
        await ex.private_get_account()
    assert await exchange(venue).fetch_time() > 0


async def test_keys_tell_their_rights(stall: tuple[PaperVenue, Any], exchange: Callable[..., Any]) -> None:
    """Property: a key tells whether it may withdraw, also one for futures; without the right to trade it cannot."""
    venue, ex = stall
    venue.open_account(
        ApiKey(key="r", secret="r", account="r", can_trade=False, can_withdraw=True), {}, spot={"BTC": Decimal(1)}
    )
    other = exchange(venue, "binance", apiKey="r", secret="r", options=dict(SPOT), timeout_on_exit=0)
    for client, told in ((ex, False), (exchange(venue), False), (other, True)):
        assert (await client.sapiGetAccountApiRestrictions())["enableWithdrawals"] is told
    with pytest.raises(ccxt.BaseError, match="-2015"):
        await other.create_order(BTC, "market", "sell", 0.1)
    assert KEY not in str(venue.journal.read())


async def test_the_two_wallets_of_an_account_are_apart(
    stall: tuple[PaperVenue, Any], exchange: Callable[..., Any], admin: Callable[..., Any]
) -> None:
    """Property: spot trades leave futures alone; the admin face shows both and moves money into either."""
    venue, ex = stall
    before = dict(venue.books.account("a").wallets)
    await asyncio.gather(*(ex.create_order(BTC, "market", "sell", 0.1) for _ in range(3)))
    status, shown = await admin(
        venue, "POST", "transfer", {"account": "a", "asset": "ETH", "amount": "5", "wallet": "spot"}
    )

    assert dict(venue.books.account("a").wallets) == before
    assert await exchange(venue).fetch_positions() == []
    assert (status, shown["spot"]["free"]["ETH"], shown["spot"]["free"]["BTC"]) == (200, "5.00000000", "1.70000000")
    assert (await admin(venue, "POST", "transfer", {"account": "a", "amount": "5", "wallet": "piggy"}))[0] == 400
