"""Refusals, limits and faults of the Bybit dialect as unmodified ccxt reports them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import Fault, FaultKind, Operation, PaperVenue
from ess_server.venue.paper.credentials import ApiKey
from tests.venue.paper.bybit.refusals import refused

BTC = "BTC/USDT:USDT"
GOOD = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.5"}


async def test_refusals_carry_the_exchanges_codes(venue: PaperVenue, bybit: Any) -> None:
    """Property: each refusal has status 200 and its code, becomes ccxt's class for it, and changes nothing."""

    def order(side: str, amount: float, price: float | None = None, **params: object) -> Any:
        return bybit.create_order(BTC, "limit" if price else "market", side, amount, price, params)

    await refused(order("sell", 0.5, reduceOnly=True), ccxt.InvalidOrder, 110017)
    await refused(order("buy", 0.001), ccxt.InvalidOrder, 110094)
    await refused(order("buy", 121), ccxt.BadRequest, 10001)
    await refused(order("buy", 0.5, positionIdx=1), ccxt.BadRequest, 10001)
    await refused(order("buy", 1000, 59000), ccxt.InsufficientFunds, 110007)
    await refused(order("buy", 0.5, 90000), ccxt.InvalidOrder, 110003)
    await refused(order("sell", 0.5, triggerPrice=70000, triggerDirection=2), ccxt.InvalidOrder, 110093)
    await refused(order("buy", 0.5, triggerPrice=50000, triggerDirection=1), ccxt.InvalidOrder, 110092)
    missing = "00000000-0000-0000-0000-000000000001"
    await refused(bybit.cancel_order(missing, BTC), ccxt.OrderNotFound, 110001)
    await refused(bybit.cancel_order("12345", BTC), ccxt.BadRequest, 10001)
    assert (venue.books.account("a").open_orders, list(venue.books.account("a").positions())) == ({}, [])
    await order("buy", 0.5)
    await order("sell", 0.3, 61000, reduceOnly=True, clientOrderId="one")
    await refused(order("buy", 0.5, clientOrderId="one"), ccxt.InvalidOrder, 110072)
    await order("sell", 0.5, 62000, reduceOnly=True)
    assert sum(o.remaining for o in venue.books.account("a").open_orders.values()) == Decimal("0.5")
    await refused(order("sell", 0.1, reduceOnly=True), ccxt.InvalidOrder, 110017)
    for n in range(10):
        await order("sell", 0.1, triggerPrice=50000 - n, triggerDirection=2)
    await refused(order("sell", 0.1, triggerPrice=40000, triggerDirection=2), ccxt.InvalidOrder, 110009)


async def test_raw_orders_are_read_strictly(venue: PaperVenue, bybit: Any) -> None:
    """Property: what is missing, malformed or misplaced is 10001, and no order comes of it."""
    limit = {"orderType": "Limit", "price": "59000"}
    changes: tuple[dict[str, object], ...] = (
        *(dict[str, object](qty=text) for text in ("0.50001", "abc", "", "-1", "0")),
        *(dict[str, object](category=text) for text in ("spot", "nothing", "")),
        {"symbol": "NOUSDT"},
        {"side": "BUY"},
        {"orderType": "Block"},
        {**limit, "price": ""},
        {**limit, "price": "1.23"},
        {**limit, "timeInForce": "DAY"},
        {"reduceOnly": "true"},
        {"positionIdx": 3},
        {"triggerPrice": "70000"},
        {"takeProfit": "70000"},
        {"orderLinkId": "x" * 37},
    )
    for change in changes:
        with pytest.raises(ccxt.BadRequest, match='"retCode":10001,'):
            assert await bybit.privatePostV5OrderCreate({**GOOD, **change}) is change
    assert venue.journal.read(kinds=["order", "conditional"]) == []


async def test_lists_need_a_scope_and_a_page(bybit: Any) -> None:
    """Property: a list without symbol, base or settle coin, or with an impossible page, is refused, never empty."""
    scope = {"category": "linear", "settleCoin": "USDT"}
    for endpoint in (bybit.privateGetV5OrderRealtime, bybit.privateGetV5PositionList):
        for wrong in (
            {"category": "linear"},
            {**scope, "limit": 201},
            {**scope, "cursor": "x"},
            {"settleCoin": "USDT"},
        ):
            await refused(endpoint(wrong), ccxt.BadRequest, 10001)
    await refused(bybit.privatePostV5OrderCancelAll({"category": "linear"}), ccxt.BadRequest, 10001)


async def test_keys_clock_and_signature_are_checked(venue: PaperVenue, client: Callable[..., Any]) -> None:
    """Property: a wrong secret, a stranger, a key that may only read and a wrong clock are refused, each in its way."""
    venue.open_account(ApiKey(key="r", secret="r", account="r", can_trade=False), {})
    for keys, kind, code in (
        ({"secret": "wrong"}, ccxt.AuthenticationError, 10004),
        ({"apiKey": "stranger"}, ccxt.AuthenticationError, 10003),
        ({"apiKey": "r", "secret": "r"}, ccxt.PermissionDenied, 10005),
    ):
        await refused(client(venue, **keys).privatePostV5OrderCreate(GOOD), kind, code)
    ex = client(venue)
    for seconds in (30, -30):
        venue.clock.skew = timedelta(seconds=seconds)
        await refused(ex.privatePostV5OrderCreate(GOOD), ccxt.InvalidNonce, 10002)
    await ex.load_time_difference()
    await ex.privatePostV5OrderCreate(GOOD)
    ex.headers = {"X-BAPI-SIGN": ""}
    async with ex.session.get("https://api.bybit.com/v5/account/info") as reply:
        assert (reply.status, await reply.read()) == (401, b"")
    assert len(venue.journal.read(kinds=["order"])) == 1


async def test_an_order_past_its_window_is_refused(venue: PaperVenue, client: Callable[..., Any]) -> None:
    """Property: what arrives later than the window that it was sent with is not carried out."""
    ex = client(venue, options={"defaultType": "swap", "recvWindow": 100})
    venue.clock.skew = timedelta(milliseconds=200)
    await refused(ex.privatePostV5OrderCreate(GOOD), ccxt.InvalidNonce, 10002)
    assert venue.journal.read(kinds=["order"]) == []


async def test_each_endpoint_has_its_own_limit(venue: PaperVenue, client: Callable[..., Any]) -> None:
    """Property: one order too many in a second is 10006 with the headers of it; a batch counts its orders."""
    ex = client(venue)
    venue.set_limits(endpoint_percent=20)
    await ex.load_markets()
    await ex.is_unified_enabled()
    venue.clock.skew = timedelta(seconds=-(venue.clock().timestamp() % 1))
    ids = [(await ex.create_order(BTC, "limit", "buy", 0.01, 58000 + n))["id"] for n in range(2)]
    assert ex.last_response_headers["X-Bapi-Limit-Status"] == "0"
    with pytest.raises(ccxt.RateLimitExceeded, match="10006"):
        await ex.create_order(BTC, "limit", "buy", 0.01, 58000)
    limit, reset = (int(ex.last_response_headers[f"X-Bapi-Limit{name}"]) for name in ("", "-Reset-Timestamp"))
    assert (limit, reset % 1000) == (2, 0)
    rows = [{"symbol": "BTCUSDT", "orderId": id_} for id_ in ["00000000-0000-0000-0000-000000000001", *ids]]
    reply = await ex.privatePostV5OrderCancelBatch({"category": "linear", "request": rows})
    assert [row["code"] for row in reply["retExtInfo"]["list"]] == [110001, 0, 10006]
    assert len(await ex.fetch_open_orders(BTC)) == 1


async def test_protection_is_set_and_protects_nothing(venue: PaperVenue, bybit: Any) -> None:
    """Property: disconnection protection answers success and never cancels, as without a private socket."""
    await bybit.create_order(BTC, "limit", "buy", 0.5, 59000)
    assert (await bybit.cancel_all_orders_after(3000))["retMsg"] == "success"
    [told] = (await bybit.privateGetV5AccountQueryDcpInfo())["result"]["dcpInfos"]
    assert (told["product"], told["timeWindow"]) == ("DERIVATIVES", "3")
    await refused(bybit.cancel_all_orders_after(301_000), ccxt.BadRequest, 10001)
    venue.clock.skew = timedelta(seconds=60)
    venue.books.tick()
    await bybit.load_time_difference()
    assert len(await bybit.fetch_open_orders()) == 1


async def test_faults_reach_the_client_in_the_exchanges_form(venue: PaperVenue, bybit: Any) -> None:
    """Property: scripted faults speak Bybit; a dropped order is carried out once, and its id is refused again."""
    await bybit.load_markets()
    add = venue.faults.add
    add(Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL))
    await refused(bybit.cancel_all_orders(), ccxt.ExchangeError, 10016)
    add(Fault(kind=FaultKind.REJECT, operation=Operation.POSITIONS, code=10000, message="Server Timeout"))
    await refused(bybit.fetch_positions(), ccxt.ExchangeError, 10000)
    add(Fault(kind=FaultKind.STATUS, operation=Operation.POSITIONS, status=503))
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await bybit.fetch_positions()
    add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS, account="a"))
    assert await bybit.fetch_positions() == []
    add(Fault(kind=FaultKind.DROP, operation=Operation.ORDER))
    once = {"clientOrderId": "once"}
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await bybit.create_order(BTC, "market", "buy", 0.5, None, once)
    await refused(bybit.create_order(BTC, "market", "buy", 0.5, None, once), ccxt.InvalidOrder, 110072)
    assert [entry.details["after"] for entry in venue.journal.read(kinds=["fill"])] == [Decimal("0.5")]
    add(Fault(kind=FaultKind.HANG, operation=Operation.ORDERS))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bybit.fetch_open_orders(), 0.2)


async def test_other_hosts_and_paths_are_not_answered(venue: PaperVenue, bybit: Any) -> None:
    """Property: an endpoint that the dialect lacks, and another exchange's endpoint on this host, are seen as leaks."""
    for path in ("v5/market/kline", "fapi/v1/time"):
        async with bybit.session.get(f"https://api.bybit.com/{path}") as reply:
            assert reply.status == 404
    assert len(venue.journal.read(kinds=["unknown_path"])) == 2
